use std::error::Error;
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bowline_testing::random::{Random, seed};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{self, Instant, MissedTickBehavior};

use crate::connection::{Counts, Place};
use crate::judge::{Course, Growth, SETTLING};
use crate::options::Options;
use crate::process::{Holdings, Server, allow_descriptors};
use crate::report::Report;

/// Puts the load on a server of its own; false if something was lost, altered, broken or left behind.
pub(crate) async fn run(options: Options) -> Result<bool, Box<dyn Error>> {
    let connections = options.connections.get();
    // Those that die are replaced at once, and either end has a few files of its own.
    allow_descriptors(connections as u64 + connections as u64 / 10 + 64)?;
    let server = Server::start(&options.server, &options.log)?;
    let report = Report { json: options.json };
    let (server_id, client_id) = (server.id(), process::id());
    let (server_start, client_start) = (Holdings::of(server_id)?, Holdings::of(client_id)?);

    let mut random = Random::new(seed());
    let counts = Arc::new(Counts::default());
    let gate = Arc::new(Semaphore::new(OPENING));
    let (stop, stopped) = watch::channel(false);
    let mut kills = Vec::new();
    let mut places = JoinSet::new();
    for _ in 0..connections {
        let (kill, killed) = mpsc::channel(1);
        kills.push(kill);
        let place = Place {
            address: server.address,
            random: Random::new(random.next_u64()),
            counts: Arc::clone(&counts),
            gate: Arc::clone(&gate),
            kills: killed,
            stop: stopped.clone(),
        };
        places.spawn(place.keep_busy());
    }

    report.begin();
    let begin = Instant::now();
    while counts.open.load(Relaxed) < connections as u64 {
        if begin.elapsed() > SETTLING {
            return Err(format!("only {} connections open", counts.open.load(Relaxed)).into());
        }
        time::sleep(Duration::from_millis(20)).await;
    }
    let (mut server_course, mut client_course) = (Course::default(), Course::default());
    let begin = Instant::now();
    let seconds = options.minutes.get().saturating_mul(60);
    let every = options.minutes.get().saturating_mul(5).min(60);
    let mut ticks = time::interval_at(begin + SECOND, SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut due = 0;
    let mut next_report = every;
    while begin.elapsed() < Duration::from_secs(seconds) {
        ticks.tick().await;
        due += connections;
        while due >= 100 {
            due -= 100;
            // A place that has not seen its last kill yet is dying already.
            let _ = kills[random.below(connections)].try_send(());
        }
        let (server, client) = (Holdings::of(server_id)?, Holdings::of(client_id)?);
        server_course.note(server);
        client_course.note(client);
        let elapsed = begin.elapsed();
        if elapsed.as_secs() >= next_report {
            next_report += every;
            report.progress(elapsed, &counts, server, client);
        }
    }

    stop.send_replace(true);
    let mut faults = Vec::new();
    while let Some(ended) = places.join_next().await {
        if let Err(error) = ended {
            faults.push(format!("a task of ours ended early: {error}"));
        }
    }
    let until = Instant::now() + SETTLING;
    loop {
        let back = Holdings::of(server_id)?.descriptors == server_start.descriptors
            && Holdings::of(client_id)?.descriptors == client_start.descriptors;
        if back || Instant::now() > until {
            break;
        }
        time::sleep(Duration::from_millis(50)).await;
    }

    let judged = |start, course: &Course, id| -> Result<Growth, Box<dyn Error>> {
        let (warm, end) = course.warm_and_end().ok_or("too few samples")?;
        let idle = Holdings::of(id)?;
        Ok(Growth {
            start,
            warm,
            end,
            idle,
        })
    };
    let server_growth = judged(server_start, &server_course, server_id)?;
    let client_growth = judged(client_start, &client_course, client_id)?;
    faults.extend(server_growth.faults("server", connections as u64));
    faults.extend(client_growth.faults("client", connections as u64));
    for (count, what) in [
        (&counts.lost, "messages were lost"),
        (&counts.altered, "messages were altered"),
        (
            &counts.broken,
            "connections did not open, stay or close as they should",
        ),
    ] {
        let count = count.load(Relaxed);
        if count > 0 {
            faults.push(format!("{count} {what}"));
        }
    }
    let panics = server.panics()?;
    if panics > 0 {
        faults.push(format!("{panics} connections were given up in a panic"));
    }
    if counts.messages.load(Relaxed) == 0 || counts.killed.load(Relaxed) == 0 {
        faults.push("nothing was exchanged, or nothing killed".into());
    }
    report.end(&counts, server_growth, client_growth, &faults);
    Ok(faults.is_empty())
}

/// A server's queue of new connections is short; so many stand in it at once.
const OPENING: usize = 100;

const SECOND: Duration = Duration::from_secs(1);
