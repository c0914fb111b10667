use bowline_extension::Compress;
use bowline_frame::{Message, Rsv};
use bytes::Bytes;

/// A message for many connections, encoded once for all whose extensions encode alike.
///
/// Give it to [`Outbound::send_prepared`](crate::Outbound::send_prepared) of each. Each way to encode that occurs among
/// them costs the memory of the encoded message, as long as this value is kept.
///
/// # Examples
///
/// ```
/// use bowline_frame::{Message, Role};
/// use bowline_proto::{Config, Outbound, Prepared};
/// use bytes::Buf;
///
/// let mut listeners = [(); 3].map(|()| Outbound::server(&Config::new(Role::Server), None));
/// let mut news = Prepared::new(Message::from("news"));
/// for listener in &mut listeners {
///     listener.send_prepared(&mut news)?;
///     assert_eq!(listener.transmit().chunk(), b"\x81\x04news");
/// }
/// # Ok::<(), bowline_proto::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prepared {
    message: Message,
    encoded: Vec<Encoded>,
}

/// What one way to encode has made of it.
#[derive(Clone, Debug)]
struct Encoded {
    /// The name of the way.
    key: Box<str>,
    compress: Compress,
    /// `None`: it is sent as it is.
    frame: Option<(Rsv, Bytes)>,
}

impl Prepared {
    /// Prepares a message. Nothing is encoded yet.
    pub const fn new(message: Message) -> Self {
        Self {
            message,
            encoded: Vec::new(),
        }
    }

    /// The message.
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// What this way to encode has made of it; outer `None` if nobody has asked yet.
    pub(crate) fn find(&self, key: &str, compress: Compress) -> Option<Option<(Rsv, Bytes)>> {
        let mut all = self.encoded.iter();
        let known = all.find(|known| known.compress == compress && *known.key == *key)?;
        Some(known.frame.clone())
    }

    pub(crate) fn keep(&mut self, key: Box<str>, compress: Compress, frame: Option<(Rsv, Bytes)>) {
        self.encoded.push(Encoded {
            key,
            compress,
            frame,
        });
    }
}

impl From<Message> for Prepared {
    fn from(message: Message) -> Self {
        Self::new(message)
    }
}
