//! The echo examples, run as programs.

bowline_testing::program_tests!();
