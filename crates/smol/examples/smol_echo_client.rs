//! Sends the lines of its input and prints what comes back:
//! `smol_echo_client URL [--no-deflate | --context-takeover]`.
//!
//! `--context-takeover` lets messages refer to earlier ones, which saves more and costs a connection memory. With
//! `--autobahn` before the URL it plays the client of the Autobahn test suite.

use std::error::Error;
use std::process::ExitCode;

use bowline_smol::{CloseCode, Connector, Message, PerMessageDeflate};
use macro_rules_attribute::apply;
use smol::channel;
use smol::future::or;
use smol_macros::main;

#[apply(main!)]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("smol_echo_client: {error}");
            // An error says what happened, its sources why.
            let mut source = error.source();
            while let Some(cause) = source {
                eprint!(": {cause}");
                source = cause.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut connector = Connector::new();
    let mut given = |option: &str| {
        let at = arguments.iter().position(|argument| argument == option);
        at.map(|at| arguments.remove(at)).is_some()
    };
    let takeover = given("--context-takeover");
    if !given("--no-deflate") {
        connector = connector.extension(PerMessageDeflate::new().context_takeover(takeover));
    }
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--autobahn", url] => autobahn(&connector, url.trim_end_matches('/')).await,
        [url] => lines(&connector, url, input()).await,
        _ => Err(
            "usage: smol_echo_client [--autobahn] URL [--no-deflate | --context-takeover]".into(),
        ),
    }
}

/// Sends each line, prints each reply, and closes when there is a reply to every line.
pub(crate) async fn lines(
    connector: &Connector,
    url: &str,
    input: Lines,
) -> Result<(), Box<dyn Error>> {
    let mut ws = connector.connect(url).await?;
    let mut lines = Some(input);
    // Lines without a reply.
    let mut waiting = 0_usize;
    // Somebody who types takes time. Receiving meanwhile answers the server's pings.
    while lines.is_some() || waiting > 0 {
        let line = async { Next::Line(next(&mut lines).await) };
        let message = async { Next::Message(ws.recv().await) };
        // Messages first: somebody who doesn't receive isn't sent to for ever.
        match or(message, line).await {
            Next::Line(line) => match line.transpose()? {
                Some(line) => {
                    ws.send(line).await?;
                    waiting += 1;
                }
                None => lines = None,
            },
            Next::Message(message) => {
                match message? {
                    Some(Message::Text(text)) => println!("{text}"),
                    Some(Message::Binary(bytes)) => println!("{} bytes", bytes.len()),
                    None => return Ok(()),
                }
                waiting = waiting.saturating_sub(1);
            }
        }
    }
    ws.close(CloseCode::NORMAL).await?;
    Ok(())
}

/// What comes first.
enum Next {
    Line(Option<std::io::Result<String>>),
    Message(Result<Option<Message>, bowline_smol::Error>),
}

pub(crate) type Lines = channel::Receiver<std::io::Result<String>>;

/// Reads lines on a thread of its own: the end of the program doesn't wait for the next one.
fn input() -> Lines {
    let (sender, lines) = channel::bounded(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            if sender.send_blocking(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// The next line, or the end of the input, once.
async fn next(lines: &mut Option<Lines>) -> Option<std::io::Result<String>> {
    match lines {
        Some(lines) => lines.recv().await.ok(),
        None => std::future::pending().await,
    }
}

/// Runs all cases of a fuzzing server: each connection echoes until the server has seen enough.
async fn autobahn(connector: &Connector, url: &str) -> Result<(), Box<dyn Error>> {
    const AGENT: &str = "bowline-smol";

    let mut ws = connector.connect(format!("{url}/getCaseCount")).await?;
    let count = ws
        .recv()
        .await?
        .ok_or("the server gave no number of cases")?;
    let count: u32 = count
        .as_text()
        .ok_or("the number of cases is not text")?
        .parse()?;
    ws.close(CloseCode::NORMAL).await?;

    for case in 1..=count {
        let case_url = format!("{url}/runCase?case={case}&agent={AGENT}");
        // Many cases break the protocol; that we say so is what they test.
        if let Err(error) = echo(connector, &case_url).await {
            eprintln!("case {case}: {error}");
        }
    }

    let reports = format!("{url}/updateReports?agent={AGENT}");
    let mut ws = connector.connect(reports).await?;
    while ws.recv().await?.is_some() {}
    Ok(())
}

/// Sends back each message until the server closes.
pub(crate) async fn echo(connector: &Connector, url: &str) -> Result<(), bowline_smol::Error> {
    let mut ws = connector.connect(url).await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
