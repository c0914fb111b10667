use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use bowline_frame::Role;
use bowline_handshake::accept_key;

use super::bench::listen;
use super::wire::Wire;
use crate::head::{self, ANSWER, REQUEST};
use crate::hex::{Shown, assert_bytes_eq};
use crate::wire::{self, CLOSE, Frame};

/// The other end of a connection, played by hand: it writes what it is told and checks what comes.
///
/// Its methods panic if something else comes, or nothing does.
pub(super) struct Peer {
    wire: Box<dyn Wire>,
    /// The role of the end that is tested.
    tested: Role,
    /// Writes each byte by itself.
    pub(super) dripping: bool,
    /// What has come and was not looked at.
    heard: Vec<u8>,
    /// TCP has ended, and TLS has not.
    cut: bool,
    /// The head that opened the connection, or was to.
    pub(super) head: String,
}

impl Peer {
    pub(super) fn new(tested: Role, wire: Box<dyn Wire>) -> Self {
        Self {
            wire,
            tested,
            dripping: false,
            heard: Vec::new(),
            cut: false,
            head: String::new(),
        }
    }

    /// Makes the handshake of TLS, if there is one.
    #[track_caller]
    pub(super) fn encrypt(&mut self) {
        if let Err(error) = self.try_encrypt() {
            panic!("not encrypted: {error}");
        }
    }

    /// The same, where it may fail.
    pub(super) fn try_encrypt(&mut self) -> io::Result<()> {
        self.wire.encrypt()
    }

    /// The same, and the end of this end's part comes in one with these bytes.
    #[track_caller]
    pub(super) fn encrypt_with(&mut self, bytes: &[u8]) {
        if let Err(error) = self.wire.write_with_handshake(bytes) {
            panic!("not encrypted: {error}");
        }
    }

    /// Begins the handshake of TLS, if it is this end that does.
    #[track_caller]
    pub(super) fn begin_to_encrypt(&mut self) {
        if let Err(error) = self.wire.begin_handshake() {
            panic!("not begun: {error}");
        }
    }

    /// Waits until there is something to read, and leaves it there: a socket that is dropped now resets the connection.
    #[track_caller]
    fn wait_for_input(&mut self) {
        match self.wire.tcp().peek(&mut [0]) {
            Ok(1) => {}
            other => panic!("nothing comes: {other:?}"),
        }
    }

    /// Resets the connection, on which there is something to read, and is at the end of another one from now on.
    #[track_caller]
    pub(super) fn reset(&mut self) {
        self.wait_for_input();
        let (_listener, address) = listen();
        match TcpStream::connect(address) {
            Ok(other) => self.wire = Box::new(other),
            Err(error) => panic!("no other connection: {error}"),
        }
    }

    /// Writes these frames, and the second in a record that TLS did not make.
    #[track_caller]
    pub(super) fn write_spoiled(&mut self, good: &[u8], bad: &[u8]) {
        if let Err(error) = self.wire.write_spoiled(good, bad) {
            panic!("frames can't be written: {error}");
        }
    }

    /// The protocol that TLS agreed on.
    pub(super) fn protocol(&self) -> Option<Vec<u8>> {
        self.wire.protocol()
    }

    /// Asks a server for a connection, with these lines at the end of the request and these bytes behind it.
    #[track_caller]
    pub(super) fn ask(&mut self, lines: &str, behind: &[u8]) {
        let request = head::with_header(REQUEST, lines);
        self.write(&[&request, behind].concat());
    }

    /// Reads the answer of a server, which must open the connection.
    #[track_caller]
    pub(super) fn opened(&mut self) {
        self.take_head();
        assert!(self.head.starts_with("HTTP/1.1 101 "), "{}", self.head);
        assert_eq!(self.value("Sec-WebSocket-Accept"), head::ACCEPT);
    }

    /// Reads the answer, if a server is tested.
    #[track_caller]
    pub(super) fn answered(&mut self) {
        if self.tested == Role::Server {
            self.opened();
        }
    }

    /// Reads the request of a client and lets it in, with these lines at the end of the answer and these bytes behind
    /// it.
    #[track_caller]
    pub(super) fn let_in(&mut self, lines: &str, behind: &[u8]) {
        self.take_head();
        let accept = accept_key(self.value("Sec-WebSocket-Key").as_bytes());
        let answer = head::replaced(&head::with_header(ANSWER, lines), "{accept}", &accept);
        self.write(&[&answer, behind].concat());
    }

    /// Opens the connection with a head of exactly `len` bytes. An answer is not awaited.
    #[track_caller]
    pub(super) fn open_in(&mut self, len: usize) {
        let short = match self.tested {
            Role::Server => REQUEST.len(),
            Role::Client => ANSWER.len() - "{accept}".len() + head::ACCEPT.len(),
        };
        let padding = "a".repeat(len - short - "X: \r\n".len());
        self.open_with(&format!("X: {padding}\r\n"));
    }

    /// Opens the connection with these lines at the end of the head. An answer is not awaited.
    #[track_caller]
    pub(super) fn open_with(&mut self, lines: &str) {
        match self.tested {
            Role::Server => self.ask(lines, b""),
            Role::Client => self.let_in(lines, b""),
        }
    }

    /// The role of the end that is tested.
    pub(super) fn tested(&self) -> Role {
        self.tested
    }

    /// Reads a head and keeps it.
    #[track_caller]
    pub(super) fn take_head(&mut self) {
        const END: &[u8] = b"\r\n\r\n";
        let end = loop {
            let found = self.heard.windows(END.len()).position(|end| end == END);
            match found {
                Some(at) => break at + END.len(),
                None => assert!(self.hear(), "no head: {}", Shown(&self.heard)),
            }
        };
        let head = self.heard.drain(..end).collect();
        self.head = String::from_utf8(head).expect("a head is text");
    }

    /// The value of a header in the head; empty if there is none.
    pub(super) fn value(&self, name: &str) -> &str {
        head::value(&self.head, name)
    }

    #[track_caller]
    pub(super) fn write(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_write(bytes) {
            panic!("{} bytes can't be written: {error}", bytes.len());
        }
    }

    /// The same, where it may fail.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let size = if self.dripping { 1 } else { bytes.len().max(1) };
        for run in bytes.chunks(size) {
            self.wire.write_all(run)?;
            self.wire.flush()?;
        }
        Ok(())
    }

    /// Writes a frame.
    #[track_caller]
    pub(super) fn send(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.write(&wire::frame(self.tested, first, payload));
    }

    /// Writes a Close frame with this code and no reason.
    #[track_caller]
    pub(super) fn close(&mut self, code: u16) {
        self.write(&wire::close_frame(self.tested, code, ""));
    }

    /// Ends the writing direction.
    #[track_caller]
    pub(super) fn end(&mut self) {
        if let Err(error) = self.wire.end_writing() {
            panic!("the direction can't be ended: {error}");
        }
    }

    /// Ends the writing direction of TCP, without a word of TLS.
    #[track_caller]
    pub(super) fn cut(&mut self) {
        if let Err(error) = self.wire.cut() {
            panic!("the direction can't be ended: {error}");
        }
    }

    /// Writes to TCP, below TLS.
    #[track_caller]
    pub(super) fn write_tcp(&mut self, bytes: &[u8]) {
        if let Err(error) = self.wire.tcp().write_all(bytes) {
            panic!("{} bytes can't be written: {error}", bytes.len());
        }
    }

    /// Reads TCP up to its end, whatever it is.
    #[track_caller]
    pub(super) fn rest_of_tcp(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        if let Err(error) = self.wire.tcp().read_to_end(&mut rest) {
            panic!("no end: {error}");
        }
        rest
    }

    /// Reads the next frame, which must be masked if and only if a client sends it.
    #[track_caller]
    pub(super) fn frame(&mut self) -> Frame {
        loop {
            if let Some((frame, rest)) = wire::decode(&self.heard) {
                let masked = self.heard[1] & 0x80 != 0;
                assert_eq!(masked, self.tested == Role::Client, "masked");
                let used = self.heard.len() - rest.len();
                self.heard.drain(..used);
                return frame;
            }
            assert!(self.hear(), "the end and no frame: {}", Shown(&self.heard));
        }
    }

    /// Reads a frame, which must be this one.
    #[track_caller]
    pub(super) fn expect(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let frame = self.frame();
        assert_eq!(frame.0, first, "{:02x}: {}", frame.0, Shown(&frame.1));
        assert_bytes_eq(&frame.1, payload.as_ref(), "payload");
    }

    /// Reads a Close frame with this code, and gives its reason.
    #[track_caller]
    pub(super) fn expect_close(&mut self, code: u16) -> String {
        let (first, body) = self.frame();
        assert_eq!(first, CLOSE, "{first:02x}: {}", Shown(&body));
        let (seen, reason) = body.split_first_chunk::<2>().expect("a code");
        assert_eq!(u16::from_be_bytes(*seen), code);
        String::from_utf8(reason.to_vec()).expect("a reason is text")
    }

    /// Reads the end of an orderly connection, with nothing before it. TLS ends, too.
    #[track_caller]
    pub(super) fn expect_end(&mut self) {
        self.expect_drop();
        assert!(!self.cut, "TLS is cut off");
    }

    /// Reads the end of a connection that is dropped, with nothing before it.
    #[track_caller]
    pub(super) fn expect_drop(&mut self) {
        assert!(
            self.heard.is_empty() && !self.hear(),
            "more before the end: {}",
            Shown(&self.heard)
        );
    }

    /// Reads all that comes up to the end.
    #[track_caller]
    pub(super) fn rest(&mut self) -> Vec<u8> {
        while self.hear() {}
        std::mem::take(&mut self.heard)
    }

    /// The same, where it may fail.
    pub(super) fn try_rest(&mut self) -> io::Result<Vec<u8>> {
        while self.try_hear()? {}
        Ok(std::mem::take(&mut self.heard))
    }

    /// Reads all that comes from an end that gives the opening handshake up. A server waits for the end of its client,
    /// so that its answer arrives; a client has left.
    #[track_caller]
    pub(super) fn see_out(&mut self) -> Vec<u8> {
        let rest = self.rest();
        if self.tested == Role::Server {
            self.end();
        }
        rest
    }

    /// Both Close frames are out: a server ends the transport, and a client waits for the peer to do it.
    #[track_caller]
    pub(super) fn part(&mut self) {
        match self.tested {
            Role::Server => {
                self.expect_end();
                self.end();
            }
            Role::Client => {
                self.end();
                self.expect_end();
            }
        }
    }

    /// Answers a Close with this code in kind, and ends the connection in order.
    #[track_caller]
    pub(super) fn closed(&mut self, code: u16) -> String {
        let reason = self.expect_close(code);
        self.close(code);
        self.part();
        reason
    }

    /// Closes with this code, which is to be answered in kind, and ends the connection in order.
    #[track_caller]
    pub(super) fn hang_up(&mut self, code: u16) {
        self.close(code);
        self.expect_close(code);
        self.part();
    }

    /// Reads once; false at the end.
    #[track_caller]
    fn hear(&mut self) -> bool {
        match self.try_hear() {
            Ok(heard) => heard,
            Err(error) => panic!("nothing comes: {error}, after {}", Shown(&self.heard)),
        }
    }

    /// The same, where it may fail.
    pub(super) fn try_hear(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 64 * 1024];
        match self.wire.read(&mut chunk) {
            Ok(count) => {
                self.heard.extend_from_slice(&chunk[..count]);
                Ok(count != 0)
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                self.cut = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
