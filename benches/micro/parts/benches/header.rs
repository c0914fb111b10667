//! Headers beside a minimum written by hand, which checks nothing but that the bytes are there.

use std::hint::black_box;

use bowline_frame::{FrameError, FrameHeader, Mask, OpCode, Rsv};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse header");
    for len in LENGTHS {
        // As they lie in a buffer, with the payload behind them.
        let mut bytes = header(len, Some(Mask::new(KEY))).encode().to_vec();
        bytes.resize(64, 0);
        group.bench_function(BenchmarkId::new("bowline", len), |bencher| {
            bencher.iter(|| parse_header(black_box(&bytes)));
        });
        group.bench_function(BenchmarkId::new("minimum", len), |bencher| {
            bencher.iter(|| minimal_parse(black_box(&bytes)));
        });
    }
    group.finish();
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write header");
    for len in LENGTHS {
        let mut out = Vec::with_capacity(64);
        group.bench_function(BenchmarkId::new("bowline", len), |bencher| {
            bencher.iter(|| {
                out.clear();
                out.extend_from_slice(&header(black_box(len), None).encode());
                black_box(&out).len()
            });
        });
        group.bench_function(BenchmarkId::new("minimum", len), |bencher| {
            bencher.iter(|| {
                out.clear();
                minimal_write(black_box(len), &mut out);
                black_box(&out).len()
            });
        });
    }
    group.finish();
}

fn header(len: u64, mask: Option<Mask>) -> FrameHeader {
    FrameHeader {
        fin: true,
        rsv: Rsv::NONE,
        opcode: OpCode::Binary,
        mask,
        len,
    }
}

/// A call, as the minimum is: what the compiler makes of either where it is used isn't compared.
#[inline(never)]
fn parse_header(bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, FrameError> {
    FrameHeader::parse(bytes)
}

/// FIN and opcode, length and key of a masked frame, and where its payload begins.
#[inline(never)]
fn minimal_parse(bytes: &[u8]) -> Option<(u8, u64, [u8; 4], usize)> {
    let (&first, rest) = bytes.split_first()?;
    let (&second, rest) = rest.split_first()?;
    let (len, rest) = match second & 0x7F {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u16::from_be_bytes(*len).into(), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*len), rest)
        }
        len => (len.into(), rest),
    };
    let (key, rest) = rest.split_first_chunk()?;
    Some((first, len, *key, bytes.len() - rest.len()))
}

/// The header of an unmasked binary message.
fn minimal_write(len: u64, out: &mut Vec<u8>) {
    match len {
        0..126 => out.extend_from_slice(&[0x82, len as u8]),
        126..0x1_0000 => {
            let [a, b] = (len as u16).to_be_bytes();
            out.extend_from_slice(&[0x82, 126, a, b]);
        }
        _ => {
            let [a, b, c, d, e, f, g, h] = len.to_be_bytes();
            out.extend_from_slice(&[0x82, 127, a, b, c, d, e, f, g, h]);
        }
    }
}

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

const LENGTHS: [u64; 3] = [125, 1024, 64 * 1024];

criterion_group!(benches, parse, write);
criterion_main!(benches);
