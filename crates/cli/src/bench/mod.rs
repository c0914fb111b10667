//! `bowline bench`.

mod exchange;
mod live;
mod payload;
mod report;
mod tally;

use std::io::{self, Write as _};
use std::panic;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bowline_tokio::{CloseCode, Config, Connector, Error, Role, Volume};
use http::header::SEC_WEBSOCKET_EXTENSIONS;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time;

use crate::args;
use crate::escape;
use crate::failure::{Chain, Failure};
use crate::signals::Signals;

use self::exchange::{Connection, Course};
use self::live::{Live, Phase};
use self::report::{Measured, Report};
use self::tally::Tally;

/// Measures, and fails if a message was lost or altered, or none could be sent.
pub(crate) async fn run(args: args::Bench) -> Result<(), Failure> {
    let signals = Signals::new().map_err(|error| Failure::of("cannot wait for ctrl-c", &error))?;
    let deflate = args.extension();
    let offered = deflate.is_some();
    let connector = args
        .target
        .connector(deflate)?
        .config(config(&args))
        .handshake_timeout(args.timeout);
    let mut bench = Bench {
        course: Arc::new(Course {
            messages: payload::messages(args.kind.get(), args.size as usize),
            depth: args.depth.into(),
            timeout: args.timeout,
            tally: Tally::new(),
        }),
        live: Live::new(args.size),
        signals,
        interrupted: false,
    };
    let measured = bench.measure(&args, connector, offered).await;
    bench.live.clear();
    let report = Report::new(&args, measured?);
    let text = match args.json {
        true => report
            .json()
            .map_err(|error| Failure::of("cannot write JSON", &error))?,
        false => report.table(),
    };
    print(&text).map_err(|error| Failure::of("cannot print", &error))?;
    report
        .failure()
        .map_or(Ok(()), |text| Err(Failure::new(text)))
}

/// Room for all messages that are to be under way, and for their echoes.
fn config(args: &args::Bench) -> Config {
    let config = Config::new(Role::Client);
    let waiting = (args.size as usize + HEADER).saturating_mul(args.depth.into());
    let longest = config.max_message.max(args.size.into());
    config
        .hard_mark(waiting.clamp(MIN_WAITING, MAX_WAITING))
        .max_message(longest)
}

/// A run.
struct Bench {
    course: Arc<Course>,
    live: Live,
    signals: Signals,
    /// The user wants it to end.
    interrupted: bool,
}

impl Bench {
    async fn measure(
        &mut self,
        args: &args::Bench,
        connector: Connector,
        offered: bool,
    ) -> Result<Measured, Failure> {
        let (mut connections, agreed) = self.open(args, connector).await?;
        if !args.warm_up.is_zero() {
            let time = Some(args.warm_up);
            connections = self
                .round(connections, None, time, Phase::WarmingUp)
                .await?;
        }
        self.live.restart(&self.course.tally);
        for connection in &mut connections {
            connection.heard = None;
        }
        let before = volumes(&mut connections);
        let since = Instant::now();
        let time = args.messages.is_none().then_some(args.time);
        let phase = Phase::Measuring { since };
        connections = self.round(connections, args.messages, time, phase).await?;
        let last = connections
            .iter()
            .filter_map(|connection| connection.heard)
            .max();
        let mut volume = volumes(&mut connections);
        for (volume, before) in volume.iter_mut().zip(before) {
            volume.payload = volume.payload.saturating_sub(before.payload);
            volume.wire = volume.wire.saturating_sub(before.wire);
        }
        self.live.refresh(&self.course.tally);
        self.close(connections).await?;
        Ok(Measured {
            counts: self.course.tally.counts().clone(),
            round_trips: self.live.round_trips.clone(),
            elapsed: last.map_or(Duration::ZERO, |last| last.duration_since(since)),
            deflate: offered.then_some((agreed, volume)),
        })
    }

    /// Opens all connections, a few at a time; with them comes how many compress.
    async fn open(
        &mut self,
        args: &args::Bench,
        connector: Connector,
    ) -> Result<(Vec<Connection>, u64), Failure> {
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let target = Arc::new(args.target.clone());
        let mut tasks = JoinSet::new();
        for number in 0..args.connections.into() {
            let (turns, target) = (Arc::clone(&turns), Arc::clone(&target));
            let (connector, course) = (connector.clone(), Arc::clone(&self.course));
            tasks.spawn(async move {
                let _turn = turns.acquire().await.expect("nobody closes it");
                let connected = connector.connect_with_response(target.url.clone()).await;
                let mut counts = course.tally.counts();
                match connected {
                    Ok((ws, response)) => {
                        counts.opened += 1;
                        let compresses = response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS);
                        let connection = Connection {
                            number,
                            ws,
                            alive: true,
                            heard: None,
                        };
                        Ok(Some((connection, compresses)))
                    }
                    Err(error) => {
                        counts.failed += 1;
                        let failure = target.refused(&error);
                        if let Error::Invalid(_) = error {
                            return Err(failure);
                        }
                        counts.trouble(escape::line(&failure.text).into_owned());
                        Ok(None)
                    }
                }
            });
        }
        let phase = Phase::Opening {
            wanted: args.connections,
        };
        self.live.announce(phase, &self.course.tally);
        let stop = AtomicBool::new(false);
        let opened = self.join(tasks, &stop, None, phase).await?;
        let mut connections = Vec::new();
        let mut agreed = 0;
        for opened in opened {
            if let Some((connection, compresses)) = opened? {
                connections.push(connection);
                agreed += u64::from(compresses);
            }
        }
        Ok((connections, agreed))
    }

    /// Lets all connections exchange messages: so many in all, or for some time.
    async fn round(
        &mut self,
        connections: Vec<Connection>,
        messages: Option<u64>,
        time: Option<Duration>,
        phase: Phase,
    ) -> Result<Vec<Connection>, Failure> {
        let stop = Arc::new(AtomicBool::new(self.interrupted));
        let alive = connections.iter().filter(|connection| connection.alive);
        let mut sharing = alive.count() as u64;
        let mut left = messages;
        let mut tasks = JoinSet::new();
        for mut connection in connections {
            let share = match &mut left {
                Some(left) if connection.alive => {
                    let share = left.div_ceil(sharing);
                    *left -= share;
                    sharing -= 1;
                    share
                }
                _ => u64::MAX,
            };
            let (course, stop) = (Arc::clone(&self.course), Arc::clone(&stop));
            tasks.spawn(async move {
                if connection.alive {
                    connection.exchange(&course, share, &stop).await;
                }
                connection
            });
        }
        self.join(tasks, &stop, time, phase).await
    }

    /// Closes what is still open.
    async fn close(&mut self, connections: Vec<Connection>) -> Result<(), Failure> {
        let mut tasks = JoinSet::new();
        for mut connection in connections
            .into_iter()
            .filter(|connection| connection.alive)
        {
            let course = Arc::clone(&self.course);
            tasks.spawn(async move {
                if let Err(error) = connection.ws.close(CloseCode::NORMAL).await {
                    let why = format!("closing: {}", Chain(&error));
                    course
                        .tally
                        .counts()
                        .trouble(escape::line(&why).into_owned());
                }
            });
        }
        let stop = AtomicBool::new(false);
        self.join(tasks, &stop, None, Phase::Closing).await?;
        Ok(())
    }

    /// Waits for all tasks and shows meanwhile how it goes. `stop` is set after `time`, or when the user wants it to
    /// end. Fails when the user does so for the second time.
    async fn join<T: 'static>(
        &mut self,
        mut tasks: JoinSet<T>,
        stop: &AtomicBool,
        time: Option<Duration>,
        phase: Phase,
    ) -> Result<Vec<T>, Failure> {
        let mut done = Vec::with_capacity(tasks.len());
        let mut over = pin!(time::sleep(time.unwrap_or(Duration::MAX)));
        loop {
            tokio::select! {
                joined = tasks.join_next() => match joined {
                    None => return Ok(done),
                    Some(Ok(value)) => done.push(value),
                    Some(Err(error)) => {
                        if let Ok(payload) = error.try_into_panic() {
                            panic::resume_unwind(payload);
                        }
                    }
                },
                () = &mut over, if !stop.load(Ordering::Relaxed) => stop.store(true, Ordering::Relaxed),
                () = self.live.due() => self.live.show(phase, &self.course.tally),
                () = self.signals.next() => {
                    if self.interrupted {
                        return Err(Failure::interrupted());
                    }
                    self.interrupted = true;
                    stop.store(true, Ordering::Relaxed);
                    if let Phase::Opening { .. } | Phase::Closing = phase {
                        // Nothing is under way that would be missed.
                        tasks.abort_all();
                    }
                }
            }
        }
    }
}

/// What compression made so far of all that was sent and received.
fn volumes(connections: &mut [Connection]) -> [Volume; 2] {
    let mut sums = [Volume::default(); 2];
    for connection in connections {
        let (receiver, sender) = connection.ws.halves();
        for (sum, volume) in sums.iter_mut().zip([sender.volume(), receiver.volume()]) {
            sum.payload += volume.payload;
            sum.wire += volume.wire;
        }
    }
    sums
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        // Whoever reads has had enough, as after `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// The longest header of a frame with a masking key.
const HEADER: usize = 14;

/// Bytes that may wait on a connection, whatever is asked for.
const MIN_WAITING: usize = 1024 * 1024;

/// Bytes that wait at most, and a message more; others are sent when echoes have come.
const MAX_WAITING: usize = 64 * 1024 * 1024;

/// Connections that are opened at the same time: a server has room for few that wait to be accepted.
const AT_A_TIME: usize = 64;
