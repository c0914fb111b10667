//! What every carrier does alike.

use bowline_blocking::Blocking;
use bowline_testing::behaviour::{self, Threads};

#[test]
fn a_connection_over_tcp_behaves() {
    behaviour::run::<Threads<Blocking>>();
}

#[test]
fn a_connection_over_tls_behaves() {
    behaviour::run_encrypted::<Threads<Blocking>>();
}
