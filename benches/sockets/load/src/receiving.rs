use flate2::{Decompress, FlushDecompress, Status};

use crate::Result;
use crate::frame::{self, Header};
use crate::messages::Messages;

/// The inbound direction of a connection: every header is checked, and the contents of some messages.
pub(crate) struct Receiving {
    raw: bool,
    /// What is there of a header that isn't whole.
    header: [u8; frame::LONGEST],
    have: usize,
    /// What is missing of a payload.
    left: u64,
    /// Whether the frame whose payload is being read ends its message.
    fin: bool,
    part: Part,
    /// How many messages were received.
    pub(crate) received: u64,
    /// Of how many the contents were compared.
    pub(crate) compared: u64,
    /// The bytes of all replies, headers included.
    pub(crate) bytes: u64,
    inflate: Option<Inflate>,
}

/// What the payload at hand belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    /// Nothing has begun.
    Between,
    /// A message, with what of it was read.
    Plain { len: usize, compare: bool },
    /// A compressed message; its length is known once it is inflated.
    Compressed,
    /// A ping or pong between messages, of no interest.
    Control,
}

/// Reads a connection's compressed messages, which may refer to those before.
struct Inflate {
    decompress: Decompress,
    output: Vec<u8>,
    /// To the end of the run, and not only for a start.
    always: bool,
}

impl Receiving {
    /// With `deflate`, the first messages are inflated and compared, or all if `always` is set.
    pub(crate) fn new(raw: bool, deflate: bool, always: bool) -> Self {
        Receiving {
            raw,
            header: [0; frame::LONGEST],
            have: 0,
            left: 0,
            fin: false,
            part: Part::Between,
            received: 0,
            compared: 0,
            bytes: 0,
            inflate: deflate.then(|| Inflate {
                decompress: Decompress::new(false),
                output: Vec::new(),
                always,
            }),
        }
    }

    /// Takes what was read, and calls `done` with the number of each message that ends in it.
    pub(crate) fn receive(
        &mut self,
        mut bytes: &[u8],
        messages: &Messages,
        mut done: impl FnMut(u64),
    ) -> Result<()> {
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.left > 0 {
                let count = self.left.min(bytes.len() as u64) as usize;
                let (payload, rest) = bytes.split_at(count);
                bytes = rest;
                self.left -= count as u64;
                self.payload(payload, messages)?;
            } else {
                let Some(header) = self.header(&mut bytes)? else {
                    return Ok(());
                };
                self.begin(header, messages)?;
            }
            if self.left == 0 {
                self.frame_ends(messages, &mut done)?;
            }
        }
        Ok(())
    }

    /// The next header, or nothing when more bytes are needed.
    fn header(&mut self, bytes: &mut &[u8]) -> Result<Option<Header>> {
        if self.have == 0
            && let Some(header) = Header::parse(bytes)?
        {
            *bytes = &bytes[header.size..];
            return Ok(Some(header));
        }
        while let Some((&first, rest)) = bytes.split_first() {
            *bytes = rest;
            self.header[self.have] = first;
            self.have += 1;
            if let Some(header) = Header::parse(&self.header[..self.have])? {
                self.have = 0;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    fn begin(&mut self, header: Header, messages: &Messages) -> Result<()> {
        if header.masked != self.raw {
            return Err(format!("a frame with masked = {}", header.masked).into());
        }
        self.left = header.len;
        self.fin = header.fin;
        let first = match header.opcode {
            frame::CONTINUATION => false,
            8 => return Err("the server closes the connection".into()),
            9 | 10 if self.part == Part::Between => {
                self.part = Part::Control;
                return Ok(());
            }
            opcode if opcode == messages.opcode => true,
            opcode => return Err(format!("a frame with opcode {opcode}").into()),
        };
        if first != (self.part == Part::Between) {
            return Err("fragments out of order".into());
        }
        if first {
            self.part = match header.rsv1 {
                false => Part::Plain {
                    len: 0,
                    compare: self.received < FIRST || self.received.is_multiple_of(SAMPLE),
                },
                // A raw server returns what was compressed before it was masked.
                true if self.raw => Part::Plain {
                    len: 0,
                    compare: true,
                },
                true => Part::Compressed,
            };
        } else if header.rsv1 {
            return Err("a fragment with RSV1".into());
        }
        Ok(())
    }

    fn payload(&mut self, payload: &[u8], messages: &Messages) -> Result<()> {
        let expected = &messages.replies[self.received as usize % messages.count()];
        match &mut self.part {
            Part::Between | Part::Control => {}
            Part::Plain { len, compare } => {
                let range = *len..*len + payload.len();
                *len = range.end;
                if *compare && expected.get(range) != Some(payload) {
                    return Err(format!("message {} was altered", self.received).into());
                }
            }
            Part::Compressed => {
                if let Some(inflate) = &mut self.inflate {
                    inflate.append(payload, expected.len())?;
                }
            }
        }
        Ok(())
    }

    fn frame_ends(&mut self, messages: &Messages, done: &mut impl FnMut(u64)) -> Result<()> {
        if self.part == Part::Control {
            self.part = Part::Between;
            return Ok(());
        }
        if !self.fin {
            return Ok(());
        }
        let expected = &messages.replies[self.received as usize % messages.count()];
        match self.part {
            Part::Plain { len, compare } => {
                if len != expected.len() {
                    return Err(format!("a message of {len} bytes").into());
                }
                self.compared += u64::from(compare);
            }
            Part::Between | Part::Control => {}
            Part::Compressed => {
                if let Some(inflate) = &mut self.inflate {
                    inflate.append(&[0, 0, 0xff, 0xff], expected.len())?;
                    if inflate.output != *expected {
                        return Err(format!("message {} was altered", self.received).into());
                    }
                    inflate.output.clear();
                    self.compared += 1;
                    if !inflate.always && self.received >= FIRST {
                        // Whoever leaves one message out can't read those that refer to it.
                        self.inflate = None;
                    }
                }
            }
        }
        self.part = Part::Between;
        done(self.received);
        self.received += 1;
        Ok(())
    }
}

impl Inflate {
    fn append(&mut self, mut input: &[u8], expected: usize) -> Result<()> {
        while !input.is_empty() {
            if self.output.len() > expected {
                return Err("a message inflates to more than was sent".into());
            }
            self.output.reserve(expected + 64);
            let before = self.decompress.total_in();
            let status =
                self.decompress
                    .decompress_vec(input, &mut self.output, FlushDecompress::Sync)?;
            let taken = self.decompress.total_in() - before;
            input = &input[taken as usize..];
            if status == Status::StreamEnd {
                // RFC 7692 §7.2.3.4: a block that says it is the last ends no message.
                self.decompress.reset(false);
            } else if taken == 0 {
                return Err("a message that can't be inflated".into());
            }
        }
        Ok(())
    }
}

/// So many messages of each connection are compared at first, then one of so many.
const FIRST: u64 = 4;
const SAMPLE: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Kind;

    /// The replies as a server sends them, in two frames each if `fragmented`.
    fn replies(messages: &Messages, fragmented: bool) -> Vec<u8> {
        let mut wire = Vec::new();
        for reply in &messages.replies {
            match fragmented {
                false => wire.extend([0x80 | messages.opcode, reply.len() as u8]),
                true => {
                    wire.extend([messages.opcode, 1, reply[0], 0x89, 0]);
                    wire.extend([0x80, reply.len() as u8 - 1]);
                }
            }
            wire.extend(&reply[usize::from(fragmented)..]);
        }
        wire
    }

    fn receive(wire: &[u8], step: usize, messages: &Messages) -> Result<u64> {
        let mut receiving = Receiving::new(false, false, false);
        for bytes in wire.chunks(step) {
            receiving.receive(bytes, messages, |_| {})?;
        }
        Ok(receiving.received)
    }

    #[test]
    fn replies_are_counted_however_they_are_cut() {
        let messages = Messages::new(Kind::Binary, 16, false).unwrap();
        let wire = replies(&messages, false);
        for step in [1, 2, 17, wire.len()] {
            assert_eq!(receive(&wire, step, &messages).unwrap(), 256);
        }
    }

    #[test]
    fn a_ping_between_fragments_is_an_error_here() {
        // No server has a reason to send one within a reply.
        let messages = Messages::new(Kind::Binary, 16, false).unwrap();
        assert!(receive(&replies(&messages, true), 100, &messages).is_err());
    }

    #[test]
    fn what_differs_is_found() {
        let messages = Messages::new(Kind::Binary, 16, false).unwrap();
        let good = replies(&messages, false);
        // FIN, opcode, mask, length, contents of a message that is compared.
        for (place, bit) in [
            (0, 0x80),
            (0, 3),
            (0, 0x20),
            (1, 0x80),
            (1, 1),
            (16 * 18 + 9, 1),
        ] {
            let mut bad = good.clone();
            bad[place] ^= bit;
            assert!(receive(&bad, 1000, &messages).is_err(), "{place}, {bit}");
        }
    }

    #[test]
    fn compressed_messages_are_inflated() {
        let messages = Messages::new(Kind::Deflate, 1024, false).unwrap();
        let mut wire = Vec::new();
        for bounds in messages.bounds.windows(2) {
            let frame = &messages.wire[bounds[0]..bounds[1]];
            let header = Header::parse(frame).unwrap().unwrap();
            let key = &frame[header.size - 4..header.size];
            wire.extend([0xc1, 126]);
            wire.extend((header.len as u16).to_be_bytes());
            let payload = frame[header.size..].iter().zip(key.iter().cycle());
            wire.extend(payload.map(|(byte, key)| byte ^ key));
        }
        let mut receiving = Receiving::new(false, true, true);
        receiving.receive(&wire, &messages, |_| {}).unwrap();
        assert_eq!(receiving.received, messages.count() as u64);
        assert_eq!(receiving.compared, receiving.received);
    }
}
