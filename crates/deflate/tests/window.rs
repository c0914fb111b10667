//! How far back our messages refer, found by an inflater of the tests' own.

mod support;

use bowline_deflate::PerMessageDeflate;
use bowline_testing::hex::assert_bytes_eq;
use bowline_testing::random::Random;
use bowline_testing::vectors::deflate_messages;
use support::{encode, json, pair};

/// Inflates slowly and plainly, and notes the longest distance.
#[derive(Default)]
struct Inflater {
    out: Vec<u8>,
    max_distance: usize,
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        (0..count).map(|bit| self.one() << bit).sum()
    }

    fn one(&mut self) -> usize {
        let bit = self.bytes[self.at / 8] >> (self.at % 8) & 1;
        self.at += 1;
        bit.into()
    }

    fn symbol(&mut self, code: &Code) -> usize {
        let (mut bits, mut first, mut before) = (0, 0, 0);
        for count in code.counts {
            bits = bits << 1 | self.one();
            if bits < first + count {
                return code.symbols[before + bits - first];
            }
            first = (first + count) << 1;
            before += count;
        }
        panic!("no such code");
    }
}

/// A canonical Huffman code.
struct Code {
    /// How many symbols have 1, 2, … 15 bits.
    counts: [usize; 15],
    /// The symbols in the order of their codes.
    symbols: Vec<usize>,
}

impl Code {
    /// From each symbol's length in bits, 0 for none.
    fn new(lengths: &[usize]) -> Self {
        let having = |len| move |&symbol: &usize| lengths[symbol] == len;
        let all = || 0..lengths.len();
        Self {
            counts: std::array::from_fn(|index| all().filter(having(index + 1)).count()),
            symbols: (1..=15).flat_map(|len| all().filter(having(len))).collect(),
        }
    }
}

impl Inflater {
    /// One message, without its last four bytes.
    fn message(&mut self, wire: &[u8]) -> Vec<u8> {
        let start = self.out.len();
        let wire = [wire, &[0x00, 0x00, 0xff, 0xff]].concat();
        let mut bits = Bits {
            bytes: &wire,
            at: 0,
        };
        while bits.at < wire.len() * 8 {
            assert_eq!(bits.take(1), 0, "ours have no BFINAL");
            match bits.take(2) {
                0 => {
                    bits.at = bits.at.next_multiple_of(8);
                    let (len, complement) = (bits.take(16), bits.take(16));
                    assert_eq!(len, complement ^ 0xffff);
                    for _ in 0..len {
                        let byte = bits.take(8);
                        self.out.push(byte as u8);
                    }
                }
                1 => {
                    let literals = [[8; 144].as_slice(), &[9; 112], &[7; 24], &[8; 8]].concat();
                    self.block(&mut bits, &literals, &[5; 30]);
                }
                2 => {
                    let (literals, distances) = lengths(&mut bits);
                    self.block(&mut bits, &literals, &distances);
                }
                _ => panic!("no such block"),
            }
        }
        self.out[start..].to_vec()
    }

    fn block(&mut self, bits: &mut Bits<'_>, literals: &[usize], distances: &[usize]) {
        let (literals, distances) = (Code::new(literals), Code::new(distances));
        loop {
            let symbol = bits.symbol(&literals);
            let len = match symbol {
                0..256 => {
                    self.out.push(symbol as u8);
                    continue;
                }
                256 => return,
                257..265 => symbol - 254,
                265..285 => {
                    let extra = (symbol - 261) / 4;
                    3 + ((4 + (symbol - 265) % 4) << extra) + bits.take(extra)
                }
                _ => 258,
            };
            let symbol = bits.symbol(&distances);
            let distance = match symbol {
                0..4 => symbol + 1,
                _ => {
                    let extra = symbol / 2 - 1;
                    1 + ((2 + symbol % 2) << extra) + bits.take(extra)
                }
            };
            self.max_distance = self.max_distance.max(distance);
            for _ in 0..len {
                self.out.push(self.out[self.out.len() - distance]);
            }
        }
    }
}

/// The codes of a dynamic block.
fn lengths(bits: &mut Bits<'_>) -> (Vec<usize>, Vec<usize>) {
    const ORDER: [usize; 19] = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ];
    let (literals, distances) = (257 + bits.take(5), 1 + bits.take(5));
    let mut code = [0; 19];
    for index in ORDER.into_iter().take(4 + bits.take(4)) {
        code[index] = bits.take(3);
    }
    let code = Code::new(&code);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (value, count) = match bits.symbol(&code) {
            16 => (*lengths.last().unwrap(), 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            len => (len, 1),
        };
        lengths.extend(std::iter::repeat_n(value, count));
    }
    let distances = lengths.split_off(literals);
    (lengths, distances)
}

#[test]
fn the_inflater_of_the_tests_agrees_with_the_vectors() {
    let vectors = deflate_messages::load();
    for sequence in &vectors.sequences {
        let mut inflater = Inflater::default();
        for message in &sequence.messages {
            assert_bytes_eq(
                &inflater.message(&message.compressed),
                &message.plain,
                &sequence.id,
            );
            assert_eq!(
                inflater.max_distance, message.max_distance,
                "{}",
                sequence.id
            );
            inflater.max_distance = 0;
        }
    }
}

/// A text that repeats itself at every distance, so that a compressor uses as much of its window as it may.
fn repetitive(len: usize) -> Vec<u8> {
    let mut random = Random::new(len as u64);
    let mut text = json(100);
    while text.len() < len {
        let from = random.below(text.len() - 60);
        let run = text[from..from + 4 + random.below(50)].to_vec();
        text.extend_from_slice(&run);
        text.push(b'0' + random.below(200) as u8);
    }
    text
}

// covers PMD-7.2.1-05, PMD-7.1.2-02
#[test]
fn no_distance_is_beyond_the_agreed_window() {
    for bits in 9..=15 {
        for level in [1, 2, 3, 5, 6, 9] {
            let config = PerMessageDeflate::new()
                .context_takeover(true)
                .outbound_window_bits(bits)
                .level(level);
            let mut encoder = pair(&config, &config).server.0;
            let mut inflater = Inflater::default();
            for len in [20_000, 1, 500, 20_000] {
                let payload = repetitive(len);
                let wire = encode(&mut *encoder, &payload);
                assert_bytes_eq(&inflater.message(&wire), &payload, "inflated");
            }
            let distance = inflater.max_distance;
            assert!(
                distance <= 1 << bits,
                "{bits} bits, level {level}: {distance}"
            );
            assert!(
                distance > 1 << (bits - 2),
                "{bits} bits, level {level}: {distance}"
            );
        }
    }
}

// covers PMD-7.1.1.1-01, PMD-7.1.1.2-01
#[test]
fn without_takeover_nothing_refers_to_an_earlier_message() {
    let config = PerMessageDeflate::new();
    let mut ends = pair(&config, &config);
    for encoder in [&mut ends.server.0, &mut ends.client.0] {
        for count in [5, 50, 5, 50] {
            // An inflater that knows no other message.
            let read = Inflater::default().message(&encode(&mut **encoder, &json(count)));
            assert_bytes_eq(&read, &json(count), "inflated alone");
        }
    }
}
