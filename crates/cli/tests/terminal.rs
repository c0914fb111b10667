//! The program on a terminal.
#![cfg(unix)]

mod common;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use common::{Server, bowline, signal};

/// The program at a terminal, and the person in front of it.
struct Session {
    child: Child,
    screen: File,
    /// What was shown and not expected yet.
    shown: String,
}

impl Session {
    fn start(url: &str, home: &Home) -> Self {
        Self::with(&[url], home)
    }

    fn with(arguments: &[&str], home: &Home) -> Self {
        let (screen, terminal) = terminal();
        let child = bowline(["connect"].iter().chain(arguments))
            .stdin(Stdio::from(terminal.try_clone().unwrap()))
            .stdout(Stdio::from(terminal.try_clone().unwrap()))
            .stderr(Stdio::from(terminal))
            .env("XDG_STATE_HOME", &home.0)
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .spawn()
            .unwrap();
        Self::of(child, screen)
    }

    /// `bowline bench` without warm-up; only its notes go to the terminal if `stdout` is somewhere else.
    fn bench(arguments: &[&str], term: &str, stdout: Option<Stdio>) -> Self {
        let (screen, terminal) = terminal();
        let stdout = stdout.unwrap_or_else(|| terminal.try_clone().unwrap().into());
        let child = bowline(["bench", "--warm-up", "0"].iter().chain(arguments))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::from(terminal))
            .env("TERM", term)
            .spawn()
            .unwrap();
        Self::of(child, screen)
    }

    const fn of(child: Child, screen: File) -> Self {
        Self {
            child,
            screen,
            shown: String::new(),
        }
    }

    fn keys(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` is shown.
    fn expect(&mut self, text: &str) {
        let mut buffer = [0; 1024];
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return;
            }
            let count = self.screen.read(&mut buffer).unwrap_or(0);
            assert_ne!(count, 0, "{text:?} is not in {:?}", self.shown);
            self.shown
                .push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
    }

    /// Waits for the end; the rest of what was shown.
    fn end(mut self) -> (ExitStatus, String) {
        let mut rest = Vec::new();
        // When nobody has the terminal any more, reading fails on some systems.
        let _ = self.screen.read_to_end(&mut rest);
        let status = self.child.wait().unwrap();
        (
            status,
            self.shown.clone() + std::str::from_utf8(&rest).unwrap(),
        )
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is in front of a person, and what a program has of it.
fn terminal() -> (File, File) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let terminal = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: 120,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    (screen.into(), terminal)
}

/// A directory for the history; it goes with this value.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&directory);
        Self(directory)
    }

    fn history(&self) -> String {
        fs::read_to_string(self.0.join("bowline/history")).unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn verbose_shows_both_heads_before_the_prompt() {
    let server = Server::start(&[]);
    let home = Home::new("verbose");
    let mut session = Session::with(&[&server.url("/echo"), "-v"], &home);
    session.expect("> GET /echo HTTP/1.1\r\n> Host: ");
    session.expect("< HTTP/1.1 101 Switching Protocols\r\n");
    session.expect("connected to ");
    session.keys("hello\r");
    session.expect("< hello\r\n");
    session.keys("\x04");
    let (status, _) = session.end();
    assert!(status.success());
}

#[test]
fn lines_are_edited_sent_and_recalled() {
    let server = Server::start(&[]);
    let home = Home::new("edited");
    let mut session = Session::start(&server.url("/echo"), &home);
    session.expect("connected to ");
    session.keys("hellp\x7fo\r");
    session.expect("< hello\r\n");
    session.keys("\x1b[A!\r again\r");
    session.expect("< hello!\r\n");
    session.expect("<  again\r\n");
    session.keys("\x04");
    session.expect("closed by us: 1000\r\n");
    assert_eq!(session.end().0.code(), Some(0));
    assert_eq!(home.history(), "hello\nhello!\n");

    let mut session = Session::start(&server.url("/echo"), &home);
    session.keys("\x1b[A\x1b[A\r");
    session.expect("< hello\r\n");
    session.keys("\x03");
    session.expect("closed by us: 1000\r\n");
    assert_eq!(session.end().0.code(), Some(0));
    assert_eq!(home.history(), "hello\nhello!\nhello\n");
}

#[test]
fn commands_ping_and_close() {
    let mut server = Server::start(&[]);
    let home = Home::new("commands");
    let mut session = Session::start(&server.url("/echo"), &home);
    session.keys("/help\r");
    session.expect("/close [CODE [REASON]]");
    session.keys("/ping here\r");
    session.expect("\r\x1b[Jpong here\r\n");
    session.keys("/nothing\r");
    session.expect("no command /nothing");
    session.keys("//slash\r");
    session.expect("< /slash\r\n");
    session.keys("/close 4001 good bye\r");
    session.expect("closed by us: 4001");
    assert_eq!(session.end().0.code(), Some(0));
    assert!(
        server
            .logged("ended")
            .contains("closed by the peer: 4001 (good bye); 1 message")
    );
}

#[test]
fn a_peer_can_not_command_the_terminal() {
    let server = Server::start(&[]);
    let home = Home::new("controls");
    let mut session = Session::start(&server.url("/chat"), &home);
    session.expect("connected to ");
    session.keys("half a li");
    session.expect("> half a li");
    let sent = common::run(
        &["connect", &server.url("/chat"), "--one"],
        "\u{1b}]0;title\u{7}\n".as_bytes(),
    );
    assert!(sent.status.success());
    // What is being typed is shown again below.
    session.expect("\r\x1b[J< \\u{1b}]0;title\\u{7}\r\n> half a li");
    session.keys("ne\r");
    session.expect("< half a line\r\n");
    session.keys("\x03");
    assert_eq!(session.end().0.code(), Some(0));
}

#[test]
fn the_end_gives_the_terminal_back() {
    let mut server = Server::start(&[]);
    let home = Home::new("end");
    let mut session = Session::start(&server.url("/echo"), &home);
    session.expect("> ");
    session.keys("half");
    session.expect("half");
    let modes = |screen: &File| rustix::termios::tcgetattr(screen).unwrap().local_modes;
    let canonical = rustix::termios::LocalModes::ICANON | rustix::termios::LocalModes::ECHO;
    assert!(!modes(&session.screen).intersects(canonical));
    // Somebody else holds the terminal, so that its modes can be asked for.
    let screen = session.screen.try_clone().unwrap();
    server.interrupt();
    session.expect("closed by the peer: 1001 (the server ends)\r\n");
    assert!(modes(&screen).contains(canonical));
    assert_eq!(session.end().0.code(), Some(0));
    let served = thread::spawn(move || server.logged("ended"))
        .join()
        .unwrap();
    assert!(served.contains("closed by us: 1001"), "{served}");
}

#[test]
fn a_measurement_shows_how_it_goes_until_it_is_done() {
    let server = Server::start(&[]);
    let url = server.url("/echo");
    let options = [&url, "--connections", "2", "--time", "3600"];
    let mut session = Session::bench(&options, "xterm", None);
    session.expect("\ropening 2 connections  ");
    session.expect(" s  ");
    for part in ["/s  ", " MiB/s  p50 ", "  p90 ", "  p99 ", "  p99.9 "] {
        session.expect(part);
    }
    session.expect("  2 open\x1b[K\r");
    signal(&session.child, "INT");
    // The line is gone when the table comes.
    session.expect(&format!("\r\x1b[K{url}: 2 connections, "));
    session.expect("\r\nconnections  2 opened, 0 failed, 0 ended early\r\n");
    let (status, rest) = session.end();
    assert_eq!(status.code(), Some(0));
    assert!(!rest.contains('\x1b'), "{rest:?}");
}

#[test]
fn a_measurement_for_programs_shows_people_how_it_goes() {
    let server = Server::start(&[]);
    let options = [&server.url("/echo"), "--time", "3600", "--json"];
    let mut session = Session::bench(&options, "xterm", Some(Stdio::piped()));
    session.expect("  1 open\x1b[K\r");
    signal(&session.child, "INT");
    let mut json = String::new();
    let mut stdout = session.child.stdout.take().unwrap();
    stdout.read_to_string(&mut json).unwrap();
    assert!(json.starts_with('{') && json.ends_with("}\n"), "{json}");
    let (status, rest) = session.end();
    assert_eq!(status.code(), Some(0));
    assert!(rest.ends_with("\r\x1b[K"), "{rest:?}");
}

#[test]
fn a_terminal_that_can_not_move_its_cursor_shows_the_table_only() {
    let server = Server::start(&[]);
    let url = server.url("/echo");
    let session = Session::bench(&[&url, "--messages", "10"], "dumb", None);
    let (status, shown) = session.end();
    assert_eq!(status.code(), Some(0));
    assert!(shown.starts_with(&url), "{shown:?}");
    assert!(!shown.contains('\x1b'), "{shown:?}");
}
