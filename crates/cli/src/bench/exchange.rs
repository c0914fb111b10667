use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bowline_tokio::{Message, QueueError, WebSocket, corked};
use tokio::time;

use crate::escape;
use crate::failure::Chain;

use super::tally::Tally;

/// What all connections do, and where they count.
#[derive(Debug)]
pub(super) struct Course {
    /// Sent in turn.
    pub(super) messages: Vec<Message>,
    /// How many are under way on a connection.
    pub(super) depth: usize,
    /// A connection on which nothing comes back for so long is given up.
    pub(super) timeout: Duration,
    pub(super) tally: Tally,
}

/// One of the connections.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: usize,
    pub(super) ws: WebSocket,
    /// False when it has ended or was given up.
    pub(super) alive: bool,
    /// When the last echo came.
    pub(super) heard: Option<Instant>,
}

impl Connection {
    /// Sends up to `share` messages, but none once `stop` is set, and takes their echoes.
    ///
    /// What is queued in one turn is written together.
    pub(super) async fn exchange(&mut self, course: &Course, share: u64, stop: &AtomicBool) {
        let mut flight = VecDeque::with_capacity(course.depth);
        let outcome = corked(self.talk(course, share, stop, &mut flight)).await;
        if let Err(why) = outcome {
            self.alive = false;
            let mut counts = course.tally.counts();
            counts.lost += flight.len() as u64;
            counts.ended += 1;
            counts.trouble(why);
        }
    }

    /// `flight` has when each message was sent that did not come back yet.
    async fn talk(
        &mut self,
        course: &Course,
        mut share: u64,
        stop: &AtomicBool,
        flight: &mut VecDeque<Instant>,
    ) -> Result<(), String> {
        let (receiver, sender) = self.ws.halves();
        let mut outgoing = course.messages.iter().cycle().peekable();
        let mut expected = course.messages.iter().cycle();
        let mut now = Instant::now();
        // Set again when it is over, and not with each message.
        let mut patience = pin!(time::sleep(course.timeout));
        let mut closed = false;
        loop {
            while flight.len() < course.depth && share > 0 && !stop.load(Ordering::Relaxed) {
                let Some(message) = outgoing.peek() else {
                    break;
                };
                match sender.queue(Message::clone(message)) {
                    Ok(()) => {
                        flight.push_back(now);
                        outgoing.next();
                        share -= 1;
                    }
                    // An echo makes room.
                    Err(QueueError::Full(_)) => break,
                    // The receiver says why.
                    Err(_) => {
                        closed = true;
                        break;
                    }
                }
            }
            if flight.is_empty() && !closed {
                return Ok(());
            }
            let received = tokio::select! {
                biased;
                received = receiver.recv_ref() => received,
                () = &mut patience => {
                    let silent = now.elapsed();
                    match course.timeout.checked_sub(silent) {
                        Some(rest) if !rest.is_zero() => {
                            patience.set(time::sleep(rest));
                            continue;
                        }
                        _ => return Err(format!("nothing came back for {:?}", course.timeout)),
                    }
                }
            };
            let echo = match received {
                Ok(Some(echo)) => echo,
                Ok(None) => {
                    let ended = receiver.ended().map(ToString::to_string);
                    let ended = ended.unwrap_or_else(|| "the connection is over".into());
                    return Err(escape::line(&ended).into_owned());
                }
                Err(error) => return Err(escape::line(&Chain(&error).to_string()).into_owned()),
            };
            now = Instant::now();
            self.heard = Some(now);
            let sent = flight.pop_front();
            if expected.next().map(Message::as_ref) == Some(echo) {
                let time = sent.map_or(Duration::ZERO, |sent| now.duration_since(sent));
                course.tally.record(self.number, time);
            } else {
                course.tally.counts().altered += 1;
            }
        }
    }
}
