use bowline_tokio::{CloseCode, CloseFrame, Message, MessageKind};

/// What the user wants done.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Order {
    Send(Message),
    Ping(Vec<u8>),
    Close(CloseFrame),
}

/// Reads a line that was typed: a command begins with a slash, and a message with one is typed with two.
///
/// # Errors
///
/// Fails with what the user is to be told instead.
pub(super) fn parse(line: &str, kind: MessageKind) -> Result<Order, String> {
    let Some(command) = line.strip_prefix('/') else {
        return Ok(Order::Send(message(line, kind)));
    };
    if command.starts_with('/') {
        return Ok(Order::Send(message(command, kind)));
    }
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    match name {
        "ping" if rest.len() > 125 => Err("a ping has at most 125 bytes".into()),
        "ping" => Ok(Order::Ping(rest.into())),
        "close" => close(rest.trim()).map(Order::Close),
        "help" => Err(HELP.into()),
        _ => Err(format!(
            "no command /{name}; /help lists them, //{name} sends a message"
        )),
    }
}

fn message(text: &str, kind: MessageKind) -> Message {
    match kind {
        MessageKind::Text => text.into(),
        MessageKind::Binary => text.as_bytes().into(),
    }
}

/// `[code [reason]]`
fn close(rest: &str) -> Result<CloseFrame, String> {
    if rest.is_empty() {
        return Ok(CloseCode::NORMAL.into());
    }
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let code: u16 = code
        .parse()
        .map_err(|_| format!("{code} is not a close code"))?;
    let code = CloseCode::new(code).map_err(|error| error.to_string())?;
    CloseFrame::new(code, reason.trim()).map_err(|error| error.to_string())
}

const HELP: &str = "\
/ping [TEXT]            ask whether the peer is there
/close [CODE [REASON]]  close, with 1000 by default
//TEXT                  send /TEXT
ctrl-d, ctrl-c          close";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> Result<Order, String> {
        parse(line, MessageKind::Text)
    }

    #[test]
    fn lines_are_messages() {
        assert_eq!(text("hi / ho"), Ok(Order::Send("hi / ho".into())));
        assert_eq!(text(""), Ok(Order::Send("".into())));
        assert_eq!(text("//close"), Ok(Order::Send("/close".into())));
        let binary = parse("hi", MessageKind::Binary);
        assert_eq!(binary, Ok(Order::Send(b"hi".to_vec().into())));
    }

    #[test]
    fn pings_carry_text() {
        assert_eq!(text("/ping"), Ok(Order::Ping(Vec::new())));
        assert_eq!(text("/ping a b"), Ok(Order::Ping(b"a b".to_vec())));
        assert!(text(&format!("/ping {}", "x".repeat(126))).is_err());
    }

    #[test]
    fn closes_carry_code_and_reason() {
        let close = |code, reason: &str| {
            let code = CloseCode::new(code).unwrap();
            Ok(Order::Close(CloseFrame::new(code, reason).unwrap()))
        };
        assert_eq!(text("/close"), close(1000, ""));
        assert_eq!(text("/close 4001"), close(4001, ""));
        assert_eq!(text("/close 1001 good bye"), close(1001, "good bye"));
        for bad in ["/close 1006", "/close 99999", "/close now"] {
            assert!(text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn unknown_commands_are_not_sent() {
        assert!(text("/quit").unwrap_err().contains("//quit"));
        assert!(text("/help").unwrap_err().contains("/ping"));
    }
}
