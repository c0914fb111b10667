//! The program at one end: what it calls, at random.

use bowline_frame::{CloseCode, CloseFrame, Message, MessageKind};
use bowline_proto::QueueError;
use bowline_testing::random::Random;
use bytes::{Bytes, BytesMut};

use super::{End, Outcome, Scene};

impl End {
    /// Calls something that a program may call.
    pub(crate) fn call(&mut self, scene: &mut Scene<'_>) {
        if self.outcome.is_some() {
            return;
        }
        let choice = scene.random.below(20);
        if choice == 0 && !self.outbound.is_over_soft_mark() {
            self.ping(scene);
        } else if choice < 6 || scene.said.open.is_some() {
            self.fragment(scene);
        } else {
            self.message(choice, scene);
        }
        self.check_output();
    }

    /// Begins the closing handshake with a frame of any legal kind.
    pub(crate) fn close(&mut self, scene: &mut Scene<'_>) {
        if self.outcome.is_some() {
            return;
        }
        let code = [1000, 1001, 1011, 3000, 4999][scene.random.below(5)];
        let close = match scene.random.below(3) {
            0 => None,
            1 => Some(CloseCode::new(code).unwrap().into()),
            _ => Some(CloseFrame::new(CloseCode::new(code).unwrap(), "bis später").unwrap()),
        };
        self.close_with(close, scene);
    }

    /// Drops the connection; a courteous program offers a Close once.
    pub(crate) fn drop(&mut self, courteous: bool, scene: &mut Scene<'_>) {
        if self.outcome.is_some() {
            return;
        }
        scene
            .trace
            .end(self.role, format_args!("drops (courteous: {courteous})"));
        if courteous {
            self.close_with(Some(CloseCode::GOING_AWAY.into()), scene);
            self.write(scene);
        }
        self.leave(Outcome::Dropped, scene);
    }

    fn close_with(&mut self, close: Option<CloseFrame>, scene: &mut Scene<'_>) {
        if self.outbound.close(close.as_ref()) {
            scene.trace.end(self.role, format_args!("closes {close:?}"));
            self.closed_with(close, scene);
            self.happened.asked = true;
        }
    }

    fn ping(&mut self, scene: &mut Scene<'_>) {
        self.count += 1;
        match self.outbound.ping(&self.count.to_be_bytes()) {
            Ok(()) => {
                scene
                    .trace
                    .end(self.role, format_args!("sends ping {}", self.count));
                scene.said.pings.push_back(Some(self.count));
                scene.said.unanswered.push_back(Some(self.count));
            }
            Err(error) => assert!(self.outbound.is_closed(), "{error}"),
        }
    }

    fn fragment(&mut self, scene: &mut Scene<'_>) {
        if self.outbound.is_over_soft_mark() {
            return;
        }
        let kind = match &scene.said.open {
            Some((kind, _)) => *kind,
            None => any_kind(scene.random),
        };
        let payload = self.payload(kind, scene.random);
        let last = scene.random.below(3) == 0;
        match self.outbound.fragment(kind, payload.clone(), last) {
            Ok(()) => {
                scene.trace.end(
                    self.role,
                    format_args!("sends a fragment, {} bytes, last: {last}", payload.len()),
                );
                let open = scene.said.open.take();
                let (_, mut whole) = open.unwrap_or((kind, BytesMut::new()));
                whole.extend_from_slice(&payload);
                self.longest = self.longest.max(payload.len());
                if last {
                    scene.said.messages.push_back(message(kind, whole.freeze()));
                } else {
                    scene.said.open = Some((kind, whole));
                }
            }
            Err(error) => assert!(self.outbound.is_closed(), "{error}"),
        }
    }

    fn message(&mut self, choice: usize, scene: &mut Scene<'_>) {
        let kind = any_kind(scene.random);
        let message = message(kind, self.payload(kind, scene.random));
        let queues = choice < 12;
        if !queues && self.outbound.is_over_soft_mark() {
            return;
        }
        let sent = if queues {
            match self.outbound.queue(message.clone()) {
                Ok(()) => true,
                Err(QueueError::Full(back)) => {
                    assert!(back == message && self.outbound.len() > self.config.hard_mark);
                    scene
                        .trace
                        .end(self.role, format_args!("has its queue full"));
                    return;
                }
                Err(_) => false,
            }
        } else if choice < 16 {
            self.outbound.send(message.clone()).is_ok()
        } else {
            self.outbound.send_ref(message.as_ref()).is_ok()
        };
        assert_eq!(sent, !self.outbound.is_closed(), "sent unless closed");
        if sent {
            scene.trace.end(
                self.role,
                format_args!("sends {kind}, {} bytes", message.len()),
            );
            self.longest = self.longest.max(message.len());
            scene.said.messages.push_back(message);
        }
    }

    /// A payload unlike those before it.
    fn payload(&mut self, kind: MessageKind, random: &mut Random) -> Bytes {
        self.count += 1;
        let len = match random.below(100) {
            0..5 => 0,
            5..70 => random.below(200),
            70..93 => random.below(1500),
            93..98 => random.below(6000),
            98 => random.below(20_000),
            // Long enough to be read into its place.
            _ => 20_000 + random.below(40_000),
        };
        let mut payload = format!("{} ", self.count).into_bytes();
        let pattern = match kind {
            MessageKind::Text => "Größe €uro 𝄞 aaaa".as_bytes(),
            MessageKind::Binary => b"\0\xFF\x80aaaa\x01",
        };
        payload.extend(pattern.repeat(len / pattern.len() + 1));
        payload.truncate(len);
        if kind == MessageKind::Text {
            let valid = match std::str::from_utf8(&payload) {
                Ok(text) => text.len(),
                Err(error) => error.valid_up_to(),
            };
            payload.truncate(valid);
        }
        payload.into()
    }
}

fn any_kind(random: &mut Random) -> MessageKind {
    [MessageKind::Text, MessageKind::Binary][random.below(2)]
}

fn message(kind: MessageKind, payload: Bytes) -> Message {
    match kind {
        MessageKind::Text => Message::Text(payload.try_into().expect("made of characters")),
        MessageKind::Binary => Message::Binary(payload),
    }
}
