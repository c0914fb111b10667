//! What origins and errors say of themselves.

use std::collections::HashSet;
use std::error::Error;
use std::fmt::Display;

use bowline_extension::{ConfirmError, ParseError};
use bowline_handshake::{
    ClientHandshakeError, HeadError, HeaderError, Origin, OriginError, RequestError, ResponseError,
    SubprotocolError, UriError,
};
use http::StatusCode;

#[test]
fn an_origin_is_written_as_a_browser_writes_it() {
    for (text, written) in [
        ("null", "null"),
        ("https://Example.com", "https://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("chrome-extension://abc", "chrome-extension://abc"),
        ("a1+.-://x", "a1+.-://x"),
    ] {
        assert_eq!(text.parse::<Origin>().unwrap().to_string(), written);
    }
}

#[test]
fn a_scheme_begins_with_a_letter_and_has_no_other_signs() {
    for text in ["1a://x", "+a://x", "://x", "a_b://x", "a b://x", "ä://x"] {
        assert_eq!(text.parse::<Origin>(), Err(OriginError), "{text}");
    }
}

#[test]
fn every_fault_has_words_of_its_own() {
    let status = StatusCode::CONTINUE;
    let name = || Box::<str>::from("upgrade");
    all_differ(&[
        HeadError::NotHttp,
        HeadError::BareLineFeed,
        HeadError::BareCarriageReturn,
        HeadError::StartLine,
        HeadError::FoldedLine,
        HeadError::HeaderName,
        HeadError::ControlByte { byte: 7 },
        HeadError::StartLineTooLong { limit: 9 },
        HeadError::HeaderLineTooLong { limit: 9 },
        HeadError::HeadTooLong { limit: 9 },
        HeadError::TooManyHeaders { limit: 9 },
    ]);
    all_differ(&[
        HeaderError::Name,
        HeaderError::Value,
        HeaderError::Reserved { name: name() },
        HeaderError::TooMany,
    ]);
    all_differ(&[
        RequestError::Uri(UriError::NoHost),
        RequestError::Method,
        RequestError::Version,
        RequestError::Header(HeaderError::Name),
    ]);
    all_differ(&[
        ResponseError::Interim { status },
        ResponseError::Body { status },
        ResponseError::ContentLength,
        ResponseError::Reserved { name: name() },
    ]);
    all_differ(&[
        UriError::Scheme,
        UriError::NoHost,
        UriError::Host,
        UriError::Port,
        UriError::UserInfo,
        UriError::Fragment,
        UriError::Byte { byte: 7, at: 1 },
        UriError::Percent { at: 1 },
    ]);
    all_differ(&[
        SubprotocolError::Name { name: name() },
        SubprotocolError::Repeated { name: name() },
        SubprotocolError::Unoffered { name: name() },
    ]);
    all_differ(&[OriginError]);
}

#[test]
fn an_answer_that_fails_says_what_is_behind_it() {
    let head = ClientHandshakeError::Head(HeadError::FoldedLine);
    let extensions = ClientHandshakeError::Extensions(ParseError::EmptyList);
    let confirm = ClientHandshakeError::Confirm(ConfirmError::new("never offered"));
    for (error, behind) in [
        (&head, HeadError::FoldedLine.to_string()),
        (&extensions, ParseError::EmptyList.to_string()),
        (&confirm, "never offered".to_owned()),
    ] {
        assert_eq!(error.source().unwrap().to_string(), behind);
    }
    let late = ClientHandshakeError::TimedOut { received: 0 };
    let later = ClientHandshakeError::TimedOut { received: 5 };
    let ended = ClientHandshakeError::Ended { received: 0 };
    assert!(late.source().is_none());
    all_differ(&[head, extensions, confirm, late, later, ended]);
}

fn all_differ(errors: &[impl Display]) {
    let words: HashSet<_> = errors.iter().map(|error| error.to_string()).collect();
    assert_eq!(words.len(), errors.len());
    assert!(!words.contains(""));
}
