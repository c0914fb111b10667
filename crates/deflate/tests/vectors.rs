//! The vectors: `pmd_negotiation.json` and `deflate_messages.json`.

mod support;

use bowline_deflate::PerMessageDeflate;
use bowline_extension::{Negotiate, Offer};
use bowline_frame::{Message, Role};
use bowline_testing::hex::assert_bytes_eq;
use bowline_testing::random::{Random, seed};
use bowline_testing::vectors::pmd_negotiation::{
    Agreed, ClientOutcome, ServerConfig, ServerOutcome,
};
use bowline_testing::vectors::{Hex, deflate_messages, pmd_negotiation};
use support::{decode, decode_runs, decoder};

fn header(lines: &[&str]) -> Vec<Offer> {
    Offer::parse_header(lines.iter().map(|line| line.as_bytes())).unwrap()
}

fn server(config: &ServerConfig) -> PerMessageDeflate {
    PerMessageDeflate::new()
        .outbound_takeover(!config.server_no_context_takeover)
        .inbound_takeover(!config.client_no_context_takeover)
        .outbound_window_bits(config.server_max_window_bits)
        .inbound_window_bits(config.client_max_window_bits)
}

// covers PMD-5-01, PMD-5-02, PMD-5-03, PMD-5-04, PMD-7.1-01, PMD-7.1.1.2-02,
// PMD-7.1.2.1-01, PMD-7.1.2.2-01, PMD-7.1.2.2-02, PMD-7.1.2-01, PMD-7.1.2-03
#[test]
fn offers_are_answered_as_the_vectors_say() {
    for vector in pmd_negotiation::load().server_side {
        let id = &vector.id;
        let accepted = server(&vector.server_config).accept_first(&header(&[&vector.offer]));
        // zlib can't compress with 8 bits, so we decline what a server that can would accept.
        let ours =
            vector.outcome == ServerOutcome::Accept && vector.server_config.min_window_bits == 9;
        let Some((answer, deflate)) = accepted else {
            assert!(!ours, "{id}: declined");
            continue;
        };
        assert!(ours, "{id}: answered {answer}");
        assert_eq!(Some(answer.to_string()), vector.reference_response, "{id}");
        let agreed = Agreed {
            server_no_context_takeover: !deflate.outbound_takeover(),
            client_no_context_takeover: !deflate.inbound_takeover(),
            server_max_window_bits: deflate.outbound_window_bits(),
            client_max_window_bits: deflate.inbound_window_bits(),
        };
        assert_eq!(Some(agreed), vector.agreed, "{id}");
    }
}

/// The client that makes this offer, which has no fallbacks.
fn client(offer: &str) -> PerMessageDeflate {
    let offers = header(&[offer]);
    let [offer] = &offers[..] else {
        panic!("one offer: {offers:?}");
    };
    let mut config = PerMessageDeflate::new()
        .context_takeover(true)
        .outbound_window_bits(15);
    for param in offer.params() {
        let bits = || param.value().map(|value| value.parse().unwrap());
        config = match param.name() {
            "server_no_context_takeover" => config.inbound_takeover(false),
            "client_no_context_takeover" => config.outbound_takeover(false),
            "server_max_window_bits" => config.inbound_window_bits(bits().unwrap()),
            "client_max_window_bits" => config.outbound_window_bits(bits().unwrap_or(15)),
            other => panic!("{other}"),
        };
    }
    config
}

// covers PMD-5-05, PMD-5-06, PMD-6-02, PMD-7.1-02, PMD-7.1.1.1-02, PMD-7.1.2.1-02, PMD-7.1.2.2-03, PMD-7.1.2-01
#[test]
fn answers_are_judged_as_the_vectors_say() {
    let mut judged = 0;
    for vector in pmd_negotiation::load().client_side {
        let id = &vector.id;
        let (Some(offer), Some(lines)) = (&vector.offer, &vector.response) else {
            // Without an offer or an answer nobody asks the extension; the handshake's tests have these.
            continue;
        };
        let Ok(answer) = Offer::parse_header(lines.iter().map(|line| line.as_bytes())) else {
            assert_eq!(vector.outcome, ClientOutcome::Fail, "{id}");
            continue;
        };
        // We always say that we obey, so an answer to an offer that doesn't is none to ours.
        if id == "cmwb-not-offered" {
            continue;
        }
        judged += 1;
        let confirmed = client(offer).confirm_one(&answer);
        let wanted = vector.outcome == ClientOutcome::Open;
        assert_eq!(confirmed.is_ok(), wanted, "{id}: {confirmed:?}");
        if let (Ok(deflate), Some(agreed)) = (confirmed, vector.agreed) {
            // A sender may do less than is agreed.
            let takeover = !agreed.client_no_context_takeover && id != "cnct-not-echoed";
            assert_eq!(deflate.outbound_takeover(), takeover, "{id}");
            assert_eq!(
                deflate.outbound_window_bits(),
                agreed.client_max_window_bits,
                "{id}"
            );
            assert_eq!(
                deflate.inbound_takeover(),
                !agreed.server_no_context_takeover,
                "{id}"
            );
            assert_eq!(
                deflate.inbound_window_bits(),
                agreed.server_max_window_bits,
                "{id}"
            );
        }
    }
    assert!(judged > 25, "{judged} answers");
}

/// One connection's messages: each payload with what it inflates to, in every way a transport could deliver it.
/// What was offered as a fallback holds for our messages too, and not what was offered first.
#[test]
fn an_answer_that_fits_a_fallback_is_carried_out_as_that_was_offered() {
    let first = PerMessageDeflate::new().inbound_window_bits(9);
    let second = PerMessageDeflate::new()
        .context_takeover(true)
        .outbound_window_bits(15);
    let config = first.or(&second);
    let agreed = |answer: &str| config.confirm_one(&header(&[answer])).unwrap();
    let deflate = agreed("permessage-deflate");
    assert!(deflate.inbound_takeover() && deflate.outbound_takeover());
    assert_eq!(deflate.outbound_window_bits(), 15);
    let deflate =
        agreed("permessage-deflate; server_no_context_takeover; server_max_window_bits=9");
    assert!(!deflate.inbound_takeover() && !deflate.outbound_takeover());
    assert_eq!(deflate.outbound_window_bits(), 12);
}

fn check_messages(offer: &str, messages: &[(&[u8], &[u8])], id: &str) {
    let seed = seed();
    let mut random = Random::new(seed);
    let mut whole = decoder(offer);
    let mut bytewise = decoder(offer);
    let mut randomly = decoder(offer);
    for (index, (wire, plain)) in messages.iter().enumerate() {
        let context = format!("{id}, message {index}");
        assert_bytes_eq(&decode(&mut *whole, wire).unwrap(), plain, &context);
        let read = decode_runs(&mut *bytewise, wire, || 1).unwrap();
        assert_bytes_eq(&read, plain, format_args!("{context}, byte by byte"));
        let read = decode_runs(&mut *randomly, wire, || random.below(40)).unwrap();
        assert_bytes_eq(&read, plain, format_args!("{context}, seed {seed}"));
    }
    let [(wire, plain)] = messages else {
        return;
    };
    for at in 0..=wire.len().min(512) {
        let mut decoder = decoder(offer);
        let mut sizes = [at, usize::MAX >> 1].into_iter();
        let read = decode_runs(&mut *decoder, wire, || {
            sizes.next().unwrap_or(usize::MAX >> 1)
        });
        assert_bytes_eq(&read.unwrap(), plain, format_args!("{id}, cut at {at}"));
    }
}

// covers PMD-6.2-01, PMD-7.2.1-02, PMD-7.2.1-03, PMD-7.2.2-01, PMD-7.2.2-02, PMD-7.2.2-03, PMD-7.1.2-02
#[test]
fn messages_are_inflated_as_the_vectors_say() {
    let vectors = deflate_messages::load();
    for example in &vectors.rfc_examples {
        let messages = example
            .messages
            .iter()
            .map(|message| (&*message.compressed, &*message.plain));
        check_messages(
            "permessage-deflate",
            &messages.collect::<Vec<_>>(),
            &example.id,
        );
    }
    for variant in &vectors.legal_variants {
        let message = (&*variant.compressed, &*variant.plain);
        check_messages("permessage-deflate", &[message], &variant.id);
    }
    for sequence in &vectors.sequences {
        let offer = match sequence.context_takeover {
            true => "permessage-deflate",
            false => "permessage-deflate; client_no_context_takeover",
        };
        let offer = format!("{offer}; client_max_window_bits={}", sequence.window_bits);
        let messages = sequence
            .messages
            .iter()
            .map(|message| (&*message.compressed, &*message.plain));
        let messages: Vec<_> = messages.collect();
        check_messages(&offer, &messages, &sequence.id);
        // A wider window than agreed is always right.
        check_messages("permessage-deflate", &messages, &sequence.id);
    }
}

// covers PMD-7.2.2-04, PMD-7.2.2-05, PMD-7.2.2-07
#[test]
fn invalid_messages_fail_as_the_vectors_say() {
    for vector in deflate_messages::load().invalid {
        let offer = format!(
            "permessage-deflate; client_max_window_bits={}",
            vector.window_bits
        );
        for size in [usize::MAX >> 1, 1, 3] {
            let mut decoder = decoder(&offer);
            match decode_runs(&mut *decoder, &vector.compressed, || size) {
                Ok(_) => assert!(vector.tolerant_decoder_may_accept, "{}", vector.id),
                Err(error) => {
                    assert_eq!(
                        error.close_code().get(),
                        vector.expect_close,
                        "{}",
                        vector.id
                    );
                    // The direction is dead.
                    let again = decode(&mut *decoder, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
                    assert!(again.is_err(), "{}", vector.id);
                }
            }
        }
    }
}

/// A client that reads, through the whole machine, from a server that offered nothing to itself.
fn client_reads(limit: u64, wire: &[u8]) -> Result<Option<Message>, bowline_proto::ProtocolError> {
    use bowline_proto::{Config, EventRef, Inbound};
    let config = PerMessageDeflate::new().context_takeover(true);
    let extension = config.confirm(&header(&["permessage-deflate"])).unwrap();
    let machine = Config::new(Role::Client).max_message(limit);
    let mut inbound = Inbound::new(Role::Client, &machine, Some(extension.split().1));
    let mut wire = wire.to_vec();
    let mut rest = &mut wire[..];
    loop {
        let (used, event) = inbound.handle(rest)?;
        match event {
            Some(EventRef::Message(message)) => return Ok(Some(message.to_owned())),
            Some(EventRef::Assembled(message)) => return Ok(Some(message)),
            Some(_) => rest = &mut rest[used..],
            None => return Ok(None),
        }
    }
}

fn joined(frames: &[Hex]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|frame| frame.iter().copied())
        .collect()
}

// covers PMD-6.1-01, PMD-6.1-05, PMD-7.2.1-07
#[test]
fn frames_of_the_examples_are_read() {
    let vectors = deflate_messages::load();
    let hello = Message::from("Hello");
    for example in vectors
        .rfc_examples
        .iter()
        .filter(|example| example.messages.len() == 1)
    {
        let [message] = &example.messages[..] else {
            unreachable!()
        };
        let read = client_reads(1000, &message.frame).unwrap();
        let text = String::from_utf8(message.plain.to_vec()).unwrap();
        assert_eq!(read, Some(Message::from(text)), "{}", example.id);
    }
    for split in &vectors.hello_every_split {
        let read = client_reads(1000, &joined(&split.frames)).unwrap();
        assert_eq!(read, Some(hello.clone()), "{}", split.at);
    }
    assert_eq!(
        client_reads(1000, &joined(&vectors.rfc_fragmented.frames)).unwrap(),
        Some(hello)
    );
}

// covers PMD-7.2.2-06
#[test]
fn bombs_are_refused_with_1009() {
    for bomb in deflate_messages::load().bombs {
        let wire = match &bomb.compressed {
            Some(payload) => {
                let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
                [&[0xc2, 126], &len[..], payload].concat()
            }
            None if bomb.frames.is_empty() => continue,
            None => joined(&bomb.frames),
        };
        let error = client_reads(bomb.limit as u64, &wire).unwrap_err();
        assert_eq!(error.close_code().get(), bomb.expect_close, "{}", bomb.id);
    }
}
