//! What tokens, errors and shared extensions say of themselves.

use std::collections::HashSet;
use std::error::Error;
use std::io;
use std::sync::Arc;

use bowline_extension::{
    ConfirmError, Decode, Encode, ExtensionError, Negotiate, Outgoing, ParseError, Progress, Token,
};
use bowline_frame::{MessageKind, Rsv};
use bowline_testing::extension::RunLength;
use bytes::BytesMut;

#[test]
fn a_token_is_its_text() {
    let token: Token = "chat".parse().unwrap();
    assert!(token == *"chat" && token == "chat");
    assert!(token != *"chap" && token != "chap");
    assert_eq!(AsRef::<str>::as_ref(&token), "chat");
    assert_eq!(
        (token.as_str(), token.to_string()),
        ("chat", "chat".to_owned())
    );
    assert_eq!(Token::from(108), "108");
    let invalid = Token::try_from("a b").unwrap_err();
    assert_ne!(invalid.to_string(), "");
}

#[test]
fn each_wrong_header_has_words_of_its_own() {
    let errors = [
        ParseError::EmptyList,
        ParseError::NameExpected { at: 1 },
        ParseError::ParamNameExpected { at: 1 },
        ParseError::ParamValueExpected { at: 1 },
        ParseError::QuotedValueNotToken { at: 1 },
        ParseError::QuoteNotClosed { at: 1 },
        ParseError::UnexpectedByte { byte: 0x7f, at: 1 },
        ParseError::TooManyOffers { limit: 1 },
        ParseError::TooManyParams { limit: 1 },
    ];
    let words: HashSet<_> = errors.iter().map(ParseError::to_string).collect();
    assert_eq!(words.len(), errors.len());
    assert!(!words.contains(""));
}

#[test]
fn an_extension_says_why_in_its_own_words() {
    let error = ExtensionError::protocol("bad block").with_source(io::Error::other("inner"));
    assert_eq!(error.to_string(), "bad block");
    assert_eq!(error.source().unwrap().to_string(), "inner");
    assert!(ExtensionError::protocol("bad block").source().is_none());
    assert_eq!(
        ConfirmError::new("never offered").to_string(),
        "never offered"
    );
}

#[test]
fn a_shared_configuration_negotiates_like_the_one_it_shares() {
    let own = RunLength::new(7);
    let shared: Arc<dyn Negotiate> = Arc::new(own);
    assert_eq!(Negotiate::offers(&shared), own.offers());
    let (answer, _) = own.accept(&own.offers()).unwrap();
    let (shared_answer, _) = Negotiate::accept(&shared, &own.offers()).unwrap();
    assert_eq!(shared_answer, answer);
    assert!(Negotiate::accept(&shared, &[]).is_none());
    assert!(Negotiate::confirm(&shared, &[answer]).is_ok());
    assert!(Negotiate::confirm(&shared, &[]).is_err());
}

#[test]
fn an_extension_that_says_nothing_shares_nothing_and_is_never_called() {
    assert_eq!(Encode::shared_key(&Silent), None);
    assert_eq!(Encode::release_after(&Silent), None);
    assert_eq!(Decode::release_after(&Silent), None);
}

/// What an extension has to say and no more.
struct Silent;

impl Encode for Silent {
    fn begin(&mut self, _: &Outgoing) -> Option<Rsv> {
        None
    }

    fn encode(
        &mut self,
        _: &mut &[u8],
        _: bool,
        _: &mut BytesMut,
        _: usize,
    ) -> Result<Progress, ExtensionError> {
        Err(ExtensionError::internal("no message began"))
    }
}

impl Decode for Silent {
    fn claims(&self) -> Rsv {
        Rsv::NONE
    }

    fn begin(&mut self, _: MessageKind, _: Rsv) -> Result<bool, ExtensionError> {
        Ok(false)
    }

    fn decode(
        &mut self,
        _: &mut &[u8],
        _: bool,
        _: &mut BytesMut,
        _: usize,
    ) -> Result<Progress, ExtensionError> {
        Err(ExtensionError::internal("no message began"))
    }
}
