//! A second opinion on DEFLATE: plain, slow, and written from RFC 1951 alone.

/// Inflates the messages of one direction of a connection, as RFC 7692 §7.2.2 has it.
///
/// # Examples
///
/// ```
/// use bowline_testing::inflate::Inflater;
///
/// let mut inflater = Inflater::new(true);
/// let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// assert_eq!(inflater.message(&hello, 5).unwrap(), b"Hello");
/// assert_eq!(inflater.message(&[0xf2, 0x00, 0x11, 0x00, 0x00], 5).unwrap(), b"Hello");
/// assert_eq!(inflater.max_distance(), 5);
/// ```
#[derive(Clone, Debug)]
pub struct Inflater {
    takeover: bool,
    /// All that a message may refer to, and the message.
    bytes: Vec<u8>,
    max_distance: usize,
    carried: u64,
}

/// Why there is no message. Complete by definition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It isn't DEFLATE, or it ends where no block does.
    Invalid,
    /// It is longer than the limit.
    TooBig,
}

impl Inflater {
    /// Begins a connection; with `takeover` a message may refer to those before it.
    pub fn new(takeover: bool) -> Self {
        Self {
            takeover,
            bytes: Vec::new(),
            max_distance: 0,
            carried: 0,
        }
    }

    /// Inflates a payload to at most `limit` bytes. After a fault the connection is over.
    pub fn message(&mut self, payload: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
        let keep = if self.takeover { WINDOW } else { 0 };
        self.bytes.drain(..self.bytes.len().saturating_sub(keep));
        let start = self.bytes.len();
        let wire = [payload, &[0x00, 0x00, 0xff, 0xff]].concat();
        let mut message = Message {
            inflater: self,
            bits: Bits {
                bytes: &wire,
                at: 0,
            },
            payload: payload.len() * 8,
            limit: start + limit,
        };
        message.blocks()?;
        Ok(self.bytes[start..].to_vec())
    }

    /// The longest distance that was referred to, in bytes.
    pub fn max_distance(&self) -> usize {
        self.max_distance
    }

    /// How much of the window blocks that said they are the last had to carry on to what followed them in their message,
    /// summed up, in bytes.
    pub fn carried(&self) -> u64 {
        self.carried
    }
}

struct Message<'a> {
    inflater: &'a mut Inflater,
    bits: Bits<'a>,
    /// Where the payload ends, in bits; behind it is what the sender left out.
    payload: usize,
    /// How long `inflater.bytes` may be.
    limit: usize,
}

impl Message<'_> {
    fn blocks(&mut self) -> Result<(), Fault> {
        while self.bits.at < self.bits.bytes.len() * 8 {
            let is_final = self.bits.take(1)? == 1;
            match self.bits.take(2)? {
                0 => self.stored()?,
                1 => {
                    let literals = [&[8; 144][..], &[9; 112], &[7; 24], &[8; 8]].concat();
                    self.coded(&Code::new(&literals)?, &Code::new(&[5; 32])?)?;
                }
                2 => {
                    let (literals, distances) = self.codes()?;
                    self.coded(&literals, &distances)?;
                }
                _ => return Err(Fault::Invalid),
            }
            if is_final {
                self.bits.align();
                if self.bits.at == self.payload {
                    // Whoever ends a message with BFINAL and nothing behind it means the end.
                    return Ok(());
                }
                self.inflater.carried += self.inflater.bytes.len().min(WINDOW) as u64;
            }
        }
        Ok(())
    }

    fn stored(&mut self) -> Result<(), Fault> {
        self.bits.align();
        let (len, complement) = (self.bits.take(16)?, self.bits.take(16)?);
        if len != complement ^ 0xffff {
            return Err(Fault::Invalid);
        }
        for _ in 0..len {
            let byte = self.bits.take(8)?;
            self.push(byte as u8)?;
        }
        Ok(())
    }

    /// The codes of a dynamic block, for literals and for distances.
    fn codes(&mut self) -> Result<(Code, Code), Fault> {
        let literals = 257 + self.bits.take(5)?;
        let distances = 1 + self.bits.take(5)?;
        let listed = 4 + self.bits.take(4)?;
        if literals > 286 || distances > 30 {
            return Err(Fault::Invalid);
        }
        let mut lengths = [0; 19];
        for index in ORDER.into_iter().take(listed) {
            lengths[index] = self.bits.take(3)?;
        }
        let code = Code::new(&lengths)?;
        if code.is_incomplete() {
            return Err(Fault::Invalid);
        }
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (value, count) = match self.bits.symbol(&code)? {
                16 => {
                    let last = *lengths.last().ok_or(Fault::Invalid)?;
                    (last, 3 + self.bits.take(2)?)
                }
                17 => (0, 3 + self.bits.take(3)?),
                18 => (0, 11 + self.bits.take(7)?),
                len => (len, 1),
            };
            lengths.extend(std::iter::repeat_n(value, count));
        }
        if lengths.len() > literals + distances || lengths[256] == 0 {
            return Err(Fault::Invalid);
        }
        let distances = Code::new(&lengths.split_off(literals))?;
        let literals = Code::new(&lengths)?;
        // RFC 1951 §3.2.7 allows a code of one symbol with one bit, and zlib no other that is incomplete.
        if [&literals, &distances]
            .into_iter()
            .any(|code| code.is_incomplete() && !code.is_short())
        {
            return Err(Fault::Invalid);
        }
        Ok((literals, distances))
    }

    fn coded(&mut self, literals: &Code, distances: &Code) -> Result<(), Fault> {
        loop {
            let symbol = self.bits.symbol(literals)?;
            let len = match symbol {
                0..256 => {
                    self.push(symbol as u8)?;
                    continue;
                }
                256 => return Ok(()),
                257..265 => symbol - 254,
                265..285 => {
                    let extra = (symbol - 261) / 4;
                    3 + ((4 + (symbol - 265) % 4) << extra) + self.bits.take(extra)?
                }
                285 => 258,
                _ => return Err(Fault::Invalid),
            };
            let symbol = self.bits.symbol(distances)?;
            let distance = match symbol {
                0..4 => symbol + 1,
                4..30 => {
                    let extra = symbol / 2 - 1;
                    1 + ((2 + symbol % 2) << extra) + self.bits.take(extra)?
                }
                _ => return Err(Fault::Invalid),
            };
            if distance > self.inflater.bytes.len() {
                return Err(Fault::Invalid);
            }
            self.inflater.max_distance = self.inflater.max_distance.max(distance);
            for _ in 0..len {
                let byte = self.inflater.bytes[self.inflater.bytes.len() - distance];
                self.push(byte)?;
            }
        }
    }

    fn push(&mut self, byte: u8) -> Result<(), Fault> {
        if self.bits.at > self.payload {
            // Made of what the sender left out.
            return Err(Fault::Invalid);
        }
        if self.inflater.bytes.len() == self.limit {
            return Err(Fault::TooBig);
        }
        self.inflater.bytes.push(byte);
        Ok(())
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Result<usize, Fault> {
        (0..count).try_fold(0, |bits, index| Ok(bits | self.one()? << index))
    }

    fn one(&mut self) -> Result<usize, Fault> {
        let byte = self.bytes.get(self.at / 8).ok_or(Fault::Invalid)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Ok(bit.into())
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    fn symbol(&mut self, code: &Code) -> Result<usize, Fault> {
        let (mut bits, mut first, mut before) = (0, 0, 0);
        for count in code.counts {
            bits = bits << 1 | self.one()?;
            if bits < first + count {
                return Ok(code.symbols[before + bits - first]);
            }
            first = (first + count) << 1;
            before += count;
        }
        Err(Fault::Invalid)
    }
}

/// A canonical Huffman code (RFC 1951 §3.2.2).
struct Code {
    /// How many symbols have 1, 2, … 15 bits.
    counts: [usize; 15],
    /// The symbols in the order of their codes.
    symbols: Vec<usize>,
}

impl Code {
    /// From each symbol's length in bits, 0 for none.
    fn new(lengths: &[usize]) -> Result<Self, Fault> {
        let having = |len| move |&symbol: &usize| lengths[symbol] == len;
        let all = || 0..lengths.len();
        let code = Self {
            counts: std::array::from_fn(|index| all().filter(having(index + 1)).count()),
            symbols: (1..=15).flat_map(|len| all().filter(having(len))).collect(),
        };
        if code.used() > 1 << 15 {
            return Err(Fault::Invalid);
        }
        Ok(code)
    }

    /// How much of all runs of 15 bits begin with a symbol.
    fn used(&self) -> usize {
        let counts = self.counts.into_iter().enumerate();
        counts.map(|(index, count)| count << (14 - index)).sum()
    }

    /// A code without symbols isn't: using it fails.
    fn is_incomplete(&self) -> bool {
        (1..1 << 15).contains(&self.used())
    }

    fn is_short(&self) -> bool {
        self.counts[1..].iter().all(|&count| count == 0)
    }
}

/// RFC 1951 §3.2.7.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// How far back a distance can reach.
const WINDOW: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::assert_bytes_eq;
    use crate::vectors::deflate_messages;

    #[test]
    fn agrees_with_the_vectors() {
        let vectors = deflate_messages::load();
        for sequence in &vectors.sequences {
            let mut inflater = Inflater::new(sequence.context_takeover);
            for message in &sequence.messages {
                inflater.max_distance = 0;
                let read = inflater
                    .message(&message.compressed, message.plain.len())
                    .unwrap();
                assert_bytes_eq(&read, &message.plain, &sequence.id);
                assert_eq!(
                    inflater.max_distance, message.max_distance,
                    "{}",
                    sequence.id
                );
            }
        }
        for variant in &vectors.legal_variants {
            let mut inflater = Inflater::new(false);
            let read = inflater
                .message(&variant.compressed, variant.plain.len())
                .unwrap();
            assert_bytes_eq(&read, &variant.plain, &variant.id);
            assert_eq!(
                inflater.max_distance, variant.max_distance,
                "{}",
                variant.id
            );
            if !read.is_empty() {
                let fault = Inflater::new(false).message(&variant.compressed, read.len() - 1);
                assert_eq!(fault, Err(Fault::TooBig), "{}", variant.id);
            }
        }
        for invalid in &vectors.invalid {
            let fault = Inflater::new(true).message(&invalid.compressed, 1 << 20);
            let tolerated = invalid.id == "window-9-violation";
            assert_eq!(fault == Err(Fault::Invalid), !tolerated, "{}", invalid.id);
        }
    }
}
