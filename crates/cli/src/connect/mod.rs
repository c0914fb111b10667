//! `bowline connect`.

mod command;
mod editor;
mod heads;
mod history;
mod lines;
mod modes;
mod output;
mod terminal;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use bowline_tokio::{
    CloseCode, CloseFrame, Config, Ended, EndedBy, Error, Event, Receiver, Role, Sender, Volume,
    WebSocket, corked,
};
use tokio::sync::oneshot;

use crate::args;
use crate::compression::{self, Takeover};
use crate::failure::{Chain, Failure};
use crate::signals::Signals;
use crate::stderr;

use self::command::Order;
use self::lines::Lines;
use self::output::Output;
use self::terminal::{Keys, Terminal};

/// Connects, talks, and fails unless the end is orderly.
pub(crate) async fn run(args: args::Connect) -> Result<(), Failure> {
    let interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
    let ws = connect(&args, interactive).await?;
    let mut signals =
        Signals::new().map_err(|error| Failure::of("cannot wait for ctrl-c", &error))?;
    let kind = args.kind.get();
    let terminal = if interactive {
        Terminal::open(kind).ok()
    } else {
        None
    };
    let (input, output) = match terminal {
        Some((terminal, keys)) => (Input::Keys(keys), Output::Terminal(terminal)),
        // A terminal that can't edit lines is a plain one.
        None => (Input::Lines(Lines::open(kind)), Output::plain()),
    };
    output
        .connected(&args.target.url, ws.subprotocol())
        .map_err(|error| Failure::of("cannot print", &error))?;
    let mut session = Session {
        one: args.one,
        volumes: args.verbose.then(Vec::new),
        input,
        output,
        ours: Ours {
            trouble: None,
            code: CloseCode::NORMAL,
        },
    };
    let ended = corked(session.run(ws, &mut signals)).await;
    session.finish(ended)
}

async fn connect(args: &args::Connect, interactive: bool) -> Result<WebSocket, Failure> {
    let mut config = Config::new(Role::Client);
    if !interactive {
        // Everything is sent at once, and a slow peer still answers it.
        config = config.close(PATIENCE);
    }
    let target = &args.target;
    let deflate = target.compression.extension(Takeover::Both);
    let mut connector = target.connector(deflate)?.config(config);
    if args.verbose {
        connector = connector.on_request(heads::request);
    }
    let connected = connector.connect_with_response(target.url.clone()).await;
    if args.verbose {
        match &connected {
            Ok((_, response)) => heads::response(response),
            Err(Error::Refused(response)) => heads::response(response),
            Err(_) => {}
        }
    }
    match connected {
        Ok((ws, _)) => Ok(ws),
        Err(error) => Err(target.refused(&error)),
    }
}

/// A conversation over one connection.
struct Session {
    one: bool,
    /// What compression made of what was sent and received, if somebody wants to know.
    volumes: Option<Vec<(&'static str, Volume)>>,
    input: Input,
    output: Output,
    ours: Ours,
}

/// What our side has to do with the end.
struct Ours {
    /// What went wrong here.
    trouble: Option<Failure>,
    /// What we close with.
    code: CloseCode,
}

enum Input {
    Lines(Lines),
    Keys(Keys),
}

impl Input {
    async fn next(&mut self) -> Option<Result<Order, Failure>> {
        match self {
            Self::Lines(lines) => lines.next().await,
            Self::Keys(keys) => keys.next().await,
        }
    }
}

impl Session {
    /// Talks until the connection is over.
    async fn run(&mut self, ws: WebSocket, signals: &mut Signals) -> Result<Ended, Failure> {
        let (mut receiver, sender) = ws.split();
        let (answered, answer) = oneshot::channel();
        let (output, one) = (&mut self.output, self.one);
        let ended = tokio::select! {
            ended = listen(&mut receiver, &sender, output, one.then_some(answered)) => ended,
            failure = speak(&sender, &mut self.input, signals, one.then_some(answer), &mut self.ours) => {
                Err(failure)
            }
        };
        if let Some(volumes) = &mut self.volumes {
            volumes.push(("sent", sender.volume()));
            volumes.push(("received", receiver.volume()));
        }
        ended
    }

    /// Shows how it ended and lets go of the terminal.
    fn finish(self, ended: Result<Ended, Failure>) -> Result<(), Failure> {
        let ended = match (self.ours.trouble, ended) {
            (Some(trouble), _) => Err(trouble),
            (None, ended) => ended.and_then(|ended| orderly(ended, self.ours.code)),
        };
        let shown = ended.as_ref().ok().map(Ended::to_string);
        let finished = self.output.finish(shown.as_deref());
        for (what, volume) in self.volumes.into_iter().flatten() {
            if let Some(note) = compression::saved(volume) {
                stderr::say(format_args!("{what} {note}"));
            }
        }
        ended?;
        finished.map_err(|error| Failure::of("cannot use the terminal", &error))
    }
}

/// Prints what arrives, until the end. With `answered`, says when the first message has come.
async fn listen(
    receiver: &mut Receiver,
    sender: &Sender,
    output: &mut Output,
    mut answered: Option<oneshot::Sender<()>>,
) -> Result<Ended, Failure> {
    let one = answered.is_some();
    let mut shown = 0_u64;
    let mut reader_is_gone = false;
    let end = loop {
        let dirty = output.is_dirty() && !reader_is_gone;
        let printed = tokio::select! {
            biased;
            received = receiver.recv_event() => match received {
                Ok(Some(Event::Message(_))) if reader_is_gone || (one && shown > 0) => Ok(()),
                Ok(Some(Event::Message(message))) => {
                    shown += 1;
                    output.message(&message).await
                }
                Ok(Some(Event::Pong(payload))) => output.pong(&payload),
                Ok(Some(_)) => Ok(()),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            },
            // Nothing more has come that could be printed at once.
            flushed = output.flush(), if dirty => flushed,
        };
        if !went_on(printed)? {
            reader_is_gone = true;
            let sender = sender.clone();
            tokio::spawn(async move { close(&sender, CloseCode::NORMAL).await });
        }
        if shown > 0
            && let Some(answered) = answered.take()
        {
            // Whoever waits for it may have been interrupted.
            let _ = answered.send(());
        }
    };
    if !reader_is_gone {
        went_on(output.flush().await)?;
    }
    match (end, receiver.ended()) {
        (Err(error), _) => Err(Failure::new(Chain(&error).to_string())),
        (Ok(()), _) if one && shown == 0 => Err(Failure::new(match receiver.ended() {
            Some(ended) => format!("no message came; {ended}"),
            None => "no message came".into(),
        })),
        (Ok(()), Some(ended)) => Ok(ended.clone()),
        (Ok(()), None) => Err(Failure::new("the connection has no end")),
    }
}

/// False if the reader of our output has had enough, as after `| head`.
fn went_on(printed: io::Result<()>) -> Result<bool, Failure> {
    match printed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::of("cannot print", &error)),
    }
}

/// Does what the user orders and then closes. Returns only when interrupted for the second time.
async fn speak(
    sender: &Sender,
    input: &mut Input,
    signals: &mut Signals,
    answer: Option<oneshot::Receiver<()>>,
    ours: &mut Ours,
) -> Failure {
    let orders = async {
        match answer {
            None => while obey(sender, input.next().await, ours).await {},
            Some(answer) => {
                // At the end of the input there is nothing to send, and one message to wait for.
                obey(sender, input.next().await, ours).await;
                if ours.trouble.is_none() {
                    let _ = answer.await;
                }
            }
        }
    };
    tokio::select! {
        () = orders => {}
        () = signals.next() => {}
    }
    tokio::select! {
        // If the user has closed already, that stands.
        () = close(sender, CloseCode::NORMAL) => {}
        () = signals.next() => return Failure::interrupted(),
    }
    signals.next().await;
    Failure::interrupted()
}

/// Obeys one order; false if nothing follows it.
async fn obey(sender: &Sender, order: Option<Result<Order, Failure>>, ours: &mut Ours) -> bool {
    let sent = match order {
        None => return false,
        Some(Err(failure)) => {
            ours.trouble = Some(failure);
            return false;
        }
        Some(Ok(Order::Send(message))) => sender.send(message).await,
        Some(Ok(Order::Ping(payload))) => sender.ping(payload).await,
        Some(Ok(Order::Close(frame))) => {
            ours.code = frame.code();
            close(sender, frame).await;
            return false;
        }
    };
    // That the connection is over is the listener's to tell, with the reason.
    sent.is_ok()
}

/// Sends a Close. Whether it arrives is the listener's to tell.
async fn close(sender: &Sender, frame: impl Into<CloseFrame>) {
    let _ = sender.close(frame).await;
}

/// An end that is in order: a closing handshake that says that all was well, or what `ours` said first.
fn orderly(ended: Ended, ours: CloseCode) -> Result<Ended, Failure> {
    let echoed = ended.by == EndedBy::Us && ended.code() == ours.get();
    let well = echoed || matches!(ended.code(), 1000 | 1001 | 1005);
    if ended.clean && well {
        return Ok(ended);
    }
    Err(Failure::new(match &ended.close {
        // It had not read our Close: what we sent before that may be lost.
        Some(close) if ended.by == EndedBy::Us && !well => {
            format!("closed by us, but the peer said {close}")
        }
        _ => ended.to_string(),
    }))
}

/// How long the end may take in a pipe.
const PATIENCE: Duration = Duration::from_secs(30);
