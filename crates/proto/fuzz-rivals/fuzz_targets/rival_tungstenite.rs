#![no_main]

use bowline_proto_fuzz_rivals::{Rival, compare};

libfuzzer_sys::fuzz_target!(|input: &[u8]| compare(&mut Rival::Tungstenite, input));
