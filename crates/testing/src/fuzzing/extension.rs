//! Target of the extension crate.

use bowline_extension::{Offer, is_token};

/// `Sec-WebSocket-Extensions`, one line of the input for each line of the header.
///
/// Lines are the same as one joined with commas (RFC 9110 §5.3), what is read is bounded and made of tokens, and its
/// canonical form reads as itself.
pub fn extension_header(input: &[u8]) {
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let parsed = Offer::parse_header(lines.iter().copied());
    let joined = Offer::parse_header([&lines.join(&b","[..])[..]]);
    assert_eq!(parsed.is_ok(), joined.is_ok(), "{parsed:?}, {joined:?}");
    let Ok(offers) = parsed else {
        return;
    };
    assert_eq!(joined.as_ref(), Ok(&offers));
    assert!((1..=32).contains(&offers.len()));
    for offer in &offers {
        assert!(is_token(offer.name().as_bytes()));
        assert!(offer.params().len() <= 16);
        for param in offer.params() {
            assert!(is_token(param.name().as_bytes()));
            assert!(param.value().is_none_or(|value| is_token(value.as_bytes())));
        }
    }
    let canonical: Vec<_> = offers.iter().map(Offer::to_string).collect();
    assert_eq!(
        Offer::parse_header([canonical.join(", ").as_bytes()]).as_ref(),
        Ok(&offers)
    );
}
