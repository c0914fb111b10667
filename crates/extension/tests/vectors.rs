//! The header vectors: `extension_header.json`.

use bowline_extension::{Offer, ParseError};
use bowline_testing::vectors::extension_header;

// covers WS-9.1-01, WS-9.1-02, WS-9.1-05, WS-4.3-01, HTTP-15, HTTP-16
#[test]
fn headers_are_parsed_as_the_vectors_say() {
    for vector in extension_header::load() {
        let lines: Vec<Vec<u8>> = vector
            .field_values
            .iter()
            .map(|line| latin1(line))
            .collect();
        let result = Offer::parse_header(lines.iter().map(Vec::as_slice));
        let expected = match vector.error {
            Some(error) => Err(error),
            None => Ok(vector.parsed),
        };
        assert_eq!(result.is_ok(), vector.valid, "{}", vector.id);
        let actual = result.map(described).map_err(described_error);
        assert_eq!(actual, expected, "{}", vector.id);
    }
}

#[test]
fn what_is_written_reads_back() {
    for vector in extension_header::load() {
        let lines: Vec<Vec<u8>> = vector
            .field_values
            .iter()
            .map(|line| latin1(line))
            .collect();
        let Ok(offers) = Offer::parse_header(lines.iter().map(Vec::as_slice)) else {
            continue;
        };
        let text: Vec<String> = offers.iter().map(Offer::to_string).collect();
        let again = Offer::parse_header([text.join(", ").as_bytes()]);
        assert_eq!(again, Ok(offers), "{}", vector.id);
    }
}

fn described(offers: Vec<Offer>) -> Vec<extension_header::Extension> {
    offers
        .iter()
        .map(|offer| extension_header::Extension {
            name: offer.name().into(),
            params: offer
                .params()
                .iter()
                .map(|param| extension_header::Param {
                    name: param.name().into(),
                    value: param.value().map(Into::into),
                })
                .collect(),
        })
        .collect()
}

/// The error in the words of the vectors.
fn described_error(error: ParseError) -> String {
    match error {
        ParseError::EmptyList => "empty list".into(),
        ParseError::NameExpected { at } => format!("extension name expected at {at}"),
        ParseError::ParamNameExpected { at } => format!("parameter name expected at {at}"),
        ParseError::ParamValueExpected { at } => format!("parameter value expected at {at}"),
        ParseError::QuotedValueNotToken { .. } => "quoted value is not a token".into(),
        ParseError::QuoteNotClosed { .. } => "unterminated quoted string".into(),
        ParseError::UnexpectedByte { at, .. } => format!("unexpected character at {at}"),
        other => format!("{other:?}"),
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).expect("a character of one byte"))
        .collect()
}
