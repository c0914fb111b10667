use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;

use crate::Result;
use crate::arguments::{Arguments, End};
use crate::connection::Connection;
use crate::histogram::Histogram;
use crate::messages::Messages;
use crate::process;
use crate::strace::Strace;

/// Warms up, measures, and prints what was found.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut load = Load::open(arguments)?;
    load.exchange(End::After(arguments.warm_up))?;
    let before = load.counts();
    load.histogram = Histogram::new();

    settle();
    let strace = match arguments.strace {
        true => Some(Strace::attach(arguments.pid)?),
        false => None,
    };
    let cpu = process::cpu(arguments.pid)?;
    let own = process::own_cpu();
    let started = Instant::now();
    load.exchange(arguments.end)?;
    let took = started.elapsed();
    let own = process::own_cpu() - own;
    settle();
    let cpu = process::cpu(arguments.pid)? - cpu;

    let calls = strace.map(Strace::detach).transpose()?;

    let after = load.counts();
    println!("{}", load.report(before, after, took, cpu, own, calls)?);
    Ok(())
}

/// All connections to a server, and what waits for them.
struct Load<'a> {
    arguments: &'a Arguments,
    messages: Messages,
    connections: Vec<Connection>,
    epoll: OwnedFd,
    buffer: Vec<u8>,
    histogram: Histogram,
    clock: Instant,
}

/// What was counted since the connections were opened.
#[derive(Clone, Copy)]
struct Counts {
    messages: u64,
    compared: u64,
    bytes: u64,
}

impl<'a> Load<'a> {
    fn open(arguments: &'a Arguments) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::new();
        for index in 0..arguments.connections {
            let connection = Connection::open(arguments, index)?;
            let data = EventData::new_u64(index as u64);
            epoll::add(&epoll, &connection.stream, data, EventFlags::IN)?;
            connections.push(connection);
        }
        Ok(Load {
            arguments,
            messages: Messages::new(arguments.kind, arguments.size, arguments.raw)?,
            connections,
            epoll,
            buffer: vec![0; BUFFER],
            histogram: Histogram::new(),
            clock: Instant::now(),
        })
    }

    /// Keeps messages in flight until `end`, then waits for the last of them.
    fn exchange(&mut self, end: End) -> Result<()> {
        let (mut budget, deadline) = match end {
            End::After(time) => (u64::MAX, self.now() + time.as_nanos() as u64),
            End::Messages(count) => (count, u64::MAX),
        };
        let mut in_flight = 0;
        let now = self.now();
        for index in 0..self.connections.len() {
            let count = budget.min(self.arguments.depth as u64);
            budget -= count;
            in_flight += count;
            self.connections[index].sending.allow(count);
            self.send(index, now)?;
        }
        let mut events = Vec::with_capacity(self.connections.len().min(256));
        while in_flight > 0 {
            events.clear();
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&PATIENCE))?;
            if events.is_empty() {
                return Err(format!("{in_flight} messages don't come back").into());
            }
            for event in &events {
                let index = event.data.u64() as usize;
                let now = self.now();
                let connection = &mut self.connections[index];
                let received = connection.receive(
                    &mut self.buffer,
                    &self.messages,
                    &mut self.histogram,
                    now,
                )?;
                in_flight -= received;
                if now < deadline {
                    let count = budget.min(received);
                    budget -= count;
                    in_flight += count;
                    connection.sending.allow(count);
                }
                self.send(index, now)?;
            }
        }
        Ok(())
    }

    /// Sends what may be sent, and waits for room if there is too little.
    fn send(&mut self, index: usize, now: u64) -> Result<()> {
        let connection = &mut self.connections[index];
        let before = connection.sending.blocked;
        connection.send(&self.messages, now)?;
        if connection.sending.blocked != before {
            let flags = match connection.sending.blocked {
                true => EventFlags::IN | EventFlags::OUT,
                false => EventFlags::IN,
            };
            let data = EventData::new_u64(index as u64);
            epoll::modify(&self.epoll, &connection.stream, data, flags)?;
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }

    fn counts(&self) -> Counts {
        let all = self
            .connections
            .iter()
            .map(|connection| &connection.receiving);
        Counts {
            messages: all.clone().map(|one| one.received).sum(),
            compared: all.clone().map(|one| one.compared).sum(),
            bytes: all.map(|one| one.bytes).sum(),
        }
    }

    /// One JSON object.
    fn report(
        &self,
        before: Counts,
        after: Counts,
        took: Duration,
        cpu: Duration,
        own: Duration,
        calls: Option<Vec<(String, u64)>>,
    ) -> Result<String> {
        let messages = after.messages - before.messages;
        let compared = after.compared - before.compared;
        let bytes = after.bytes - before.bytes;
        let seconds = took.as_secs_f64();
        let mut text = String::new();
        write!(text, "{{\"messages\":{messages},\"compared\":{compared}")?;
        write!(
            text,
            ",\"seconds\":{seconds:.6},\"rate\":{:.1}",
            messages as f64 / seconds
        )?;
        write!(
            text,
            ",\"cpu_ns\":{}",
            per_message(cpu.as_nanos(), messages)
        )?;
        write!(
            text,
            ",\"load_cpu_ns\":{}",
            per_message(own.as_nanos(), messages)
        )?;
        write!(
            text,
            ",\"reply_bytes\":{}",
            per_message(bytes.into(), messages)
        )?;
        if let Some(calls) = calls {
            let calls: Vec<_> = calls
                .into_iter()
                .map(|(name, count)| format!("\"{name}\":{:.4}", count as f64 / messages as f64))
                .collect();
            write!(text, ",\"calls\":{{{}}}", calls.join(","))?;
        }
        text.push_str(",\"latency_ns\":{");
        for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)] {
            write!(text, "\"{name}\":{},", self.histogram.quantile(share))?;
        }
        write!(text, "\"max\":{}}}}}", self.histogram.max())?;
        Ok(text)
    }
}

fn per_message(all: u128, messages: u64) -> String {
    format!("{:.2}", all as f64 / messages as f64)
}

/// Waits until the server waits: only then the kernel's books are exact.
fn settle() {
    thread::sleep(Duration::from_millis(3));
}

/// What is read at once.
const BUFFER: usize = 256 * 1024;

/// How long nothing may come.
const PATIENCE: Timespec = Timespec {
    tv_sec: 20,
    tv_nsec: 0,
};
