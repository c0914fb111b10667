//! Bowline's echo at each layer.

mod frame;
mod io;
mod proto;

use bench_micro_harness::Case;

pub const CASES: &[Case] = &[
    Case {
        name: "frame",
        open: frame::echo,
    },
    Case {
        name: "proto",
        open: proto::echo,
    },
    Case {
        name: "io recv",
        open: io::recv,
    },
    Case {
        name: "io recv_ref",
        open: io::recv_ref,
    },
];
