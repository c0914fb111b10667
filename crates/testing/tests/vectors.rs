//! Every vector file loads, and keeps what its README promises.

use std::collections::HashSet;

use bowline_testing::vectors::*;

#[track_caller]
fn assert_unique<'a>(ids: impl IntoIterator<Item = &'a String>) {
    let mut seen = HashSet::new();
    for id in ids {
        assert!(seen.insert(id), "{id} is there twice");
    }
    assert!(!seen.is_empty(), "no vector");
}

#[test]
fn ids_are_unique_in_each_list() {
    let accept_key = accept_key::load();
    assert_unique(accept_key.valid.iter().map(|vector| &vector.id));
    assert_unique(accept_key.invalid_keys.iter().map(|vector| &vector.id));
    assert_unique(close::load().payloads.iter().map(|vector| &vector.id));
    let deflate = deflate_messages::load();
    assert_unique(deflate.rfc_examples.iter().map(|vector| &vector.id));
    assert_unique(deflate.legal_variants.iter().map(|vector| &vector.id));
    assert_unique(deflate.sequences.iter().map(|vector| &vector.id));
    assert_unique(deflate.invalid.iter().map(|vector| &vector.id));
    assert_unique(deflate.bombs.iter().map(|vector| &vector.id));
    assert_unique(extended_connect::load().iter().map(|vector| &vector.id));
    assert_unique(extension_header::load().iter().map(|vector| &vector.id));
    assert_unique(frame_invalid::load().iter().map(|vector| &vector.id));
    assert_unique(
        frame_sequences::load()
            .vectors
            .iter()
            .map(|vector| &vector.id),
    );
    let frame_valid = frame_valid::load();
    assert_unique(frame_valid.rfc_examples.iter().map(|vector| &vector.id));
    assert_unique(frame_valid.frames.iter().map(|vector| &vector.id));
    assert_unique(frame_valid.header_only.iter().map(|vector| &vector.id));
    assert_unique(
        handshake_request::load()
            .vectors
            .iter()
            .map(|vector| &vector.id),
    );
    assert_unique(handshake_response::load().iter().map(|vector| &vector.id));
    assert_unique(masking::load().vectors.iter().map(|vector| &vector.id));
    let pmd = pmd_negotiation::load();
    assert_unique(pmd.server_side.iter().map(|vector| &vector.id));
    assert_unique(pmd.client_side.iter().map(|vector| &vector.id));
    assert_unique(subprotocol::load().iter().map(|vector| &vector.id));
    assert_unique(token_list::load().iter().map(|vector| &vector.id));
    assert_unique(uri::load().iter().map(|vector| &vector.uri));
    assert_unique(utf8::load().vectors.iter().map(|vector| &vector.id));
}

#[test]
fn every_expected_code_is_among_the_accepted_ones() {
    for vector in frame_invalid::load() {
        assert!(
            vector.accept_close.contains(&vector.expect_close),
            "{}",
            vector.id
        );
    }
    for vector in handshake_request::load().vectors {
        assert!(
            vector.accept_status.contains(&vector.expect_status),
            "{}",
            vector.id
        );
    }
    for vector in close::load().payloads {
        match vector.expect_close {
            Some(code) => assert!(
                !vector.valid && vector.accept_close.contains(&code),
                "{}",
                vector.id
            ),
            None => assert!(
                vector.valid && vector.code.is_some() && vector.reason.is_some(),
                "{}",
                vector.id
            ),
        }
    }
}

#[test]
fn joined_frames_are_the_wire() {
    for vector in frame_sequences::load().vectors {
        let frames: Vec<&[u8]> = vector.frames.iter().map(|frame| &**frame).collect();
        assert_eq!(frames.concat(), *vector.wire, "{}", vector.id);
    }
}

#[test]
fn a_named_payload_gives_the_frame_it_names() {
    for vector in frame_valid::load().frames {
        let mut wire = vector.header.to_vec();
        let key = vector.mask_key.as_deref().unwrap_or(&[0]);
        wire.extend(
            vector
                .payload
                .build()
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        vector.assert_is(&wire);
    }
}

#[test]
#[should_panic(expected = "SHA-1 of the payload")]
fn a_frame_with_one_wrong_byte_is_not_the_frame() {
    let vector = frame_valid::load()
        .frames
        .into_iter()
        .find(|vector| !vector.masked && vector.wire_len > 200);
    let vector = vector.expect("the file has long frames");
    let mut wire = vector.header.to_vec();
    wire.extend(vector.payload.build());
    wire[100] ^= 1;
    vector.assert_is(&wire);
}

#[test]
fn utf8_vectors_agree_with_the_standard_library() {
    for vector in utf8::load().vectors {
        let result = std::str::from_utf8(&vector.bytes);
        assert_eq!(result.is_ok(), vector.valid, "{}", vector.id);
        let incomplete = result.is_err_and(|error| error.error_len().is_none());
        assert_eq!(incomplete, vector.incomplete_tail, "{}", vector.id);
    }
}

#[test]
fn the_code_table_covers_0_to_5000_and_agrees_with_the_ranges() {
    let close = close::load();
    assert_eq!(close.code_valid_0_to_5000.len(), 5001);
    for (code, flag) in (0..).zip(close.code_valid_0_to_5000.bytes()) {
        let in_range = close
            .valid_ranges
            .iter()
            .any(|&(first, last)| (first..=last).contains(&code));
        assert_eq!(flag == b'1', in_range, "code {code}");
    }
}

#[test]
fn what_is_given_in_only_one_of_two_ways_is_given() {
    for vector in deflate_messages::load().bombs {
        let given = vector.compressed.is_some()
            || vector.compressed_len.is_some()
            || !vector.frames.is_empty();
        assert!(given, "{}", vector.id);
    }
    for vector in proxy::load().basic_auth {
        assert_ne!(
            vector.header.is_some(),
            vector.error.is_some(),
            "{}",
            vector.user
        );
    }
    for vector in extended_connect::load() {
        assert_ne!(
            vector.expect_status.is_some(),
            vector.expect_stream_error.is_some(),
            "{}",
            vector.id
        );
    }
}
