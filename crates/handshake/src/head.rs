use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use httparse::Status;

use crate::HeadError;

/// How much of a request or response head is read.
///
/// A head that passes a limit ends the opening handshake: a server answers 414 for the request line and 431 for the
/// rest, a client gives up. Memory follows the bytes that arrived and never the limits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HeadLimits {
    /// The whole head in bytes, line ends and the empty line included. Default 16 KiB.
    ///
    /// Raise it if your users carry many or large cookies; browsers and proxies allow up to 64 KiB or so. What lies
    /// above costs that much memory per connection that is still shaking hands.
    pub max_head: usize,
    /// One line in bytes, line end excluded. Default 8 KiB.
    ///
    /// Bounds the URL and each single header. Without effect above `max_head`.
    pub max_line: usize,
    /// The number of header lines. Default 100.
    ///
    /// Bounds the work per head; nobody sends half as many.
    pub max_headers: usize,
}

impl HeadLimits {
    /// Sets the most bytes of a whole head.
    #[must_use]
    pub const fn max_head(mut self, bytes: usize) -> Self {
        self.max_head = bytes;
        self
    }

    /// Sets the most bytes of a line.
    #[must_use]
    pub const fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// Sets the most header lines.
    #[must_use]
    pub const fn max_headers(mut self, lines: usize) -> Self {
        self.max_headers = lines;
        self
    }
}

/// Which of the two start lines is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StartLine {
    Request,
    Status,
}

/// A complete head.
pub(crate) struct Head {
    pub(crate) start_line: Bytes,
    pub(crate) headers: HeaderMap,
}

/// Finds the end of a head in whatever runs of bytes arrive, looking at each byte once.
///
/// What a tokenizer may forgive is refused here: line ends other than CR LF, folded lines, space before a colon.
#[derive(Debug)]
pub(crate) struct HeadReader {
    kind: StartLine,
    limits: HeadLimits,
    place: Place,
    /// Everything up to here, the head's own bytes only.
    buffer: BytesMut,
    /// Bytes of the head so far; the buffer lags behind within a call.
    len: usize,
    /// Bytes of the current line so far, its end excluded.
    line: usize,
    /// Where the start line begins and ends.
    start: usize,
    end: usize,
    headers: usize,
}

/// What the last byte was part of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Nothing,
    /// The CR of an empty line before the start line.
    EmptyLineCr,
    /// The empty line before the start line.
    EmptyLine,
    StartLine,
    StartLineCr,
    /// The LF of the start line or of a header line.
    LineEnd,
    Name,
    Value,
    ValueCr,
    LastCr,
    End,
}

impl HeadReader {
    pub(crate) fn new(kind: StartLine, limits: HeadLimits) -> Self {
        Self {
            kind,
            limits,
            place: Place::Nothing,
            buffer: BytesMut::new(),
            len: 0,
            line: 0,
            start: 0,
            end: 0,
            headers: 0,
        }
    }

    /// Takes bytes off the front of `input`: all, or those up to the end of the head.
    ///
    /// Returns the head once it is complete. After that, or after an error, the reader is used up.
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Head>, HeadError> {
        let whole = *input;
        while self.place != Place::End {
            let Some((byte, rest)) = input.split_first() else {
                break;
            };
            self.step(*byte)?;
            *input = rest;
        }
        let used = whole.len().saturating_sub(input.len());
        self.buffer
            .extend_from_slice(whole.get(..used).unwrap_or_default());
        if self.place == Place::End {
            self.tokenize().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Bytes of the head that have arrived.
    pub(crate) fn received(&self) -> usize {
        self.len
    }

    fn step(&mut self, byte: u8) -> Result<(), HeadError> {
        self.len += 1;
        if self.len > self.limits.max_head {
            return Err(self.head_too_long());
        }
        self.place = match (self.place, byte) {
            // RFC 9112 §2.2: a server should ignore at least one empty line before the request line.
            (Place::Nothing, b'\r') if self.kind == StartLine::Request => Place::EmptyLineCr,
            (Place::EmptyLineCr, b'\n') => Place::EmptyLine,
            (Place::Nothing | Place::EmptyLine, _) => {
                self.start = self.len.saturating_sub(1);
                self.start_line(byte)?
            }
            (Place::StartLine, b'\r') if self.is_start_line_enough() => {
                self.end = self.len.saturating_sub(1);
                Place::StartLineCr
            }
            (Place::StartLine, _) => self.start_line(byte)?,
            (Place::LineEnd, b'\r') => Place::LastCr,
            // RFC 9112 §2.2 and §5.2: white space begins neither the first header line nor, folded, a later one.
            (Place::LineEnd, b' ' | b'\t') => return Err(HeadError::FoldedLine),
            (Place::LineEnd, _) => {
                self.headers += 1;
                if self.headers > self.limits.max_headers {
                    let limit = self.limits.max_headers;
                    return Err(HeadError::TooManyHeaders { limit });
                }
                self.line = 0;
                self.name(byte, true)?
            }
            (Place::Name, _) => self.name(byte, false)?,
            (Place::Value, b'\r') => Place::ValueCr,
            (Place::Value, _) => {
                self.value(byte)?;
                Place::Value
            }
            (Place::StartLineCr | Place::ValueCr, b'\n') => Place::LineEnd,
            (Place::LastCr, b'\n') => Place::End,
            (Place::EmptyLineCr | Place::StartLineCr | Place::ValueCr | Place::LastCr, _) => {
                return Err(HeadError::BareCarriageReturn);
            }
            (Place::End, _) => Place::End,
        };
        Ok(())
    }

    fn start_line(&mut self, byte: u8) -> Result<Place, HeadError> {
        let at = self.line;
        self.line += 1;
        if self.line > self.limits.max_line {
            let limit = self.limits.max_line;
            return Err(HeadError::StartLineTooLong { limit });
        }
        let expected = match (self.kind, at) {
            (StartLine::Request, 0) => bowline_extension::is_token(&[byte]),
            (StartLine::Request, _) => matches!(byte, b' '..=b'~'),
            (StartLine::Status, 0..7) => b"HTTP/1.".get(at) == Some(&byte),
            (StartLine::Status, 7 | 9..12) => byte.is_ascii_digit(),
            (StartLine::Status, 8) => byte == b' ',
            (StartLine::Status, _) => is_value_byte(byte),
        };
        match byte {
            _ if expected => Ok(Place::StartLine),
            b'\n' => Err(HeadError::BareLineFeed),
            _ => match (self.kind, at) {
                (StartLine::Request, 0) | (StartLine::Status, 0..7) => Err(HeadError::NotHttp),
                _ => Err(HeadError::StartLine),
            },
        }
    }

    /// A status line has at least `HTTP/1.1 101`; the space and the reason behind it are not missed.
    fn is_start_line_enough(&self) -> bool {
        self.kind == StartLine::Request || self.line >= b"HTTP/1.1 101".len()
    }

    fn name(&mut self, byte: u8, first: bool) -> Result<Place, HeadError> {
        self.count_header_byte()?;
        match byte {
            b':' if !first => Ok(Place::Value),
            b'\n' => Err(HeadError::BareLineFeed),
            _ if bowline_extension::is_token(&[byte]) => Ok(Place::Name),
            // RFC 9112 §5.1: "No whitespace is allowed between the field name and colon."
            _ => Err(HeadError::HeaderName),
        }
    }

    fn value(&mut self, byte: u8) -> Result<(), HeadError> {
        self.count_header_byte()?;
        match byte {
            b'\n' => Err(HeadError::BareLineFeed),
            _ if is_value_byte(byte) => Ok(()),
            _ => Err(HeadError::ControlByte { byte }),
        }
    }

    fn count_header_byte(&mut self) -> Result<(), HeadError> {
        self.line += 1;
        if self.line > self.limits.max_line {
            let limit = self.limits.max_line;
            return Err(HeadError::HeaderLineTooLong { limit });
        }
        Ok(())
    }

    fn head_too_long(&self) -> HeadError {
        let limit = self.limits.max_head;
        match self.place {
            Place::Nothing | Place::EmptyLineCr | Place::EmptyLine | Place::StartLine => {
                HeadError::StartLineTooLong { limit }
            }
            _ => HeadError::HeadTooLong { limit },
        }
    }

    fn tokenize(&mut self) -> Result<Head, HeadError> {
        let head = self.buffer.split().freeze();
        let start_line = head.slice(self.start..self.end);
        let lines = head.slice(self.end.saturating_add(2)..);
        let mut parsed = vec![httparse::EMPTY_HEADER; self.headers];
        let Ok(Status::Complete((_, parsed))) = httparse::parse_headers(&lines, &mut parsed) else {
            return Err(HeadError::HeaderName);
        };
        let mut headers = HeaderMap::new();
        for header in parsed {
            let name = HeaderName::from_bytes(header.name.as_bytes())
                .map_err(|_| HeadError::HeaderName)?;
            // The values share the head's memory.
            let value = HeaderValue::from_maybe_shared(lines.slice_ref(header.value))
                .map_err(|_| HeadError::HeaderName)?;
            let limit = self.limits.max_headers;
            headers
                .try_append(name, value)
                .map_err(|_| HeadError::TooManyHeaders { limit })?;
        }
        Ok(Head {
            start_line,
            headers,
        })
    }
}

/// RFC 9110 §5.5: visible characters, space, tab and bytes above ASCII. Controls are refused, all of them.
fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            max_head: 16 * 1024,
            max_line: 8 * 1024,
            max_headers: 100,
        }
    }
}
