use bowline_frame::{FrameError, MaskKeys, MessageKind, Role};
use bowline_proto::{Config, Connection, EventRef, ProtocolError};

use crate::{Course, End, MAX_MESSAGE, Rule};

pub(crate) fn run(role: Role, wire: &[u8]) -> Course {
    let config = Config::new(role).max_message(MAX_MESSAGE as u64);
    let mut connection = match role {
        Role::Server => Connection::server(&config, None),
        Role::Client => Connection::client(MaskKeys::new(|keys| keys.fill(0x5A)), &config, None),
    };
    let mut wire = wire.to_vec();
    let mut rest = &mut wire[..];
    let mut messages = Vec::new();
    loop {
        let (used, event) = match connection.handle(rest) {
            Ok(handled) => handled,
            Err(error) => {
                let end = End::Failed(Some(rule(&error)), error.close_code().get());
                return Course { messages, end };
            }
        };
        match event {
            None => {
                let end = End::Open;
                return Course { messages, end };
            }
            Some(EventRef::Close(close)) => {
                let end = End::Closed(close.map(|close| close.code().get()));
                return Course { messages, end };
            }
            Some(EventRef::Message(message)) => {
                let text = message.kind() == MessageKind::Text;
                messages.push((text, message.as_bytes().to_vec()));
            }
            Some(EventRef::Assembled(message)) => {
                let text = message.kind() == MessageKind::Text;
                messages.push((text, message.into_bytes().to_vec()));
            }
            Some(_) => {}
        }
        rest = &mut rest[used..];
    }
}

fn rule(error: &ProtocolError) -> Rule {
    match error {
        ProtocolError::Frame(error) => match error {
            FrameError::ReservedOpCode { .. } => Rule::ReservedOpCode,
            FrameError::ReservedBits { .. } => Rule::ReservedBits,
            FrameError::ControlFragmented { .. } => Rule::ControlFragmented,
            FrameError::ControlTooLong { .. } => Rule::ControlTooLong,
            FrameError::NonMinimalLength => Rule::NonMinimalLength,
            FrameError::LengthOverflow => Rule::LengthOverflow,
            FrameError::Masking { .. } => Rule::Masking,
            FrameError::UnexpectedContinuation => Rule::UnexpectedContinuation,
            FrameError::ExpectedContinuation { .. } => Rule::ExpectedContinuation,
            FrameError::MessageTooBig { .. } => Rule::MessageTooBig,
            FrameError::CloseTooShort => Rule::CloseTooShort,
            FrameError::CloseCode { .. } => Rule::CloseCode,
            FrameError::CloseReason => Rule::CloseReason,
            FrameError::Utf8 => Rule::Utf8,
            other => panic!("{other:?} is unknown here"),
        },
        ProtocolError::MessageTooBig { .. } => Rule::MessageTooBig,
        ProtocolError::TooManyFragments { .. } | ProtocolError::TooManyEmptyFragments => {
            Rule::TooManyFragments
        }
        other => panic!("{other:?} without an extension"),
    }
}
