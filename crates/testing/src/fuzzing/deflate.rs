//! Targets of the deflate crate.

use bowline_deflate::PerMessageDeflate;
use bowline_extension::{Compress, Decode, Encode, ExtensionError, Negotiate, Outgoing, Progress};
use bowline_frame::{MessageKind, Rsv};
use bytes::BytesMut;

use super::{agreed, chunkings};
use crate::inflate::{Fault, Inflater};

/// Two messages of a peer, of which the second may refer to the first; the first two bytes choose how and where to cut,
/// and whether there is an idle time between.
///
/// What is made of them is the same in whatever runs, never beyond the room, and the same that a second inflater makes.
pub fn inflate(input: &[u8]) {
    let [choice, cut, payload @ ..] = input else {
        return;
    };
    let takeover = choice % 2 == 1;
    let config = PerMessageDeflate::new().context_takeover(takeover);
    let (first, second) = payload.split_at(payload.len() * usize::from(*cut) / 256);
    let (_, mut decoder) = ends(&config);
    let mut second_opinion = Inflater::new(takeover);
    for message in [first, second] {
        let read = read(&mut *decoder, &[message], LIMIT + 1);
        let wanted = second_opinion.message(message, LIMIT);
        judge(&read, &wanted, message.len(), second_opinion.carried());
        if read.is_err() || wanted.is_err() {
            break;
        }
        if choice / 2 % 2 == 1 {
            decoder.release();
        }
    }
    agreed(first, |runs| {
        let (_, mut decoder) = ends(&config);
        let room = if runs.len() > 1 { 7 } else { LIMIT + 1 };
        read(&mut *decoder, runs, room)
    })
    .ok();
}

/// Holds what the decoder made of `len` bytes to what the second inflater did, which carried so much of the window on.
///
/// The decoder may call a message too much work, but only one that is.
#[track_caller]
fn judge(read: &Result<Vec<u8>, u16>, wanted: &Result<Vec<u8>, Fault>, len: usize, carried: u64) {
    match (read, wanted) {
        (Err(1009), _) => assert!(
            len > IDLE || carried > CARRIED,
            "{len} bytes are refused, which carry {carried}: {wanted:x?}"
        ),
        (Ok(read), Ok(wanted)) => assert_eq!(read, wanted),
        (Ok(read), Err(Fault::TooBig)) => assert!(read.len() > LIMIT),
        (Err(code), Err(Fault::Invalid)) => assert_eq!(*code, 1007),
        _ => panic!("{read:x?}, {wanted:x?}"),
    }
}

/// Messages of ours, through both halves. Each byte of the input says what to do next, or is part of a message.
///
/// Whatever was sent in between and however little room there was, each message is restored by our decoder and by a
/// second inflater, and refers no further back than agreed.
pub fn deflate(input: &[u8]) {
    let [choice, level, bits, rest @ ..] = input else {
        return;
    };
    let takeover = choice % 2 == 1;
    let bits = 9 + bits % 7;
    let config = PerMessageDeflate::new()
        .context_takeover(takeover)
        .level(1 + level % 9)
        .memory_level(1 + choice / 2 % 9)
        .outbound_window_bits(bits)
        .pool_size(usize::from(choice / 32));
    let (mut encoder, mut decoder) = ends(&config);
    let (mut cramped, _) = ends(&config);
    let mut opinions = [true, true].map(Inflater::new);
    let mut rest = rest;
    while let [what, len, times, behind @ ..] = rest {
        let (unit, behind) = behind.split_at(behind.len().min(usize::from(*len)));
        rest = behind;
        match what % 8 {
            0 => encoder.interrupt(),
            1 => encoder.release(),
            2 => decoder.release(),
            _ => {}
        }
        match what % 8 {
            0 => cramped.interrupt(),
            1 => cramped.release(),
            _ => {}
        }
        let payload = unit.repeat(1 + usize::from(*times % 32));
        let compress =
            [Compress::Auto, Compress::Always, Compress::Never][usize::from(what / 8 % 3)];
        let message = Outgoing::new(MessageKind::Binary)
            .with_len(payload.len() as u64)
            .with_compress(compress);
        let rsv = encoder.begin(&message);
        assert_eq!(cramped.begin(&message), rsv);
        if rsv.is_none() {
            assert_ne!(compress, Compress::Always);
            continue;
        }
        assert_ne!(compress, Compress::Never);
        let room = usize::from(*what) + 1;
        let wire = written(&mut *encoder, &[&payload], usize::MAX >> 1);
        let read = read(&mut *decoder, &[&wire], LIMIT + 1).expect("what we wrote");
        assert!(payload.starts_with(&read), "our decoder differs");
        assert!(read.len() == payload.len() || read.len() > LIMIT);
        // How blocks are cut may depend on the room, so the bytes may differ.
        let cramped = written(&mut *cramped, &[&payload], room);
        for (opinion, wire) in opinions.iter_mut().zip([&wire, &cramped]) {
            let wanted = opinion.message(wire, payload.len());
            assert!(
                wanted.as_ref() == Ok(&payload),
                "the second inflater differs"
            );
            assert!(opinion.max_distance() <= 1 << bits);
        }
        if read.len() > LIMIT {
            return;
        }
    }
    // In runs the size may differ, since there is less to look at; the message may not.
    let [_, bytewise, random] = chunkings(input);
    for (runs, flushed) in [(&bytewise, false), (&random, false), (&random, true)] {
        let message = Outgoing::new(MessageKind::Binary).with_compress(Compress::Always);
        assert_eq!(encoder.begin(&message), Some(Rsv::RSV1));
        let wire = match flushed {
            false => written(&mut *encoder, runs, 9),
            true => in_fragments(&mut *encoder, runs, 9),
        };
        assert_eq!(
            read(&mut *decoder, &[&wire], LIMIT + 1).as_deref(),
            Ok(input)
        );
    }
}

/// The encoder of a client and the decoder of its server.
fn ends(config: &PerMessageDeflate) -> (Box<dyn Encode>, Box<dyn Decode>) {
    let (answer, server) = config.accept(&config.offers()).expect("our own offer");
    let client = config.confirm(&[answer]).expect("our own answer");
    (client.split().0, server.split().1)
}

/// Compresses the runs of a message that was begun.
fn written(encoder: &mut dyn Encode, runs: &[&[u8]], room: usize) -> Vec<u8> {
    let mut out = BytesMut::new();
    run(runs, |input, last| {
        let before = out.len();
        let progress = encoder.encode(input, last, &mut out, room)?;
        assert!(out.len() - before <= room);
        Ok(progress)
    })
    .expect("a compressor doesn't fail");
    out.to_vec()
}

/// As [`written`], with a flush behind each run.
fn in_fragments(encoder: &mut dyn Encode, runs: &[&[u8]], room: usize) -> Vec<u8> {
    let mut out = BytesMut::new();
    let mut step = |mut run: &[u8], last| {
        loop {
            let progress = encoder.encode(&mut run, last, &mut out, room);
            if progress.expect("a compressor doesn't fail") != Progress::NeedRoom {
                break;
            }
        }
        let mut flushed = last;
        while !flushed {
            let before = out.len();
            let progress = encoder.flush(&mut out, room);
            assert!(out.len() - before <= room);
            flushed = progress.expect("a compressor doesn't fail") == Progress::NeedInput;
        }
    };
    runs.iter().for_each(|run| step(run, false));
    step(&[], true);
    out.to_vec()
}

/// Inflates the runs of a message, until it ends or is beyond the limit; else the close code.
fn read(decoder: &mut dyn Decode, runs: &[&[u8]], room: usize) -> Result<Vec<u8>, u16> {
    let begun = decoder.begin(MessageKind::Binary, Rsv::RSV1);
    assert!(begun.expect("the bit is ours"));
    let mut out = BytesMut::new();
    run(runs, |input, last| {
        let before = out.len();
        let room = room.min(LIMIT + 1 - before);
        let progress = decoder.decode(input, last, &mut out, room)?;
        assert!(out.len() - before <= room);
        if out.len() > LIMIT {
            // Enough seen.
            return Ok(Progress::Done);
        }
        Ok(progress)
    })
    .map_err(|error| error.close_code().get())?;
    Ok(out.to_vec())
}

/// Calls `step` until the message is done, and holds it to what its progress promises.
fn run(
    runs: &[&[u8]],
    mut step: impl FnMut(&mut &[u8], bool) -> Result<Progress, ExtensionError>,
) -> Result<(), ExtensionError> {
    let (mut input, runs) = match runs.split_last() {
        Some((end, runs)) => (*end, runs),
        None => (&[][..], runs),
    };
    for run in runs {
        let mut run = *run;
        loop {
            match step(&mut run, false)? {
                Progress::NeedInput => break assert!(run.is_empty()),
                Progress::NeedRoom => {}
                // The limit.
                Progress::Done => return Ok(()),
            }
        }
    }
    loop {
        match step(&mut input, true)? {
            Progress::NeedInput => panic!("more input wanted at the end"),
            Progress::NeedRoom => {}
            Progress::Done => return Ok(()),
        }
    }
}

/// The most that a message is inflated to, in bytes.
const LIMIT: usize = 64 * 1024;

/// What a message may take on the wire for nothing, in bytes.
const IDLE: usize = 64 * 1024;

/// What blocks that say they are the last may make the decoder copy, in bytes.
const CARRIED: u64 = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "7 bytes are refused")]
    fn a_decoder_that_refuses_what_is_no_work_is_found() {
        judge(&Err(1009), &Ok(b"Hello".to_vec()), 7, 0);
    }

    #[test]
    #[should_panic(expected = "7 bytes are refused")]
    fn a_decoder_that_calls_the_invalid_too_big_is_found() {
        judge(&Err(1009), &Err(Fault::Invalid), 7, 0);
    }

    #[test]
    fn what_is_too_much_work_may_be_refused() {
        let config = PerMessageDeflate::new().context_takeover(false);
        let (mut encoder, mut decoder) = ends(&config);
        let fill = Outgoing::new(MessageKind::Binary).with_compress(Compress::Always);
        assert_eq!(encoder.begin(&fill), Some(Rsv::RSV1));
        // A window full, and then blocks that say they are the last.
        let mut message = written(&mut *encoder, &[&[b'x'; 40_000]], usize::MAX >> 1);
        message.extend([0x00, 0x00, 0xff, 0xff]);
        message.extend([0x03, 0x00].repeat(1000));
        let mut second_opinion = Inflater::new(false);
        let wanted = second_opinion.message(&message, LIMIT);
        assert_eq!(wanted.as_ref().map(Vec::len), Ok(40_000));
        let read = read(&mut *decoder, &[&message], LIMIT + 1);
        assert_eq!(read, Err(1009));
        judge(&read, &wanted, message.len(), second_opinion.carried());
        for cut in [0, 255] {
            inflate(&[&[0, cut], &message[..]].concat());
        }
    }
}
