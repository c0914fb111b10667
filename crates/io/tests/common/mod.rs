//! Scripted transports, a clock that tests move, and executors that notice a lost wake-up.

// Each test program uses a part of it.
#![allow(dead_code, unused_imports)]

mod clock;
mod promise;
mod run;
mod script;

pub(crate) use clock::{Fake, advance, timers_made, timers_reset};
pub(crate) use promise::{end_thread, spawned, swap_thread, task};
pub(crate) use run::{Executor, Gate, Handle, complete, poll_once, poll_times};
pub(crate) use script::{Fault, Input, Script, Scripted, State};

use bowline_io::{Config, Role, WebSocket};
use bytes::BytesMut;

pub(crate) type Socket = WebSocket<Scripted>;

/// An open connection over a scripted transport.
pub(crate) fn open(role: Role, config: &Config) -> (Script, Socket) {
    let (script, transport) = Script::new();
    let socket = WebSocket::new(role, transport, config, None, BytesMut::new());
    (script, socket)
}

/// A server with the default configuration.
pub(crate) fn server() -> (Script, Socket) {
    open(Role::Server, &Config::new(Role::Server))
}
