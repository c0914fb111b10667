//! A small extension: it uses reserved bits, changes lengths, keeps history and leaves some messages alone.

mod panicking;
mod releasing;

pub use panicking::Panicking;
pub use releasing::{Released, Releasing};

use bowline_extension::{
    ConfirmError, Decode, Encode, Extension, ExtensionError, Negotiate, Offer, Outgoing, Param,
    Progress, Token,
};
use bowline_frame::{MessageKind, Rsv};
use bytes::{Buf, BufMut, BytesMut};

/// Run-length encoding, for testing whatever carries an extension.
///
/// A run of equal bytes goes on the wire as two: its length, 1 to [`max_run`](Self::max_run), and its byte less the byte
/// of the run before it, modulo 256. RSV2 marks an encoded message. The run before a message's first is the last of the
/// encoded message before it, or a zero byte if RSV3 is set too: history is forgotten. RSV3 alone is a violation.
///
/// So `aaaa` takes two bytes and `abcd` eight: a message grows to at most twice its length or shrinks to a hundredth.
/// Messages known to be below 4 bytes are left alone unless they ask for it, and so are all that ask for that.
///
/// It is negotiated with the parameter `max-run`, of which the lower of both ends' holds in both directions.
///
/// # Examples
///
/// ```
/// use bowline_extension::Negotiate;
/// use bowline_testing::extension::RunLength;
///
/// let (answer, _servers) = RunLength::new(100).accept(&RunLength::new(255).offers()).unwrap();
/// assert_eq!(answer.to_string(), "x-run-length; max-run=100");
/// let _clients = RunLength::new(255).confirm(&[answer]).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RunLength {
    max_run: u8,
}

impl RunLength {
    /// Runs of at most this many bytes.
    ///
    /// # Panics
    ///
    /// If `max_run` is 0.
    pub const fn new(max_run: u8) -> Self {
        assert!(max_run > 0, "a run has a byte");
        Self { max_run }
    }

    /// The longest run, in bytes.
    pub const fn max_run(self) -> u8 {
        self.max_run
    }

    /// The extension of one connection, boxed as a connection takes it.
    pub fn boxed(self) -> Box<dyn Extension> {
        Box::new(self)
    }

    /// What an element of the header says; `None` unless its name is ours and the parameters are one `max-run` from 1 to 255.
    fn read(offer: &Offer) -> Option<Self> {
        let [param] = offer.params() else {
            return None;
        };
        if offer.name() != NAME.as_str() || param.name() != MAX_RUN.as_str() {
            return None;
        }
        let max_run = param.value()?.parse().ok().filter(|&run| run > 0)?;
        Some(Self { max_run })
    }

    fn offer(self) -> Offer {
        Offer::new(NAME).with(Param::new(MAX_RUN, Token::from(u64::from(self.max_run))))
    }
}

impl Negotiate for RunLength {
    fn offers(&self) -> Vec<Offer> {
        vec![self.offer()]
    }

    fn accept(&self, offers: &[Offer]) -> Option<(Offer, Box<dyn Extension>)> {
        let offered = offers.iter().find_map(Self::read)?;
        let agreed = Self::new(self.max_run.min(offered.max_run));
        Some((agreed.offer(), agreed.boxed()))
    }

    fn confirm(&self, answer: &[Offer]) -> Result<Box<dyn Extension>, ConfirmError> {
        match answer {
            [one] => Self::read(one)
                .filter(|agreed| agreed.max_run <= self.max_run)
                .map(Self::boxed)
                .ok_or_else(|| ConfirmError::new("max-run is missing, wrong or above the offer")),
            _ => Err(ConfirmError::new("more than one answer")),
        }
    }
}

impl Extension for RunLength {
    fn split(self: Box<Self>) -> (Box<dyn Encode>, Box<dyn Decode>) {
        let encode = Encoder {
            max_run: self.max_run,
            key: self.offer().to_string(),
            fresh: true,
            previous: 0,
            run: None,
            pair: Pair::default(),
        };
        let decode = Decoder {
            max_run: self.max_run,
            previous: 0,
            len: None,
            left: 0,
        };
        (Box::new(encode), Box::new(decode))
    }
}

struct Encoder {
    max_run: u8,
    key: String,
    /// The next message forgets history.
    fresh: bool,
    /// The byte of the run that went out last.
    previous: u8,
    /// The run that may still grow.
    run: Option<Run>,
    /// What of a run waits for room.
    pair: Pair,
}

#[derive(Clone, Copy)]
struct Run {
    byte: u8,
    len: u8,
}

/// Up to two bytes that wait to go out.
#[derive(Clone, Copy, Default)]
struct Pair {
    bytes: [u8; 2],
    left: usize,
}

impl Encoder {
    fn end_run(&mut self) {
        if let Some(Run { byte, len }) = self.run.take() {
            self.pair = Pair {
                bytes: [len, byte.wrapping_sub(self.previous)],
                left: 2,
            };
            self.previous = byte;
        }
    }
}

impl Encode for Encoder {
    fn begin(&mut self, message: &Outgoing) -> Option<Rsv> {
        use bowline_extension::Compress::{Always, Auto, Never};
        let encode = match message.compress {
            Never => false,
            Always => true,
            Auto => message.len.is_none_or(|len| len >= WORTH_IT),
        };
        if !encode {
            return None;
        }
        Some(if std::mem::take(&mut self.fresh) {
            self.previous = 0;
            Rsv::RSV2 | Rsv::RSV3
        } else {
            Rsv::RSV2
        })
    }

    fn encode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        mut room: usize,
    ) -> Result<Progress, ExtensionError> {
        loop {
            let waiting = &self.pair.bytes[2 - self.pair.left..];
            let (now, later) = waiting.split_at(waiting.len().min(room));
            out.put_slice(now);
            room -= now.len();
            self.pair.left = later.len();
            if self.pair.left > 0 {
                return Ok(Progress::NeedRoom);
            }
            match (input.split_first(), &mut self.run) {
                (Some((&byte, rest)), Some(run)) if run.byte == byte && run.len < self.max_run => {
                    run.len += 1;
                    *input = rest;
                }
                (Some((&byte, rest)), None) => {
                    self.run = Some(Run { byte, len: 1 });
                    *input = rest;
                }
                (Some(_), Some(_)) => self.end_run(),
                (None, Some(_)) if last => self.end_run(),
                (None, _) if last => return Ok(Progress::Done),
                (None, _) => return Ok(Progress::NeedInput),
            }
        }
    }

    fn shared_key(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn interrupt(&mut self) {
        self.fresh = true;
    }
}

struct Decoder {
    max_run: u8,
    /// The byte of the run that came last.
    previous: u8,
    /// The first byte of a pair whose second hasn't come.
    len: Option<u8>,
    /// How much of the last run waits for room.
    left: u8,
}

impl Decode for Decoder {
    fn claims(&self) -> Rsv {
        Rsv::RSV2 | Rsv::RSV3
    }

    fn begin(&mut self, _: MessageKind, rsv: Rsv) -> Result<bool, ExtensionError> {
        if rsv == Rsv::RSV3 {
            return Err(ExtensionError::protocol(
                "history forgotten by a message that is not encoded",
            ));
        }
        if rsv.contains(Rsv::RSV3) {
            self.previous = 0;
        }
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
            let now = usize::from(self.left).min(room);
            out.put_bytes(self.previous, now);
            room -= now;
            // Not above `left`, which is a byte.
            self.left -= now as u8;
            if self.left > 0 {
                return Ok(Progress::NeedRoom);
            }
            if !input.has_remaining() {
                return match (last, self.len) {
                    (false, _) => Ok(Progress::NeedInput),
                    (true, None) => Ok(Progress::Done),
                    (true, Some(_)) => Err(ExtensionError::invalid_payload("half a run")),
                };
            }
            match (self.len.take(), input.get_u8()) {
                (None, len) if len == 0 || len > self.max_run => {
                    return Err(ExtensionError::invalid_payload(format!(
                        "run of {len} bytes"
                    )));
                }
                (None, len) => self.len = Some(len),
                (Some(len), difference) => {
                    self.previous = self.previous.wrapping_add(difference);
                    self.left = len;
                }
            }
        }
    }
}

const NAME: Token = Token::from_static("x-run-length");
const MAX_RUN: Token = Token::from_static("max-run");

/// A shorter message of known length is left alone, in bytes.
const WORTH_IT: u64 = 4;

#[cfg(test)]
mod tests {
    use bowline_extension::Compress;

    use super::*;
    use crate::hex::assert_bytes_eq;
    use crate::payload;
    use crate::random::{Random, seed};

    fn halves(max_run: u8) -> (Box<dyn Encode>, Box<dyn Decode>) {
        RunLength::new(max_run).boxed().split()
    }

    /// Everything of one message, in runs of input and room as `size` says.
    fn encode(
        encoder: &mut dyn Encode,
        payload: &[u8],
        mut size: impl FnMut() -> usize,
    ) -> Vec<u8> {
        let mut out = BytesMut::new();
        let mut input = payload;
        loop {
            let (mut run, rest) = input.split_at(size().min(input.len()));
            let (before, room) = (out.len(), size().max(1));
            let progress = encoder
                .encode(&mut run, rest.is_empty(), &mut out, room)
                .unwrap();
            assert!(out.len() - before <= room);
            input = &input[input.len() - rest.len() - run.len()..];
            if progress == Progress::Done {
                return out.to_vec();
            }
        }
    }

    fn decode(
        decoder: &mut dyn Decode,
        payload: &[u8],
        mut size: impl FnMut() -> usize,
    ) -> Result<Vec<u8>, ExtensionError> {
        let mut out = BytesMut::new();
        let mut input = payload;
        loop {
            let (mut run, rest) = input.split_at(size().min(input.len()));
            let (before, room) = (out.len(), size().max(1));
            let progress = decoder.decode(&mut run, rest.is_empty(), &mut out, room)?;
            assert!(out.len() - before <= room);
            input = &input[input.len() - rest.len() - run.len()..];
            if progress == Progress::Done {
                return Ok(out.to_vec());
            }
        }
    }

    #[test]
    fn runs_become_a_length_and_a_difference() {
        let (mut encoder, _) = halves(3);
        let text = Outgoing::new(MessageKind::Text);
        assert_eq!(encoder.begin(&text), Some(Rsv::RSV2 | Rsv::RSV3));
        let wire = encode(&mut *encoder, b"aaaab", || 99);
        assert_bytes_eq(&wire, &[3, b'a', 1, 0, 1, 1], "first message");
        assert_eq!(encoder.begin(&text), Some(Rsv::RSV2));
        let wire = encode(&mut *encoder, b"bb", || 99);
        assert_bytes_eq(&wire, &[2, 0], "second message");
        encoder.interrupt();
        assert_eq!(encoder.begin(&text), Some(Rsv::RSV2 | Rsv::RSV3));
        let wire = encode(&mut *encoder, b"b", || 99);
        assert_bytes_eq(&wire, &[1, b'b'], "after forgetting");
    }

    #[test]
    fn short_messages_and_those_that_ask_are_left_alone() {
        let (mut encoder, _) = halves(9);
        let text = Outgoing::new(MessageKind::Text);
        assert_eq!(encoder.begin(&text.with_len(3)), None);
        assert_eq!(encoder.begin(&text.with_compress(Compress::Never)), None);
        let always = text.with_len(3).with_compress(Compress::Always);
        assert!(encoder.begin(&always).is_some());
    }

    #[test]
    fn what_was_encoded_is_decoded_whatever_the_runs_of_input_and_room() {
        let seed = seed();
        let mut random = Random::new(seed);
        for max_run in [1, 2, 7, 255] {
            let (mut encoder, mut decoder) = halves(max_run);
            for len in [0, 1, 2, 3, 300, 700] {
                let payload = payload::seq(len)
                    .into_iter()
                    .map(|byte| byte / 16)
                    .collect::<Vec<_>>();
                let rsv = encoder.begin(&Outgoing::new(MessageKind::Binary)).unwrap();
                let wire = encode(&mut *encoder, &payload, || random.below(9));
                assert!(decoder.begin(MessageKind::Binary, rsv).unwrap());
                let read = decode(&mut *decoder, &wire, || random.below(9)).unwrap();
                assert_bytes_eq(&read, &payload, format_args!("seed {seed}, {len} bytes"));
            }
        }
    }

    #[test]
    fn broken_payloads_are_refused() {
        for wire in [&[0, 1][..], &[10, 1], &[1], &[1, 1, 2]] {
            let (_, mut decoder) = halves(9);
            decoder.begin(MessageKind::Binary, Rsv::RSV2).unwrap();
            let error = decode(&mut *decoder, wire, || 99).unwrap_err();
            assert_eq!(error.close_code().get(), 1007, "{wire:?}");
        }
        let (_, mut decoder) = halves(9);
        let error = decoder.begin(MessageKind::Text, Rsv::RSV3).unwrap_err();
        assert_eq!(error.close_code().get(), 1002);
    }

    #[test]
    fn only_a_whole_and_fitting_answer_is_confirmed() {
        let offers = |text: &str| Offer::parse_header([text.as_bytes()]).unwrap();
        let config = RunLength::new(100);
        assert!(config.confirm(&offers("x-run-length; max-run=100")).is_ok());
        for answer in [
            "x-run-length",
            "x-run-length; max-run=0",
            "x-run-length; max-run=101",
            "x-run-length; max-run=9; max-run=9",
            "x-run-length; max-run=9, x-run-length; max-run=9",
        ] {
            assert!(config.confirm(&offers(answer)).is_err(), "{answer}");
        }
        assert!(config.accept(&offers("x-run-length; max-run")).is_none());
        let (answer, _) = config
            .accept(&offers("other, x-run-length; b=1, x-run-length; max-run=7"))
            .unwrap();
        assert_eq!(answer.to_string(), "x-run-length; max-run=7");
    }
}
