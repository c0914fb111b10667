use std::sync::{Mutex, MutexGuard, PoisonError};

use bowline_tokio::{CloseCode, CloseFrame, Error, Message, QueueError, Sender, WebSocket};
use tokio::sync::oneshot;

use super::connection::{Parting, Voice};
use super::envelope::Envelope;

/// Everybody who is in the chat.
#[derive(Debug, Default)]
pub(super) struct Room {
    members: Mutex<Members>,
}

#[derive(Debug, Default)]
struct Members {
    next: u64,
    list: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    id: u64,
    voice: Voice,
    sender: Sender,
    /// Says why the room wants the member to go.
    dropped: oneshot::Sender<CloseFrame>,
}

/// A place in the room; leaving is dropping it.
struct Seat<'a> {
    room: &'a Room,
    id: u64,
}

impl Room {
    /// Takes part until the peer closes, or until the room wants it to go; counts its messages in `received`.
    pub(super) async fn chat(
        &self,
        ws: &mut WebSocket,
        voice: Voice,
        received: &mut u64,
    ) -> Result<Parting, Error> {
        let Some((seat, dropped)) = self.enter(ws.sender(), voice) else {
            let full = CloseFrame::truncated(CloseCode::TRY_AGAIN_LATER, "the room is full");
            return Ok(Parting::Ours(full));
        };
        let talk = async {
            let mut said = 0;
            while let Some(message) = ws.recv().await? {
                *received += 1;
                let envelope = Envelope::message(Some(seat.id), &message, ws.arrival());
                self.members().broadcast(&envelope, &message);
                // Everybody gets their own words too: whoever floods the room is as fast as it listens.
                said += message.len() + OVERHEAD;
                if said >= BURST {
                    ws.flush().await?;
                    said = 0;
                }
            }
            Ok(Parting::Theirs)
        };
        tokio::select! {
            parting = talk => parting,
            Ok(close) = dropped => Ok(Parting::Ours(close)),
        }
    }

    fn enter(
        &self,
        sender: Sender,
        voice: Voice,
    ) -> Option<(Seat<'_>, oneshot::Receiver<CloseFrame>)> {
        let mut members = self.members();
        if members.list.len() >= PLACES {
            return None;
        }
        members.next += 1;
        let id = members.next;
        let (dropped, receiver) = oneshot::channel();
        members.list.push(Member {
            id,
            voice,
            sender,
            dropped,
        });
        let count = members.list.len();
        if let (Voice::Page, Some(member)) = (voice, members.list.last()) {
            let welcome = Envelope::Welcome {
                you: id,
                members: count,
            };
            // Nothing else was queued yet. If the peer is gone already, its task will notice.
            let _ = member.sender.queue(welcome.encode());
        }
        members.announce();
        Some((Seat { room: self, id }, receiver))
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        // A panic elsewhere leaves the list whole.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    /// Gives everybody what they understand; nobody is waited for.
    fn broadcast(&mut self, envelope: &Envelope, message: &Message) {
        if self.give(envelope, Some(message)) {
            self.announce();
        }
    }

    /// Tells the pages how many are here, until it is true.
    fn announce(&mut self) {
        loop {
            let members = self.list.len();
            if !self.give(&Envelope::Members { members }, None) {
                return;
            }
        }
    }

    /// Queues for everybody; true if somebody was dropped.
    fn give(&mut self, envelope: &Envelope, message: Option<&Message>) -> bool {
        let before = self.list.len();
        let mut encoded = None;
        let mut at = 0;
        while let Some(member) = self.list.get(at) {
            let queued = match (member.voice, message) {
                (Voice::Page, _) => {
                    let encoded = encoded.get_or_insert_with(|| envelope.encode());
                    member.sender.queue(encoded.clone())
                }
                (Voice::Plain, Some(message)) => member.sender.queue(message.clone()),
                (Voice::Plain, None) => Ok(()),
            };
            let Err(error) = queued else {
                at += 1;
                continue;
            };
            let member = self.list.swap_remove(at);
            if let QueueError::Full(_) = error {
                let slow =
                    CloseFrame::truncated(CloseCode::TRY_AGAIN_LATER, "too slow for the room");
                // Its task may be ending by itself.
                let _ = member.dropped.send(slow);
            }
        }
        self.list.len() != before
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut members = self.room.members();
        let before = members.list.len();
        members.list.retain(|member| member.id != self.id);
        if members.list.len() != before {
            members.announce();
        }
    }
}

/// Bytes that a member may say before its own copies must be on their way.
const BURST: usize = 64 * 1024;

/// What a message costs beside its payload, roughly.
const OVERHEAD: usize = 256;

/// Each place may hold about 1 MiB for a slow member.
const PLACES: usize = 1024;
