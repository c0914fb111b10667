//! What errors say, and what they say is behind them.

use std::error::Error;
use std::io;

use bowline_extension::ExtensionError;
use bowline_frame::Message;
use bowline_proto::{ProtocolError, QueueError, SendError};

#[test]
fn behind_an_error_of_an_extension_is_its_source() {
    let broken = || ExtensionError::protocol("bad block").with_source(io::Error::other("inner"));
    let errors: [Box<dyn Error>; 3] = [
        Box::new(ProtocolError::Extension(broken())),
        Box::new(SendError::Extension(broken())),
        Box::new(QueueError::Send(SendError::Extension(broken()))),
    ];
    for error in errors {
        assert_eq!(error.to_string(), broken().to_string());
        let source = error.source().expect("a source");
        assert_eq!(source.to_string(), "inner");
    }
}

#[test]
fn what_has_nothing_behind_it_has_no_source() {
    let errors: [Box<dyn Error>; 4] = [
        Box::new(ProtocolError::TooManyEmptyFragments),
        Box::new(ProtocolError::MessageTooBig { limit: 7 }),
        Box::new(SendError::PingTooLong { len: 126 }),
        Box::new(QueueError::Full(Message::from("a"))),
    ];
    for error in errors {
        assert!(error.source().is_none(), "{error}");
        assert_ne!(error.to_string(), "");
    }
}

#[test]
fn numbers_and_options_are_named() {
    assert!(
        SendError::PingTooLong { len: 126 }
            .to_string()
            .contains("126")
    );
    let full = QueueError::Full(Message::from("a"));
    assert!(full.to_string().contains("hard_mark"));
    let too_big = ProtocolError::MessageTooBig { limit: 77 };
    assert!(too_big.to_string().contains("77"));
}
