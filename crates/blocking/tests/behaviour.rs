//! What every carrier does alike.

use bowline_blocking::Blocking;
use bowline_testing::behaviour::{self, Threads};

#[test]
fn a_connection_over_tcp_behaves() {
    behaviour::run::<Threads<Blocking>>();
}

// covers WS-4.1-06, WS-4.1-07, WS-4.2.2-01, WS-10.6-01, TLS-01, TLS-02, TLS-04, TLS-05
#[test]
fn a_connection_over_tls_behaves() {
    behaviour::run_encrypted::<Threads<Blocking>>();
}
