use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};

use crate::headers::{Single, lines, single};
use crate::request::parse_length;

/// Reads the body of a response that refuses us, as far as anyone wants to see it.
#[derive(Debug)]
pub(crate) struct BodyReader {
    state: State,
    body: BytesMut,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// So many bytes of body, and then the end.
    Length(u64),
    /// Bytes of body until the transport ends.
    ToEnd,
    /// Digits of a chunk's size.
    ChunkSize {
        size: u64,
        digits: u8,
    },
    /// The rest of the line that had the size.
    ChunkLine {
        size: u64,
    },
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    Done,
}

impl BodyReader {
    /// RFC 9112 §6.3.
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        let coding = bowline_extension::list(lines(headers, &TRANSFER_ENCODING)).last();
        let state = match (coding, single(headers, &CONTENT_LENGTH)) {
            _ if [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status) => {
                State::Done
            }
            (Some(coding), _) if coding.eq_ignore_ascii_case(b"chunked") => SIZE,
            (None, Single::Once(length)) => match parse_length(length) {
                Some(0) => State::Done,
                Some(length) => State::Length(length),
                None => State::ToEnd,
            },
            (Some(_), _) | (None, Single::Absent | Single::Repeated) => State::ToEnd,
        };
        Self {
            state,
            body: BytesMut::new(),
        }
    }

    /// Takes any run of bytes. `true`: the body is complete, or longer than is kept, or makes no sense any more.
    pub(crate) fn read(&mut self, mut input: &[u8]) -> bool {
        while self.state != State::Done && !input.is_empty() {
            self.state = self.step(&mut input);
        }
        self.state == State::Done
    }

    /// Gives what has arrived.
    pub(crate) fn take(&mut self) -> Bytes {
        self.body.split().freeze()
    }

    fn step(&mut self, input: &mut &[u8]) -> State {
        let next = match self.state {
            State::Length(left) => match self.copy(input, left) {
                0 => State::Done,
                left => State::Length(left),
            },
            State::ToEnd => {
                self.copy(input, u64::MAX);
                State::ToEnd
            }
            State::Chunk(left) => match self.copy(input, left) {
                0 => State::ChunkEnd,
                left => State::Chunk(left),
            },
            State::ChunkSize { .. } | State::ChunkLine { .. } | State::ChunkEnd => {
                match input.split_first() {
                    Some((byte, rest)) => {
                        *input = rest;
                        self.state.chunk_byte(*byte)
                    }
                    None => self.state,
                }
            }
            State::Done => State::Done,
        };
        if self.body.len() >= MAX_BODY {
            return State::Done;
        }
        next
    }

    /// Copies up to `left` bytes, as many as are kept; returns how many of `left` are still to come.
    fn copy(&mut self, input: &mut &[u8], left: u64) -> u64 {
        let room = MAX_BODY.saturating_sub(self.body.len());
        let len = input
            .len()
            .min(room)
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        if let Some((taken, rest)) = input.split_at_checked(len) {
            self.body.extend_from_slice(taken);
            *input = rest;
        }
        left.saturating_sub(len as u64)
    }
}

impl State {
    /// RFC 9112 §7.1. What is malformed ends the body: there is nothing to be gained from the rest.
    fn chunk_byte(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::ChunkSize { size, digits }, _) if byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                Self::ChunkSize {
                    size: (size << 4) | digit,
                    digits: digits + 1,
                }
            }
            (Self::ChunkSize { size, digits: 1.. }, b';' | b' ' | b'\t' | b'\r') => {
                Self::ChunkLine { size }
            }
            // Extensions are skipped, and so are trailers, by not reading them.
            (Self::ChunkLine { size: 0 }, b'\n') => Self::Done,
            (Self::ChunkLine { size }, b'\n') => Self::Chunk(size),
            (Self::ChunkLine { size }, _) => Self::ChunkLine { size },
            (Self::ChunkEnd, b'\r') => Self::ChunkEnd,
            (Self::ChunkEnd, b'\n') => SIZE,
            _ => Self::Done,
        }
    }
}

const SIZE: State = State::ChunkSize { size: 0, digits: 0 };

/// Enough for any message meant for people.
const MAX_BODY: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &'static str)], input: &[u8]) -> (bool, Bytes) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let mut whole = BodyReader::new(StatusCode::FORBIDDEN, &map);
        let done = whole.read(input);
        let body = whole.take();
        let mut bytewise = BodyReader::new(StatusCode::FORBIDDEN, &map);
        let bytewise_done = input
            .chunks(1)
            .fold(bytewise.read(&[]), |_, byte| bytewise.read(byte));
        assert_eq!((bytewise_done, bytewise.take()), (done, body.clone()));
        (done, body)
    }

    const CHUNKED: (&str, &str) = ("transfer-encoding", "gzip, chunked");

    #[test]
    fn a_length_ends_the_body() {
        assert_eq!(
            read(&[("content-length", "5")], b"Hello"),
            (true, "Hello".into())
        );
        assert_eq!(
            read(&[("content-length", "6")], b"Hello"),
            (false, "Hello".into())
        );
        assert_eq!(read(&[("content-length", "0")], b""), (true, "".into()));
    }

    #[test]
    fn chunks_are_joined() {
        let body = b"3;x=\"y\"\r\nfoo\r\n00A \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
        assert_eq!(read(&[CHUNKED], body), (true, "foo0123456789".into()));
        assert_eq!(read(&[CHUNKED], b"3\r\nfo"), (false, "fo".into()));
    }

    #[test]
    fn a_chunk_of_no_bytes_ends_the_body() {
        let body = b"3\r\nfoo\r\n0\r\n\r\n";
        assert_eq!(read(&[CHUNKED], body), (true, "foo".into()));
    }

    #[test]
    fn a_size_has_up_to_15_hexadecimal_digits() {
        let body = b"10\r\n0123456789abcdef\r\n";
        assert_eq!(read(&[CHUNKED], body), (false, "0123456789abcdef".into()));
        let body = b"000000000000003\r\nfoo";
        assert_eq!(read(&[CHUNKED], body), (false, "foo".into()));
        let body = b"0000000000000003\r\nfoo";
        assert_eq!(read(&[CHUNKED], body), (true, "".into()));
    }

    #[test]
    fn malformed_chunks_end_the_body() {
        for body in [
            &b"\r\nfoo"[..],
            b"3\r\nfoo!",
            b"x",
            b"fffffffffffffffff\r\n",
        ] {
            assert!(read(&[CHUNKED], body).0, "{body:?}");
        }
    }

    #[test]
    fn without_a_length_the_transport_ends_the_body() {
        assert_eq!(read(&[], b"no"), (false, "no".into()));
        assert_eq!(
            read(&[("content-length", "+2")], b"no"),
            (false, "no".into())
        );
        assert_eq!(
            read(&[("transfer-encoding", "gzip")], b"no"),
            (false, "no".into())
        );
    }

    #[test]
    fn no_more_than_64_kib_are_kept() {
        const KEPT: usize = 65_536;
        let below = vec![b'a'; KEPT - 1];
        assert_eq!(read(&[], &below), (false, below.into()));
        let at = vec![b'a'; KEPT];
        assert_eq!(read(&[], &at), (true, at.into()));
        let above = vec![b'a'; KEPT + 1];
        let (done, body) = read(&[("content-length", "18446744073709551615")], &above);
        assert_eq!((done, body.len()), (true, KEPT));
    }

    #[test]
    fn some_statuses_have_no_body() {
        let mut reader = BodyReader::new(StatusCode::NO_CONTENT, &HeaderMap::new());
        assert!(reader.read(b""));
    }
}
