//! What the kernel's books say of a process.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::Result;

/// The CPU time that all threads of a process have taken.
///
/// It is exact once they wait for something; what a thread took that ended is lost.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let tasks = format!("/proc/{pid}/task");
    let mut nanoseconds = 0;
    for task in fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))? {
        let path = task?.path().join("schedstat");
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let first = text.split_whitespace().next().ok_or("schedstat is empty")?;
        nanoseconds += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The memory of a process that lies in RAM, in bytes.
pub(crate) fn rss(pid: u32) -> Result<u64> {
    // `status` and `statm` are off by what each CPU has not yet added to the sum.
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kilobytes.ok_or("smaps_rollup has no Rss")?.parse::<u64>()? * 1024)
}

/// Lets this process open as many files as it may ever be allowed to.
pub(crate) fn raise_files() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// The CPU time that this process has taken.
pub(crate) fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
