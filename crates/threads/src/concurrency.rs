//! What threads that share the writing side may do to each other: loom runs each model once for every order that their
//! locks and atomics can be used in, and fails when all of them wait.
//!
//! A receiver is one that queues replies and then waits for input that never comes: what it leaves, another thread must
//! write. No clock runs: the time of a call that has one is up from the start, so it does what needs no wait, and in all
//! orders.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bowline_frame::Role;
use bowline_proto::{Config, Outbound, Reply};
use loom::thread;

use crate::shared::{Out, Shared};
use crate::{Error, TransportWrite};

/// A transport that takes so many bytes at once, after it has said that it takes none.
struct Writer {
    most: usize,
    refusals: u32,
    broken: bool,
}

impl TransportWrite for Writer {
    fn write(&mut self, runs: &[IoSlice<'_>], _: Option<Instant>) -> io::Result<usize> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.refusals > 0 {
            self.refusals -= 1;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(runs[0].len().min(self.most))
    }

    fn flush(&mut self, _: Option<Instant>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const WHOLE: Writer = Writer {
    most: usize::MAX,
    refusals: 0,
    broken: false,
};

fn share(writer: Writer, config: &Config) -> Arc<Shared<Writer>> {
    Arc::new(Shared::new(writer, Outbound::server(config, None), config))
}

/// Sends as a sender does.
fn send(shared: &Shared<Writer>) -> Result<(), Error> {
    let mut out = shared.wait(shared.lock(), None, |out| out.has_room());
    out.check()?;
    queue(&mut out)?;
    let mark = out.mark();
    let mut out = shared.wait(out, None, |out| out.is_written(mark));
    if out.is_written(mark) {
        return Ok(());
    }
    out.check()
}

fn queue(out: &mut Out<Writer>) -> Result<(), Error> {
    let queued = out.queue(|outbound| outbound.send("x".into()));
    Ok(queued.expect("there is no extension to panic")?)
}

/// Replies twice as a receiver does, and looks at the writing side before it waits. False if it will look again soon, because
/// the transport took no more.
fn reply_and_wait(shared: &Shared<Writer>) -> bool {
    for payload in [b"p", b"q"] {
        shared.lock().outbound.reply(Reply::Pong(payload));
    }
    if !shared.is_busy() {
        return true;
    }
    let out = shared.offer_receiving(shared.lock(), Instant::now());
    !(out.is_waiting() && out.is_free())
}

/// Sends as a sender does whose time is up: false if there was no room for the message.
fn send_timeout(shared: &Shared<Writer>) -> bool {
    let until = Some(Instant::now());
    let mut out = shared.wait(shared.lock(), until, |out| out.has_room());
    if !out.has_room() {
        return false;
    }
    queue(&mut out).unwrap();
    shared.written_or_left(out, until);
    true
}

/// Looks once as a receiver does whose time is up, after a reply. False if output is left to the next call.
fn recv_timeout(shared: &Shared<Writer>) -> bool {
    shared.lock().outbound.reply(Reply::Pong(b"p"));
    if !shared.is_busy() {
        return true;
    }
    let out = shared.offer_receiving(shared.lock(), Instant::now());
    !(out.is_waiting() && out.is_free())
}

fn assert_all_is_written(shared: &Shared<Writer>) {
    let out = shared.lock();
    assert!(out.is_free() && !out.is_waiting());
}

#[test]
fn a_reply_is_written_whoever_has_the_turn() {
    model(5, || {
        let shared = share(WHOLE, &Config::new(Role::Server));
        let sending = spawn(&shared, |shared| send(shared).unwrap());
        // Whether it comes back, for what the sender queued meanwhile, or not.
        reply_and_wait(&shared);
        sending.join().unwrap();
        assert_all_is_written(&shared);
    });
}

#[test]
fn a_reply_is_written_by_one_of_two_senders() {
    model(2, || {
        let shared = share(WHOLE, &Config::new(Role::Server));
        let one = spawn(&shared, |shared| send(shared).unwrap());
        let other = spawn(&shared, |shared| send(shared).unwrap());
        reply_and_wait(&shared);
        one.join().unwrap();
        other.join().unwrap();
        assert_all_is_written(&shared);
    });
}

#[test]
fn a_sender_writes_what_the_transport_refused_the_receiver() {
    model(4, || {
        let writer = Writer {
            most: 2,
            refusals: 1,
            ..WHOLE
        };
        let shared = share(writer, &Config::new(Role::Server));
        let sending = spawn(&shared, |shared| send(shared).unwrap());
        let waits = reply_and_wait(&shared);
        sending.join().unwrap();
        if waits {
            assert_all_is_written(&shared);
        }
    });
}

#[test]
fn senders_who_wait_for_room_are_all_woken() {
    model(2, || {
        let config = Config::new(Role::Server).soft_mark(1);
        let shared = share(WHOLE, &config);
        let one = spawn(&shared, |shared| send(shared).unwrap());
        let other = spawn(&shared, |shared| send(shared).unwrap());
        send(&shared).unwrap();
        one.join().unwrap();
        other.join().unwrap();
        assert_all_is_written(&shared);
    });
}

#[test]
fn what_is_accepted_in_time_is_written_beside_a_sender_that_waits() {
    model(3, || {
        let shared = share(WHOLE, &Config::new(Role::Server));
        let timed = spawn(&shared, |shared| assert!(send_timeout(shared)));
        let sending = spawn(&shared, |shared| send(shared).unwrap());
        let comes_back = !recv_timeout(&shared);
        timed.join().unwrap();
        sending.join().unwrap();
        if comes_back {
            assert!(recv_timeout(&shared));
        }
        assert_all_is_written(&shared);
    });
}

#[test]
fn a_sender_whose_time_is_up_keeps_nobody_from_writing() {
    model(2, || {
        let config = Config::new(Role::Server).soft_mark(1);
        let writer = Writer {
            most: 2,
            refusals: 1,
            ..WHOLE
        };
        let shared = share(writer, &config);
        let timed = spawn(&shared, |shared| send_timeout(shared));
        let sending = spawn(&shared, |shared| send(shared).unwrap());
        send(&shared).unwrap();
        timed.join().unwrap();
        sending.join().unwrap();
        // What was refused to the one without time, or came behind all others, is the receiver's.
        while !recv_timeout(&shared) {}
        assert_all_is_written(&shared);
    });
}

#[test]
fn a_receiver_whose_time_is_up_leaves_nothing_to_nobody() {
    model(4, || {
        let shared = share(WHOLE, &Config::new(Role::Server));
        let timed = spawn(&shared, |shared| assert!(send_timeout(shared)));
        let comes_back = !recv_timeout(&shared);
        timed.join().unwrap();
        if comes_back {
            assert!(recv_timeout(&shared));
        }
        assert_all_is_written(&shared);
    });
}

#[test]
fn a_failure_ends_everybody() {
    model(3, || {
        let writer = Writer {
            broken: true,
            ..WHOLE
        };
        let shared = share(writer, &Config::new(Role::Server));
        let other = spawn(&shared, |shared| send(shared).unwrap_err());
        let errors = [send(&shared).unwrap_err(), other.join().unwrap()];
        let told = |error: &Error| matches!(error, Error::Transport(_));
        assert_eq!(errors.iter().filter(|error| told(error)).count(), 1);
        assert!(shared.lock().take_cause().is_some());
        assert!(shared.is_busy(), "the receiver is told to look");
    });
}

fn spawn<R: 'static>(
    shared: &Arc<Shared<Writer>>,
    run: impl FnOnce(&Shared<Writer>) -> R + 'static,
) -> thread::JoinHandle<R> {
    let shared = Arc::clone(shared);
    thread::spawn(move || run(&shared))
}

/// Runs a program in every order that needs no more than so many preemptions, and says how many that were.
fn model(preemptions: usize, program: impl Fn() + Send + Sync + 'static) {
    let orders = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&orders);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        program();
    });
    println!("model of {} orders", orders.load(Ordering::Relaxed));
}
