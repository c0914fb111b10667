//! Rules about what the code of a crate may name.

use super::Finding;
use super::edges::CARRIERS;
use super::source::{line_of, words};
use super::tree::Tree;

/// The crates that take bytes and time as arguments.
const MACHINES: &[&str] = &["frame", "extension", "deflate", "handshake", "proto"];

/// What a machine must not name, and what that is.
const WORLD: &[(&str, &str)] = &[
    (
        "std::net",
        "a socket's home; addresses as data are in core::net",
    ),
    ("std::io::Read", "a transport"),
    ("std::io::Write", "a transport"),
    ("std::io::BufRead", "a transport"),
    ("std::io::Seek", "a transport"),
    ("std::io::stdin", "a transport"),
    ("std::io::stdout", "a transport"),
    ("std::io::stderr", "a transport"),
    ("std::fs", "the operating system"),
    ("std::os", "the operating system"),
    ("std::env", "the operating system"),
    ("std::process", "the operating system"),
    ("std::thread", "a thread"),
    ("thread_local", "a thread"),
    ("std::time::Instant::now", "a clock"),
    (".elapsed", "a clock"),
    ("std::time::SystemTime", "a clock"),
    ("std::time::UNIX_EPOCH", "a clock"),
    ("std::hash::RandomState", "randomness"),
    ("std::collections::hash_map::RandomState", "randomness"),
    ("getrandom", "randomness"),
    ("rand", "randomness"),
    ("fastrand", "randomness"),
    ("async_io", "a runtime"),
    ("async_std", "a runtime"),
    ("futures_io", "a runtime"),
    ("hyper", "a runtime"),
    ("mio", "a runtime"),
    ("smol", "a runtime"),
    ("socket2", "a socket"),
    ("tokio", "a runtime"),
];

/// The crates that move bytes over a transport that somebody else brings.
const SHELLS: &[&str] = &["shell", "io", "threads"];

/// What a shell must not name: what its transports are made of. Addresses are data.
const BELOW_SHELLS: &[(&str, &str)] = &[
    ("std::net::Incoming", "a socket"),
    ("std::net::Shutdown", "a socket"),
    ("std::net::TcpListener", "a socket"),
    ("std::net::TcpStream", "a socket"),
    ("std::net::ToSocketAddrs", "name resolution"),
    ("std::net::UdpSocket", "a socket"),
    ("std::fs", "the operating system"),
    ("std::os", "the operating system"),
    ("socket2", "a socket"),
    ("mio", "a socket"),
    ("rustix", "the operating system"),
    ("rustls", "encryption"),
    ("futures_rustls", "encryption"),
    ("tokio_rustls", "encryption"),
    ("bowline_tls", "encryption"),
    ("async_io", "a runtime"),
    ("async_net", "a runtime"),
    ("async_std", "a runtime"),
    ("futures_io", "a runtime"),
    ("hyper", "a runtime"),
    ("smol", "a runtime"),
    ("tokio", "a runtime"),
];

/// Bytes in, bytes out, time as an argument.
pub(super) fn machines(tree: &Tree<'_>) -> Vec<Finding> {
    named(tree, MACHINES, WORLD)
}

/// No socket, no encryption, no runtime: those are the carriers'.
pub(super) fn shells(tree: &Tree<'_>) -> Vec<Finding> {
    named(tree, SHELLS, BELOW_SHELLS)
}

/// What these crates name of `forbidden` outside of tests.
fn named(tree: &Tree<'_>, crates: &[&str], forbidden: &[(&str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in crates {
        for (file, source) in tree.product(name) {
            for named in source.paths() {
                let what = forbidden
                    .iter()
                    .find(|(forbidden, _)| names(&named.path, forbidden));
                if let Some((_, what)) = what {
                    let place = format!("{file}:{}", named.line);
                    findings.push(Finding::new(
                        place,
                        format!("names `{}`: {what}", named.path),
                    ));
                }
            }
        }
    }
    findings
}

/// Whether `path` is `world`, lies in it, or brings it in with a glob.
fn names(path: &str, world: &str) -> bool {
    let inside = path.strip_prefix(world);
    let opened = path
        .strip_suffix('*')
        .is_some_and(|open| world.starts_with(open));
    inside.is_some_and(|rest| rest.is_empty() || rest.starts_with("::")) || opened
}

/// The files that may contain unsafe code.
///
/// frame: `Text` skips a second UTF-8 check, and masks use AVX2 where it is. testing, which is not
/// published: its counting allocator.
const UNSAFE: &[(&str, &[&str])] = &[
    (
        "frame",
        &["crates/frame/src/text.rs", "crates/frame/src/wide.rs"],
    ),
    ("testing", &["crates/testing/src/alloc.rs"]),
];

/// Forbidden everywhere, but for a crate that denies it and allows it in named files.
pub(super) fn unsafe_code(tree: &Tree<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in tree.crates() {
        let exception = UNSAFE.iter().find(|(exempt, _)| *exempt == name);
        let attribute = match exception {
            None => "#![forbid(unsafe_code)]",
            Some(_) => "#![deny(unsafe_code)]",
        };
        for root in ["lib.rs", "main.rs"].map(|file| format!("crates/{name}/src/{file}")) {
            if let Some(source) = tree.sources.get(&root)
                && !source.code.lines().any(|line| line.trim() == attribute)
            {
                findings.push(Finding::new(&root, format!("lacks {attribute}")));
            }
        }
        for (file, source) in tree.below(format!("crates/{name}/")) {
            if exception.is_some_and(|(_, allowed)| allowed.contains(&file)) {
                continue;
            }
            for (line, _) in words(&source.code).filter(|(_, word)| *word == "unsafe") {
                findings.push(Finding::new(
                    format!("{file}:{line}"),
                    "contains unsafe code",
                ));
            }
        }
    }
    findings
}

/// Types that only somebody who applies RFC 6455 himself needs.
const PROTOCOL_TYPES: &[&str] = &[
    "FrameHeader",
    "Mask",
    "MaskKeys",
    "OpCode",
    "Rsv",
    "Utf8Validator",
];

/// Text that only somebody who speaks RFC 6455 himself writes, in lower case.
const PROTOCOL_TEXT: &[&str] = &["sec-websocket-", "258eafa5-"];

/// Protocol logic exists once, below the carriers.
pub(super) fn carriers(tree: &Tree<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in CARRIERS {
        for (file, source) in tree.product(name) {
            for (line, word) in words(&source.product.code) {
                if PROTOCOL_TYPES.contains(&word) {
                    let problem = format!("names {word}: a rule of RFC 6455 belongs below");
                    findings.push(Finding::new(format!("{file}:{line}"), problem));
                }
            }
            let strings = source.product.strings.to_lowercase();
            for text in PROTOCOL_TEXT {
                for (at, _) in strings.match_indices(text) {
                    let place = format!("{file}:{}", line_of(&strings, at));
                    let problem = format!("writes `{text}`: a rule of RFC 6455 belongs below");
                    findings.push(Finding::new(place, problem));
                }
            }
        }
    }
    findings
}
