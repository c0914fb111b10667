//! A run-length extension: uses RSV2, changes lengths in both directions, and keeps state within a message.
//!
//! Each run of 1 to `max` equal bytes becomes two bytes, the run's length and the byte.

use bowline_extension::{
    Compress, ConfirmError, Decode, Encode, Extension, ExtensionError, Negotiate, Offer, Outgoing,
    Param, Progress, Token,
};
use bowline_frame::{MessageKind, Rsv};
use bytes::{BufMut, BytesMut};

const NAME: Token = Token::from_static("x-run-length");
const MAX: Token = Token::from_static("max");

/// Offers and accepts runs of up to `max` bytes.
#[derive(Clone, Debug)]
pub(crate) struct RunLength {
    pub(crate) max: u8,
}

impl Negotiate for RunLength {
    fn offers(&self) -> Vec<Offer> {
        vec![offer(self.max)]
    }

    fn accept(&self, offers: &[Offer]) -> Option<(Offer, Box<dyn Extension>)> {
        let max = offers.iter().find_map(max_of)?.min(self.max);
        Some((offer(max), Box::new(Runs { max })))
    }

    fn confirm(&self, answer: &[Offer]) -> Result<Box<dyn Extension>, ConfirmError> {
        match answer {
            [answer] => match max_of(answer) {
                Some(max) if max <= self.max => Ok(Box::new(Runs { max })),
                Some(_) => Err(ConfirmError::new("runs are longer than offered")),
                None => Err(ConfirmError::new("malformed parameters")),
            },
            _ => Err(ConfirmError::new("answered more than once")),
        }
    }
}

fn offer(max: u8) -> Offer {
    Offer::new(NAME).with(Param::new(MAX, Token::from(u64::from(max))))
}

fn max_of(offer: &Offer) -> Option<u8> {
    match offer.params() {
        [max] if offer.name() == NAME.as_str() && max.name() == MAX.as_str() => {
            max.value()?.parse().ok().filter(|max| *max > 0)
        }
        _ => None,
    }
}

struct Runs {
    max: u8,
}

impl Extension for Runs {
    fn split(self: Box<Self>) -> (Box<dyn Encode>, Box<dyn Decode>) {
        let encoder = Encoder {
            max: self.max,
            key: format!("{NAME};{}", self.max),
            run: None,
            waiting: None,
        };
        let decoder = Decoder {
            max: self.max,
            state: Wire::Length,
        };
        (Box::new(encoder), Box::new(decoder))
    }
}

struct Encoder {
    max: u8,
    key: String,
    /// The byte and length of the run being counted.
    run: Option<(u8, u8)>,
    /// The second byte of a pair whose first is written.
    waiting: Option<u8>,
}

impl Encode for Encoder {
    fn begin(&mut self, message: &Outgoing) -> Option<Rsv> {
        (message.compress != Compress::Never).then_some(Rsv::RSV2)
    }

    fn encode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        mut room: usize,
    ) -> Result<Progress, ExtensionError> {
        loop {
            if let Some(byte) = self.waiting {
                if room == 0 {
                    return Ok(Progress::NeedRoom);
                }
                out.put_u8(byte);
                room -= 1;
                self.waiting = None;
            }
            let next = input.first().copied();
            match (self.run, next) {
                (None, None) if last => return Ok(Progress::Done),
                (_, None) if !last => return Ok(Progress::NeedInput),
                (Some((byte, len)), next) if next != Some(byte) || len == self.max => {
                    if room == 0 {
                        return Ok(Progress::NeedRoom);
                    }
                    out.put_u8(len);
                    room -= 1;
                    self.waiting = Some(byte);
                    self.run = None;
                }
                (run, Some(byte)) => {
                    *input = &input[1..];
                    self.run = Some((byte, run.map_or(1, |(_, len)| len + 1)));
                }
                (_, None) => unreachable!("a run without a next byte was written above"),
            }
        }
    }

    fn shared_key(&self) -> Option<&str> {
        Some(&self.key)
    }
}

struct Decoder {
    max: u8,
    state: Wire,
}

enum Wire {
    Length,
    Byte { len: u8 },
    Run { byte: u8, left: u8 },
}

impl Decode for Decoder {
    fn claims(&self) -> Rsv {
        Rsv::RSV2
    }

    fn begin(&mut self, _kind: MessageKind, rsv: Rsv) -> Result<bool, ExtensionError> {
        Ok(rsv.contains(Rsv::RSV2))
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        mut room: usize,
    ) -> Result<Progress, ExtensionError> {
        loop {
            self.state = match (&self.state, input.first().copied()) {
                (Wire::Run { left: 0, .. }, _) => Wire::Length,
                (Wire::Run { byte, left }, _) => {
                    let len = room.min(usize::from(*left));
                    if len == 0 {
                        return Ok(Progress::NeedRoom);
                    }
                    out.put_bytes(*byte, len);
                    room -= len;
                    Wire::Run {
                        byte: *byte,
                        left: left - u8::try_from(len).expect("no more than left"),
                    }
                }
                (Wire::Length, None) if last => return Ok(Progress::Done),
                (Wire::Byte { .. }, None) if last => {
                    return Err(ExtensionError::invalid_payload("half a run at the end"));
                }
                (_, None) => return Ok(Progress::NeedInput),
                (Wire::Length, Some(len)) => {
                    if len == 0 || len > self.max {
                        return Err(ExtensionError::invalid_payload(
                            "run of a length not allowed",
                        ));
                    }
                    *input = &input[1..];
                    Wire::Byte { len }
                }
                (Wire::Byte { len }, Some(byte)) => {
                    let left = *len;
                    *input = &input[1..];
                    Wire::Run { byte, left }
                }
            };
        }
    }
}
