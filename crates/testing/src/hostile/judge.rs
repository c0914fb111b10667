use bowline_frame::Role;

use super::attacker::{Attacker, End, Fault};
use super::case::{Before, Case, Outcome, Step, Verdict};
use crate::head::value;
use crate::hex::Shown;
use crate::wire::{self, CLOSE, Frame};

/// Compares what the attacker heard with what the case demands.
pub(super) fn judge(case: &Case, attacker: &Attacker) -> Result<(), Fault> {
    let code = match case.outcome {
        Outcome::Gone => return Ok(()),
        Outcome::Refused(status) => {
            ended(case, attacker)?;
            return refusal(case, attacker, status);
        }
        Outcome::Silent => {
            ended(case, attacker)?;
            return nothing(attacker.heard());
        }
        Outcome::Unencrypted(alert, _) => {
            ended(case, attacker)?;
            return last_alert(attacker.heard(), alert);
        }
        Outcome::GivenUp(_) => return nothing(attacker.heard()),
        Outcome::Abandoned => None,
        Outcome::Lost => {
            ended(case, attacker)?;
            None
        }
        Outcome::Failed(code) | Outcome::Closed(code) | Outcome::TimedOut(code) => {
            ended(case, attacker)?;
            Some(code)
        }
    };
    let (mut frames, rest) = wire::frames(attacker.heard());
    // Who gives up may do so in the middle of a frame.
    if !rest.is_empty() && case.outcome != Outcome::Abandoned {
        return Err(format!("half a frame: {}", Shown(rest)));
    }
    masks(attacker)?;
    if let Some(code) = code {
        let close = frames.pop();
        let actual = close.as_ref().and_then(close_code);
        if actual != Some(code) {
            return Err(format!("last came {close:x?}, not a Close with {code}"));
        }
    }
    before(&case.before, &frames)
}

/// Compares what a client says about its connection with what the case demands.
pub(super) fn judge_verdict(case: &Case, actual: Verdict) -> Result<(), Fault> {
    let expected = case.verdict.unwrap_or(match case.outcome {
        Outcome::GivenUp(verdict) | Outcome::Unencrypted(_, verdict) => verdict,
        Outcome::Failed(code) => Verdict::Violation(code),
        Outcome::Closed(_) => Verdict::Done,
        Outcome::TimedOut(_) | Outcome::Abandoned => Verdict::TimedOut,
        Outcome::Lost | Outcome::Gone => Verdict::Lost,
        Outcome::Refused(_) | Outcome::Silent => return Err("only servers end so".to_owned()),
    });
    if actual == expected {
        Ok(())
    } else {
        Err(format!("the client says {actual:?}, not {expected:?}"))
    }
}

fn ended(case: &Case, attacker: &Attacker) -> Result<(), Fault> {
    match attacker.ended() {
        Some(End::Orderly) => Ok(()),
        Some(End::Reset) if case.may_reset => Ok(()),
        ended => Err(format!(
            "the transport ended {ended:?} behind {}",
            Shown(attacker.heard())
        )),
    }
}

/// A client masks each frame, a server none (RFC 6455 §5.1).
fn masks(attacker: &Attacker) -> Result<(), Fault> {
    let mut bytes = attacker.heard();
    while let Some((_, rest)) = wire::decode(bytes) {
        let masked = bytes[1] & 0x80 != 0;
        if masked != (attacker.role() == Role::Server) {
            return Err(format!("wrongly masked: {}", Shown(bytes)));
        }
        bytes = rest;
    }
    Ok(())
}

fn nothing(heard: &[u8]) -> Result<(), Fault> {
    if heard.is_empty() {
        Ok(())
    } else {
        Err(format!("heard {:?}", String::from_utf8_lossy(heard)))
    }
}

/// Records of TLS up to the end, of which only the last may be an alert that is not encrypted.
fn last_alert(mut heard: &[u8], expected: Option<u8>) -> Result<(), Fault> {
    let fault = |what: &str, heard| Err(format!("{what}: {}", Shown(heard)));
    let mut alert = None;
    while !heard.is_empty() {
        let [kind, _, _, high, low, rest @ ..] = heard else {
            return fault("half a record", heard);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((payload, behind)) = rest.split_at_checked(length) else {
            return fault("half a record", heard);
        };
        match (kind, payload) {
            _ if alert.is_some() => return fault("more behind an alert", heard),
            (21, [2, number]) => alert = Some(*number),
            (20 | 22 | 23, _) => {}
            _ => return fault("no record of a handshake", heard),
        }
        heard = behind;
    }
    if alert == expected {
        Ok(())
    } else {
        Err(format!("the alert was {alert:?}, not {expected:?}"))
    }
}

fn before(expected: &Before, actual: &[Frame]) -> Result<(), Fault> {
    let matches = match expected {
        Before::Frames(frames) => actual == frames,
        Before::Any(frame) => actual.iter().all(|actual| actual == frame),
    };
    if matches {
        return Ok(());
    }
    let mut shown: Vec<_> = actual
        .iter()
        .take(8)
        .map(|(first, payload)| format!("{first:02x} {}", Shown(payload)))
        .collect();
    shown.push(format!("{} in all", actual.len()));
    Err(format!("before the end came {}", shown.join(", ")))
}

/// The code of a Close frame as RFC 6455 §7.1.5 names it; `None` for another frame.
fn close_code((first, payload): &Frame) -> Option<u16> {
    match payload[..] {
        _ if *first != CLOSE => None,
        [] => Some(1005),
        [high, low, ref reason @ ..] if std::str::from_utf8(reason).is_ok() => {
            Some(u16::from_be_bytes([high, low]))
        }
        _ => None,
    }
}

/// One response with what its status asks for, which ends the connection.
fn refusal(case: &Case, attacker: &Attacker, status: u16) -> Result<(), Fault> {
    let text = String::from_utf8_lossy(attacker.heard());
    let fault = |fault: &str| Err(format!("{fault}: {text:?}"));
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return fault("no response");
    };
    if attacker.is_opened() || !head.starts_with(&format!("HTTP/1.1 {status} ")) {
        return fault("another status");
    }
    let has = |name: &str, expected: &str| value(head, name).eq_ignore_ascii_case(expected);
    if !has("Connection", "close") && !has("Connection", "Upgrade, close") {
        return fault("no Connection: close");
    }
    // The answer to HEAD says what the body would be.
    let is_head =
        matches!(&case.steps[..], [Step::Write(request), ..] if request.starts_with(b"HEAD "));
    if !is_head && !has("Content-Length", &body.len().to_string()) || is_head && !body.is_empty() {
        return fault("body and Content-Length differ");
    }
    match status {
        405 if !has("Allow", "GET") => fault("405 without Allow"),
        426 if !has("Upgrade", "websocket") || !has("Sec-WebSocket-Version", "13") => {
            fault("426 without Upgrade and Sec-WebSocket-Version")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::super::run::plain;
    use super::*;
    use crate::wire::{FIN, TEXT, close_frame, frame};

    /// An attacker who has heard `bytes` and then the end.
    fn heard(bytes: &[u8]) -> Attacker {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut victim = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let transport = plain(listener.accept().unwrap().0).unwrap();
        victim.write_all(bytes).unwrap();
        drop(victim);
        let mut attacker = Attacker::new(transport, Role::Client);
        attacker.read_to_end().unwrap();
        attacker
    }

    fn case(outcome: Outcome) -> Case {
        Case::new("a case", [], outcome)
    }

    #[test]
    fn a_close_must_have_the_code_be_the_last_and_be_alone() {
        let close = close_frame(Role::Client, 1002, "why");
        let text = frame(Role::Client, TEXT | FIN, "hi");
        let is_good = |bytes: &[u8]| judge(&case(Outcome::Failed(1002)), &heard(bytes)).is_ok();
        assert!(is_good(&close));
        assert!(!is_good(b""));
        assert!(!is_good(&close_frame(Role::Server, 1002, "masked")));
        assert!(!is_good(&close_frame(Role::Client, 1007, "")));
        assert!(!is_good(&close[..3]));
        assert!(!is_good(&[&close[..], &text].concat()));
        assert!(!is_good(&[&close[..], &close].concat()));
        assert!(!is_good(&[&text[..], &close].concat()));
        let after = case(Outcome::Failed(1002)).after([(TEXT | FIN, b"hi".to_vec())]);
        assert!(judge(&after, &heard(&[&text[..], &close].concat())).is_ok());
        assert!(judge(&after, &heard(&close)).is_err());
        assert!(judge(&case(Outcome::Lost), &heard(&close)).is_err());
        assert!(judge(&case(Outcome::Lost), &heard(b"")).is_ok());
    }

    #[test]
    fn a_handshake_of_tls_fails_with_one_alert_at_the_end() {
        let hello = [22, 3, 1, 0, 1, 1];
        let alert = [21, 3, 3, 0, 2, 2, 50];
        let judged = |bytes: &[u8], number| {
            let outcome = Outcome::Unencrypted(number, Verdict::Unencrypted);
            judge(&case(outcome), &heard(bytes)).is_ok()
        };
        assert!(judged(b"", None));
        assert!(judged(&hello, None));
        assert!(judged(&[&hello[..], &alert].concat(), Some(50)));
        assert!(!judged(&[&hello[..], &alert].concat(), Some(51)));
        assert!(!judged(&[&hello[..], &alert].concat(), None));
        assert!(!judged(&hello, Some(50)));
        assert!(!judged(&[&alert[..], &hello].concat(), Some(50)));
        assert!(!judged(&[&alert[..], &alert].concat(), Some(50)));
        assert!(!judged(&hello[..3], None));
        assert!(!judged(&hello[..5], None));
        assert!(!judged(b"HTTP/1.1 400 Bad Request\r\n\r\n", None));
    }

    #[test]
    fn a_refusal_must_be_one_response_with_what_its_status_asks_for() {
        let good = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";
        let is_good = |text: &str| judge(&case(Outcome::Refused(400)), &heard(text.as_bytes()));
        assert_eq!(is_good(good), Ok(()));
        for (from, to) in [
            ("400", "403"),
            ("close", "keep-alive"),
            ("2\r", "3\r"),
            ("no", "noHTTP/1.1 400 Bad Request"),
            ("HTTP", ""),
        ] {
            assert!(is_good(&good.replace(from, to)).is_err(), "{to}");
        }
        assert!(judge(&case(Outcome::Silent), &heard(good.as_bytes())).is_err());
        let without = good.replace("400", "426");
        assert!(judge(&case(Outcome::Refused(426)), &heard(without.as_bytes())).is_err());
    }
}
