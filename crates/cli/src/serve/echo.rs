use bowline_tokio::{Error, WebSocket};

use super::connection::Voice;
use super::envelope::Envelope;

/// Sends every message back until the peer closes; counts them in `received`.
pub(super) async fn echo(
    ws: &mut WebSocket,
    voice: Voice,
    received: &mut u64,
) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        *received += 1;
        match voice {
            Voice::Plain => ws.send(message).await?,
            Voice::Page => {
                let envelope = Envelope::message(None, &message, ws.arrival());
                ws.send(envelope.encode()).await?;
            }
        }
    }
    Ok(())
}
