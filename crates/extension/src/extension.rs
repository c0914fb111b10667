use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bowline_frame::{MessageKind, Rsv};
use bytes::BytesMut;

use crate::{ConfirmError, ExtensionError, Offer, Outgoing};

/// An extension's side of the opening handshake: what is offered, accepted and confirmed.
///
/// One value serves any number of connections, in either role; it is the extension's configuration. What it agrees on
/// lives in the [`Extension`] of each connection.
///
/// Implements RFC 6455 §9.1.
pub trait Negotiate: Send + Sync + fmt::Debug {
    /// Returns what a client offers: one element per offer, the preferred one first.
    ///
    /// Asked once per connection. An empty list leaves the header out.
    fn offers(&self) -> Vec<Offer>;

    /// Server: takes the first acceptable of the client's offers and returns the answer with the extension.
    ///
    /// `offers` are all elements of the header in the client's order, those of other extensions included. `None`
    /// declines: the handshake goes on without the extension. An offer whose parameters are unknown or wrong is passed
    /// over, it isn't an error.
    fn accept(&self, offers: &[Offer]) -> Option<(Offer, Box<dyn Extension>)>;

    /// Client: checks the server's answer and returns the extension agreed on.
    ///
    /// `answer` are all elements of the header, never none, each with a name that [`offers`](Self::offers) has.
    ///
    /// # Errors
    ///
    /// If the answer doesn't fit the offers. The opening handshake fails.
    fn confirm(&self, answer: &[Offer]) -> Result<Box<dyn Extension>, ConfirmError>;
}

/// Shared between any number of configurations.
impl<T: Negotiate + ?Sized> Negotiate for Arc<T> {
    fn offers(&self) -> Vec<Offer> {
        T::offers(self)
    }

    fn accept(&self, offers: &[Offer]) -> Option<(Offer, Box<dyn Extension>)> {
        T::accept(self, offers)
    }

    fn confirm(&self, answer: &[Offer]) -> Result<Box<dyn Extension>, ConfirmError> {
        T::confirm(self, answer)
    }
}

/// What two peers agreed on, for one connection.
///
/// Implements RFC 6455 §9.2.
pub trait Extension: Send + Sync {
    /// Takes the extension apart into what our messages and the peer's messages go through.
    ///
    /// The two share nothing but what the extension itself chooses to share.
    fn split(self: Box<Self>) -> (Box<dyn Encode>, Box<dyn Decode>);
}

/// The inbound half of an extension: turns the payload on the wire into the message's own.
///
/// For each message: [`begin`](Self::begin); if it says `true`, [`decode`](Self::decode) until [`Progress::Done`]. After
/// an error the value isn't used again.
pub trait Decode: Send + Sync {
    /// Returns the reserved bits that this extension gives a meaning. Any other bit on the wire fails the connection.
    ///
    /// Constant for the life of the connection.
    fn claims(&self) -> Rsv;

    /// Begins a message whose first frame has the bits `rsv` set, a part of [`claims`](Self::claims).
    ///
    /// `false`: the payload passes untouched and [`decode`](Self::decode) isn't called for this message.
    ///
    /// # Errors
    ///
    /// If the bits make no sense here; the connection fails with the error's close code.
    fn begin(&mut self, kind: MessageKind, rsv: Rsv) -> Result<bool, ExtensionError>;

    /// Decodes a run of payload bytes and appends the result to `out`.
    ///
    /// `input` is any run of the message's payload, unmasked, whatever the frames and fragments; it may be empty. The
    /// bytes used are cut off its front. `last` says that the run ends the message. At most `room` bytes are appended,
    /// however much the input expands: that is how a limit is kept before memory is taken.
    ///
    /// What to do next is in [`Progress`].
    ///
    /// # Errors
    ///
    /// If the payload can't be decoded; the connection fails with the error's close code.
    fn decode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<Progress, ExtensionError>;

    /// Returns how long no message must have arrived before [`release`](Self::release) is called; `None`, the default,
    /// if it needn't be. Constant for the life of the connection.
    fn release_after(&self) -> Option<Duration> {
        None
    }

    /// Gives back memory that can be had again or done without. Only called between messages.
    ///
    /// Does nothing by default.
    fn release(&mut self) {}
}

/// The outbound half of an extension: turns a message's payload into what goes on the wire.
///
/// For each message: [`begin`](Self::begin); if it says `Some`, [`encode`](Self::encode) until [`Progress::Done`]. After
/// an error the value isn't used again.
pub trait Encode: Send + Sync {
    /// Begins a message and returns the reserved bits of its first frame.
    ///
    /// `None`: the message is sent as it is, without bits, and [`encode`](Self::encode) isn't called for it.
    fn begin(&mut self, message: &Outgoing) -> Option<Rsv>;

    /// Encodes a run of payload bytes and appends the result to `out`.
    ///
    /// The bytes used are cut off the front of `input`, which may be empty. `last` says that the run ends the message.
    /// At most `room` bytes are appended.
    ///
    /// What to do next is in [`Progress`].
    ///
    /// # Errors
    ///
    /// If the extension itself fails; the connection fails with the error's close code.
    fn encode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<Progress, ExtensionError>;

    /// Brings out what is held back of the message so far, so that the peer can decode all of it.
    ///
    /// Called behind a fragment, after [`encode`](Self::encode) said [`Progress::NeedInput`], until it says so too. At
    /// most `room` bytes are appended. Does nothing by default: what is held back comes with a later fragment.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    fn flush(&mut self, out: &mut BytesMut, room: usize) -> Result<Progress, ExtensionError> {
        let _ = (out, room);
        Ok(Progress::NeedInput)
    }

    /// Returns a name for everything that decides how a message is encoded, so that connections with the same name can
    /// share an encoded message. `None`, the default, says that nothing can be shared.
    ///
    /// To share one, the connection that encodes it is [interrupted](Self::interrupt) first: so the message refers to
    /// nothing that only its peer has seen. The others are interrupted when they send it.
    fn shared_key(&self) -> Option<&str> {
        None
    }

    /// Tells that a message encoded elsewhere is sent now, or that the next message is to be sent elsewhere too: it must
    /// be encoded without reference to what came before. Only called between messages.
    ///
    /// Does nothing by default, which fits an extension without history.
    fn interrupt(&mut self) {}

    /// Returns how long no message must have gone through it before [`release`](Self::release) is called; `None`, the
    /// default, if it needn't be. Constant for the life of the connection.
    fn release_after(&self) -> Option<Duration> {
        None
    }

    /// Gives back memory that can be had again or done without. Only called between messages.
    ///
    /// Does nothing by default.
    fn release(&mut self) {}
}

/// What [`Decode::decode`] or [`Encode::encode`] is waiting for. Complete by definition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// All input is used: call again with the next run of the message. Never the answer to `last`. From
    /// [`Encode::flush`]: all is out.
    NeedInput,
    /// All room is used and more output waits: call again with what is left of the input, even if that is nothing, and
    /// with room.
    NeedRoom,
    /// The message is complete: all input is used and all output is out. Only ever the answer to `last`.
    Done,
}

impl fmt::Debug for dyn Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extension")
    }
}

impl fmt::Debug for dyn Decode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decode")
            .field("claims", &self.claims())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for dyn Encode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encode")
            .field("shared_key", &self.shared_key())
            .finish_non_exhaustive()
    }
}
