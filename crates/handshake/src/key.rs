use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Computes the `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`: 28 characters of base64.
///
/// The machines of this crate do it by themselves; it is public for those who write a peer for a test. `key` is hashed as
/// it is, so surrounding white space must be gone.
///
/// Implements RFC 6455 §4.2.2, item 5.4.
///
/// # Examples
///
/// ```
/// let accept = bowline_handshake::accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &[u8]) -> String {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    Base64Display::new(&hash, &STANDARD).to_string()
}

pub(crate) fn encode_nonce(nonce: [u8; 16]) -> String {
    Base64Display::new(&nonce, &STANDARD).to_string()
}

/// Tells whether `key` is base64 of 16 bytes.
///
/// RFC 6455 §4.2.1, item 5. That is 22 characters of the alphabet and two of padding. The four bits that the last
/// character has too many may be anything: the RFC's own example (before erratum 3150) has some set.
pub(crate) fn is_key(key: &[u8]) -> bool {
    matches!(key.split_last_chunk(), Some((digits, b"==")) if digits.len() == 22
        && digits.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/')))
}

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::is_key;

    #[test]
    fn a_key_is_16_bytes_whatever_its_padding_says() {
        for (digits, expected) in [
            (18, false),
            (21, false),
            (22, true),
            (23, false),
            (26, false),
        ] {
            let key = format!("{}==", "A".repeat(digits));
            assert_eq!(is_key(key.as_bytes()), expected, "{key}");
        }
        assert!(!is_key(b"=="));
        assert!(!is_key(b"AAAAAAAAAAAAAAAAAAAAA==="));
    }
}
