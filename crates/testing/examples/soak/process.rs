use std::error::Error;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holdings {
    /// Memory that is in RAM, in KiB.
    pub(crate) resident: u64,
    /// Open descriptors.
    pub(crate) descriptors: u64,
}

impl Holdings {
    /// Reads what process `id` holds.
    pub(crate) fn of(id: u32) -> Result<Self, Box<dyn Error>> {
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|line| line.split_whitespace().next())
            .ok_or("no VmRSS in /proc")?;
        Ok(Self {
            resident: resident.parse()?,
            descriptors: fs::read_dir(format!("/proc/{id}/fd"))?.count() as u64,
        })
    }
}

/// `bowline serve`; it ends with this value.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts the server and waits until it has printed its address.
    pub(crate) fn start(program: &Path, log: &Path) -> Result<Self, Box<dyn Error>> {
        let output = File::create(log)?;
        let child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut server = Self {
            child,
            log: log.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let said = fs::read_to_string(log)?;
            if let Some(address) = address(&said) {
                server.address = address;
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended with {status} and said: {said}").into());
            }
            if Instant::now() > until {
                return Err(format!("the server printed no address; it said: {said}").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How many connections the server gave up because their task panicked.
    pub(crate) fn panics(&self) -> Result<usize, Box<dyn Error>> {
        let log = fs::read(&self.log)?;
        let log = String::from_utf8_lossy(&log);
        Ok(log.lines().filter(|line| line.contains(GIVEN_UP)).count())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}

/// Lets this process and those it starts open `wanted` descriptors.
///
/// Only the soft limit is raised, which is ours to choose, and only if it is too low.
pub(crate) fn allow_descriptors(wanted: u64) -> Result<(), Box<dyn Error>> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No number means no limit.
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if let Some(maximum) = maximum.filter(|maximum| *maximum < wanted) {
        return Err(format!(
            "{wanted} descriptors are needed and {maximum} allowed: raise the hard limit (`ulimit -Hn`) or \
             ask for fewer --connections"
        )
        .into());
    }
    eprintln!("soak: raising the soft limit of open files to {wanted}");
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(wanted),
            maximum,
        },
    )?;
    Ok(())
}

/// The address in `listening on http://127.0.0.1:4001/ (…`.
fn address(said: &str) -> Option<SocketAddr> {
    let (_, rest) = said.split_once("http://")?;
    rest.split_once('/')?.0.parse().ok()
}

/// What the server writes when the task of a connection panics.
const GIVEN_UP: &str = "a connection was given up";
