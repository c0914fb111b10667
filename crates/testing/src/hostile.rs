//! Peers that mean harm, and what must come of them.
//!
//! A [`Case`] is one attack: what the attacker does on a transport of its own, and how the victim must end it.
//! [`attack_server`] and [`attack_client`] run cases against a program that echoes, one after another. Each must end as
//! its case says, within the memory that its case allows, and a peer that means well is served behind it.
//!
//! The cases lie in one file per topic, and most of them serve both roles: a rule of framing binds whoever reads.
//! [`requests`] and [`responses`] alone concern HTTP/1.1; a carrier that opens connections in another way leaves them
//! out, and its [`Transport`] says that it is open.
//!
//! [`records`] concerns TLS, for carriers that encrypt.
//!
//! A carrier joins with `tests/hostile.rs`, a program of its own whose global allocator counts: it says how to start the
//! carrier's echo examples (`Victim`), and `hostile_tests` makes the tests. One that opens connections in another way
//! starts its example for each [`Short`], says how to dial it, and tells its errors as a [`Verdict`]. The program under
//! attack takes limits and deadlines from [`config`] and [`handshake_timeout`]. All are long but the one that a case is
//! about, so that a busy machine changes no outcome.

mod attacker;
mod case;
mod close;
mod closing;
mod compression;
mod crowd;
mod endings;
mod floods;
mod frames;
mod judge;
mod noise;
mod records;
mod requests;
mod responses;
mod run;
#[cfg(feature = "behaviour")]
mod suite;
mod text;
#[cfg(feature = "behaviour")]
mod tls;

pub use attacker::{Tls, Transport};
pub use case::{Case, Conduct, MAX_MESSAGE, Short, Verdict, config, handshake_timeout};
pub use close::close;
pub use closing::closing;
pub use compression::compression;
pub use crowd::crowd_server;
pub use endings::endings;
pub use floods::floods;
pub use frames::frames;
pub use noise::{noise_below_server, noise_server};
pub use records::records;
pub use requests::requests;
pub use responses::responses;
pub use run::{Dial, attack_client, attack_server, plain};
#[cfg(feature = "behaviour")]
pub use suite::{Suite, Victim};
pub use text::text;
