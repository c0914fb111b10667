//! Sends the lines of its input and prints what comes back: `tokio_echo_client URL`.
//!
//! `tokio_echo_client --autobahn URL` plays the client of the Autobahn test suite.

use std::error::Error;

use bowline_tokio::{CloseCode, Connector, Message};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--autobahn", url] => autobahn(url.trim_end_matches('/')).await,
        [url] => lines(url).await,
        _ => Err("usage: tokio_echo_client URL | --autobahn URL".into()),
    }
}

async fn lines(url: &str) -> Result<(), Box<dyn Error>> {
    let mut ws = Connector::new().connect(url).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        ws.send(line).await?;
        match ws.recv().await? {
            Some(Message::Text(text)) => println!("{text}"),
            Some(Message::Binary(bytes)) => println!("{} bytes", bytes.len()),
            None => return Ok(()),
        }
    }
    ws.close(CloseCode::NORMAL).await?;
    Ok(())
}

/// Runs all cases of a fuzzing server: each connection echoes until the server has seen enough.
async fn autobahn(url: &str) -> Result<(), Box<dyn Error>> {
    const AGENT: &str = "bowline-tokio";
    let connector = Connector::new().max_message(64 * 1024 * 1024);

    let mut ws = connector
        .connect(format!("{url}/getCaseCount").as_str())
        .await?;
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
        let mut ws = connector.connect(case_url.as_str()).await?;
        let end = async {
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok::<(), bowline_tokio::Error>(())
        };
        // Many cases break the protocol; that we say so is what they test.
        if let Err(error) = end.await {
            eprintln!("case {case}: {error}");
        }
    }

    let reports = format!("{url}/updateReports?agent={AGENT}");
    let mut ws = connector.connect(reports.as_str()).await?;
    while ws.recv().await?.is_some() {}
    Ok(())
}
