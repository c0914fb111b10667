//! What the vectors don't say about headers: limits, several lines, tokens.

use bowline_extension::{Offer, Param, ParseError, Token, contains_token, is_token, list};

fn parse(line: &str) -> Result<Vec<Offer>, ParseError> {
    Offer::parse_header([line.as_bytes()])
}

#[test]
fn no_line_is_no_offer() {
    assert_eq!(Offer::parse_header([]), Ok(Vec::new()));
}

// covers WS-9.1-02
#[test]
fn an_empty_line_beside_another_is_an_empty_element() {
    let lines: [&[u8]; 3] = [b"", b"foo", b" , "];
    assert_eq!(Offer::parse_header(lines).unwrap().len(), 1);
    let lines: [&[u8]; 2] = [b"", b","];
    assert_eq!(Offer::parse_header(lines), Err(ParseError::EmptyList));
}

#[test]
fn a_quoted_string_ends_with_its_line() {
    let lines: [&[u8]; 2] = [b"foo; a=\"b", b"c\""];
    let error = ParseError::QuoteNotClosed { at: 7 };
    assert_eq!(Offer::parse_header(lines), Err(error));
}

#[test]
fn offers_are_counted() {
    let offers = |count: usize| vec!["x"; count].join(",");
    assert_eq!(parse(&offers(31)).unwrap().len(), 31);
    assert_eq!(parse(&offers(32)).unwrap().len(), 32);
    let error = ParseError::TooManyOffers { limit: 32 };
    assert_eq!(parse(&offers(33)), Err(error));
    let lines = [offers(32), "x".into()];
    assert_eq!(
        Offer::parse_header(lines.iter().map(String::as_bytes)),
        Err(error)
    );
}

#[test]
fn params_are_counted() {
    let params = |count: usize| format!("x{}", ";p=1".repeat(count));
    assert_eq!(parse(&params(15)).unwrap()[0].params().len(), 15);
    assert_eq!(parse(&params(16)).unwrap()[0].params().len(), 16);
    let error = ParseError::TooManyParams { limit: 16 };
    assert_eq!(parse(&params(17)), Err(error));
}

#[test]
fn an_offer_is_written_in_canonical_form() {
    let offer = Offer::new(Token::from_static("foo"))
        .with(Param::flag(Token::from_static("a")))
        .with(Param::new(Token::from_static("b"), Token::from(u64::MAX)));
    assert_eq!(offer.to_string(), "foo; a; b=18446744073709551615");
    assert_eq!(
        parse("foo ;a ; b = \"18446744073709551615\""),
        Ok(vec![offer])
    );
}

// covers WS-4.1-15
#[test]
fn only_tokens_become_tokens() {
    for text in [
        "", " ", "a b", "a,b", "a;b", "a=b", "\"a\"", "a\r\n", "é", "a\0",
    ] {
        assert!(Token::try_from(text).is_err(), "{text:?}");
        assert!(Token::try_from(text.to_string()).is_err(), "{text:?}");
        assert!(Token::try_from(text.as_bytes()).is_err(), "{text:?}");
        assert!(!is_token(text.as_bytes()), "{text:?}");
    }
    assert!(Token::try_from(&b"\xff"[..]).is_err());
    assert_eq!(Token::try_from("Chat").unwrap(), "Chat");
    assert_ne!(Token::try_from("Chat").unwrap(), "chat");
}

#[test]
#[should_panic = "not a token"]
fn a_literal_that_is_no_token_panics() {
    let _ = Token::from_static("two words");
}

// covers HTTP-15
#[test]
fn a_list_keeps_inner_space_and_drops_empty_elements() {
    let lines: [&[u8]; 3] = [b"", b"\ta b ,, c", b",\td\t"];
    assert!(list(lines).eq([&b"a b"[..], b"c", b"d"]));
    assert!(!contains_token(lines, "a"));
    assert!(contains_token(lines, "D"));
}
