//! The check of text beside std's.

use std::hint::black_box;

use bowline_frame::Utf8Validator;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn utf8(criterion: &mut Criterion) {
    for (name, character) in CHARACTERS {
        let mut group = criterion.benchmark_group(format!("utf8 {name}"));
        for len in LENGTHS {
            let mut text = character.repeat(len / character.len());
            text.extend(std::iter::repeat_n('.', len - text.len()));
            let text = text.as_bytes();
            group.throughput(Throughput::Bytes(len as u64));
            group.bench_function(BenchmarkId::new("bowline", len), |bencher| {
                bencher.iter(|| Utf8Validator::new().push(black_box(text)));
            });
            group.bench_function(BenchmarkId::new("std", len), |bencher| {
                bencher.iter(|| std::str::from_utf8(black_box(text)).is_ok());
            });
        }
        group.finish();
    }
}

const CHARACTERS: [(&str, &str); 4] = [
    ("ASCII", "a"),
    ("2 bytes", "ж"),
    ("3 bytes", "語"),
    ("emoji", "🪢"),
];

const LENGTHS: [usize; 4] = [16, 125, 1024, 64 * 1024];

criterion_group!(benches, utf8);
criterion_main!(benches);
