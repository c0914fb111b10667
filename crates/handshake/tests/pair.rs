//! A client's machine against a server's, over chunks of any size; and both against damaged input.

mod common;

use std::sync::Arc;

use bowline_handshake::{ClientHandshake, ClientRequest, ServerConfig, ServerHead};
use bowline_testing::random::{Random, seed};
use bowline_testing::vectors::{handshake_request, handshake_response};
use common::{Idle, ask, serve};

fn cut<'a>(mut bytes: &'a [u8], random: &mut Random) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        let (chunk, rest) = bytes.split_at(random.below(bytes.len().min(60) + 1));
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}

// covers WS-4.1-27, WS-4.2.2-11, WS-4.2.2-12, WS-9.1-04, WS-12-01
#[test]
fn a_client_and_a_server_agree() {
    let seed = seed();
    let mut random = Random::new(seed);
    let subprotocols = ["a", "b", "c", "d"];
    for round in 0..500 {
        let context = format!("round {round} of BOWLINE_SEED={seed}");
        let mut draw = |names: &[&'static str]| -> Vec<&'static str> {
            names
                .iter()
                .copied()
                .filter(|_| random.below(2) == 0)
                .collect()
        };
        let (offered, spoken) = (draw(&subprotocols), draw(&subprotocols));
        let (offers, accepts) = (!draw(&["x"]).is_empty(), !draw(&["x"]).is_empty());

        let mut request = ClientRequest::try_from("ws://h/")
            .unwrap()
            .subprotocols(&offered)
            .unwrap();
        if offers {
            request = request.extension(Idle::new("permessage-deflate"));
        }
        let mut config = ServerConfig::default().subprotocols(&spoken).unwrap();
        if accepts {
            config = config.extension(Idle::new("permessage-deflate"));
        }
        let mut nonce = [0; 16];
        random.fill(&mut nonce);
        let mut client = ClientHandshake::new(&request, nonce);

        let to_server = [&client.request()[..], b"first frame"].concat();
        let chunks = cut(&to_server, &mut random);
        let Some((ServerHead::Upgrade(upgrade), rest)) = serve(&Arc::new(config), &chunks) else {
            panic!("{context}: no upgrade");
        };
        let accepted = upgrade.accept();
        let arrived = [&accepted.leftover[..], &rest].concat();
        assert_eq!(arrived, b"first frame", "{context}");

        let to_client = [&accepted.response[..], b"server's frame"].concat();
        let established = ask(&mut client, &cut(&to_client, &mut random)).expect(&context);
        assert_eq!(&established.leftover[..], b"server's frame", "{context}");
        assert_eq!(established.subprotocol, accepted.subprotocol, "{context}");
        let expected = spoken.iter().find(|name| offered.contains(name)).copied();
        assert_eq!(established.subprotocol.as_deref(), expected, "{context}");
        let used = established.extension.is_some();
        assert_eq!(
            (used, accepted.extension.is_some()),
            (offers && accepts, used),
            "{context}"
        );
    }
}

/// Replaces, inserts, removes or doubles some bytes.
fn damage(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    const LIKELY: &[u8] = b"\r\n\t :;,=\"\\/?#%\0\x7f\x80\xff";
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        let byte = LIKELY[random.below(LIKELY.len())];
        match random.below(4) {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => drop(bytes.remove(at)),
            _ => {
                let end = (at + random.below(40)).min(bytes.len());
                let doubled = bytes[at..end].to_vec();
                bytes.splice(at..at, doubled);
            }
        }
    }
    bytes
}

// covers WS-10.7-01
#[test]
fn damaged_requests_are_judged_the_same_however_they_arrive() {
    let seed = seed();
    let mut random = Random::new(seed);
    let config = Arc::new(ServerConfig::default());
    for vector in handshake_request::load().vectors {
        for round in 0..50 {
            let input = damage(&vector.raw, &mut random);
            let whole = judged(&config, &[&input]);
            let pieces = judged(&config, &cut(&input, &mut random));
            let context = format!("{}, round {round} of BOWLINE_SEED={seed}", vector.id);
            assert_eq!(whole, pieces, "{context}");
        }
    }
}

/// The answer; `None` while more is needed.
fn judged(config: &Arc<ServerConfig>, chunks: &[&[u8]]) -> Option<Vec<u8>> {
    Some(match serve(config, chunks)?.0 {
        ServerHead::Upgrade(upgrade) => upgrade.accept().response.into(),
        ServerHead::Http(http) => http.upgrade_required().into_response().into(),
        ServerHead::Refused(refusal) => refusal.into_response().into(),
    })
}

// covers WS-10.7-01
#[test]
fn damaged_responses_are_judged_the_same_however_they_arrive() {
    let seed = seed();
    let mut random = Random::new(seed);
    let request = ClientRequest::try_from("ws://h/")
        .unwrap()
        .subprotocols(["chat"])
        .unwrap()
        .extension(Idle::new("permessage-deflate"));
    for vector in handshake_response::load() {
        for round in 0..50 {
            let input = damage(&vector.raw, &mut random);
            let run = |chunks: &[&[u8]]| {
                let mut client = ClientHandshake::new(&request, common::NONCE);
                let result = ask(&mut client, chunks);
                format!(
                    "{:?}",
                    result.map(|it| (it.response, it.subprotocol, it.leftover))
                )
            };
            let whole = run(&[&input]);
            let pieces = run(&cut(&input, &mut random));
            let context = format!("{}, round {round} of BOWLINE_SEED={seed}", vector.id);
            assert_eq!(whole, pieces, "{context}");
        }
    }
}
