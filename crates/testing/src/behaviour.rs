//! What every carrier does alike, whatever its runtime: one suite, written once.
//!
//! [`run`] runs all cases on a [`Carrier`]. In most of them its end of a connection, a server or a client, meets a
//! peer that is played by hand over a socket of its own and that checks every byte; in some both ends are the
//! carrier's. All of them run over TCP alone and over TLS. The cases lie in one file per topic:
//!
//! | topic | |
//! |---|---|
//! | `messages` | of every length, in every way to send and to receive them |
//! | `fragments` | whole, in chunks, and sent one by one |
//! | `pings` | of both ends; keepalive |
//! | `closing` | the closing handshake of either end or both, its deadlines, `serve` |
//! | `endings` | transports that end without it, and connections that are dropped |
//! | `handshake` | what is agreed on and what is refused, its deadline, frames right behind the head |
//! | `limits` | what is taken up to a limit, and refused beyond it |
//! | `violations` | what a peer is told that breaks the rules |
//! | `backpressure` | peers that don't read; both ends writing at once; the write deadline |
//! | `split` | halves in threads of their own, of which one is idle |
//! | `cancel` | calls that are given up at every poll |
//! | `compression` | permessage-deflate |
//! | `encryption` | who is trusted; over TLS only |
//!
//! [`Carrier`] lists them all.
//!
//! A deadline that is to pass is short, all others are long, and it is the order of events that counts: a busy machine
//! changes no outcome. No case is left out for any carrier. What carriers can't do alike is listed at [`Carrier`].

mod backpressure;
mod bench;
mod cancel;
mod carrier;
mod closing;
mod compression;
mod encryption;
mod end;
mod endings;
mod fragments;
mod handshake;
mod limits;
mod messages;
mod peer;
mod pings;
mod run;
mod runtime;
mod split;
mod threads;
mod violations;
mod wire;

pub use bowline_io::{Chunk, Event};
pub use carrier::{Answer, Carrier, Receives, Sends, Settings, Socket};
pub use run::{Failure, failures, names, run, run_encrypted};
pub use runtime::{Async, On, Runtime};
pub use threads::Threads;
