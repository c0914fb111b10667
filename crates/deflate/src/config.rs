use std::sync::Arc;
use std::time::Duration;

use bowline_extension::{ConfirmError, Extension, Negotiate, Offer};

use crate::deflate::{Deflate, Direction};
use crate::params::{ClientBits, MAX_BITS, NAME, Params};
use crate::pool::Pool;

/// How permessage-deflate is offered, accepted and carried out: the configuration of any number of connections, in
/// either role.
///
/// *Outbound* is what we send, *inbound* what the peer sends, whichever of the two is the server. *Context takeover*
/// means that a message may refer to the messages before it: small similar messages then shrink a lot, and each
/// direction keeps its state between messages. *Window bits* are the base-two logarithm of how many bytes back a
/// message may refer.
///
/// By default nothing is taken over, our window is 4 KiB and the peer's is not restricted: a connection then holds no
/// memory between messages. Compressors and decompressors come from a pool that all clones of this value share, so
/// make one and clone it.
///
/// Implements RFC 7692 §5 and §7.1.
///
/// # Examples
///
/// ```
/// use bowline_deflate::PerMessageDeflate;
/// use bowline_extension::{Negotiate, Offer};
///
/// let browser = Offer::parse_header([&b"permessage-deflate; client_max_window_bits"[..]])?;
/// let (answer, _) = PerMessageDeflate::new().accept(&browser).unwrap();
/// assert_eq!(
///     answer.to_string(),
///     "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12"
/// );
/// # Ok::<(), bowline_extension::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PerMessageDeflate {
    settings: Settings,
    /// What a client offers behind the first offer, if that is declined.
    fallbacks: Vec<Wish>,
    pool: Arc<Pool>,
}

/// All that isn't shared between clones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) outbound: Direction,
    /// Somebody chose our window, so a client's offer names it.
    names_window: bool,
    pub(crate) inbound: Direction,
    pub(crate) level: u8,
    pub(crate) memory_level: u8,
    pub(crate) threshold: Option<u64>,
    pub(crate) release_after: Option<Duration>,
}

/// What one offer asks for.
#[derive(Clone, Copy, Debug)]
struct Wish {
    outbound: Direction,
    names_window: bool,
    inbound: Direction,
}

impl PerMessageDeflate {
    /// Makes the default configuration, with a pool of its own. Allocates no compressor.
    #[must_use]
    pub fn new() -> Self {
        Self {
            settings: Settings {
                outbound: Direction {
                    takeover: false,
                    window_bits: 12,
                },
                names_window: false,
                inbound: Direction {
                    takeover: false,
                    window_bits: MAX_BITS,
                },
                level: 1,
                memory_level: 6,
                threshold: None,
                release_after: Some(Duration::from_secs(30)),
            },
            fallbacks: Vec::new(),
            pool: Arc::new(Pool::new(POOL_SIZE)),
        }
    }

    /// Sets context takeover for both directions; off by default.
    ///
    /// On for few connections with many small similar messages. It costs each connection that has sent a compressed
    /// message a compressor, and each that has received one a decompressor: the front page says how much.
    #[must_use]
    pub fn context_takeover(self, takeover: bool) -> Self {
        self.outbound_takeover(takeover).inbound_takeover(takeover)
    }

    /// Sets whether our messages may refer to earlier ones, if the peer lets them; off by default.
    #[must_use]
    pub fn outbound_takeover(mut self, takeover: bool) -> Self {
        self.settings.outbound.takeover = takeover;
        self
    }

    /// Sets whether the peer's messages may refer to earlier ones; off by default.
    ///
    /// Off binds the peer: a client asks a server for it, a server tells a client.
    #[must_use]
    pub fn inbound_takeover(mut self, takeover: bool) -> Self {
        self.settings.inbound.takeover = takeover;
        self
    }

    /// Sets the largest window of our messages, in bits from 9 to 15; 12 by default.
    ///
    /// More finds repetitions that lie further apart, and takes more memory. A peer may want less. Windows below 11
    /// save little and are slower.
    ///
    /// A client that sets them names them in its offer, so that a server can plan for less memory. By default it doesn't,
    /// as browsers don't: there are servers whose answer takes no notice, and then the opening handshake fails.
    ///
    /// # Panics
    ///
    /// If `bits` is not 9 to 15.
    #[must_use]
    pub fn outbound_window_bits(mut self, bits: u8) -> Self {
        assert!((MIN_BITS..=MAX_BITS).contains(&bits), "9 to 15 window bits");
        self.settings.outbound.window_bits = bits;
        self.settings.names_window = true;
        self
    }

    /// Sets the largest window of the peer's messages, in bits from 8 to 15; 15 by default.
    ///
    /// Below 15 the peer is asked to stay within it, and one that can't is not compressed with. A decompressor takes the
    /// same memory for every window, so this is for takeover, where a connection keeps that much of what came even when
    /// it is idle. It says what is kept, not what is judged: a peer that breaks the agreement and refers further back is
    /// understood as long as the decompressor is there, and fails the connection with 1007 once it was given back.
    ///
    /// # Panics
    ///
    /// If `bits` is not 8 to 15.
    #[must_use]
    pub fn inbound_window_bits(mut self, bits: u8) -> Self {
        assert!((8..=MAX_BITS).contains(&bits), "8 to 15 window bits");
        self.settings.inbound.window_bits = bits;
        self
    }

    /// Sets how hard to look for repetitions, from 1 to 9; 1 by default.
    ///
    /// More takes more time and shrinks messages further; the front page has figures.
    ///
    /// # Panics
    ///
    /// If `level` is not 1 to 9. For messages that are not to be compressed there is
    /// [`Compress::Never`](bowline_extension::Compress::Never).
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        assert!((1..=9).contains(&level), "level 1 to 9");
        self.settings.level = level;
        self
    }

    /// Sets how much memory a compressor takes besides its window and its table of 128 KiB, from 1 to 9; 6 by default.
    ///
    /// Less makes blocks shorter, which costs time and size from level 2 on; more has gained nothing in our measurements.
    ///
    /// # Panics
    ///
    /// If `level` is not 1 to 9.
    #[must_use]
    pub fn memory_level(mut self, level: u8) -> Self {
        assert!((1..=9).contains(&level), "memory level 1 to 9");
        self.settings.memory_level = level;
        self
    }

    /// Sets the length in bytes below which a message is not compressed unless it asks for it; by default 128, and 64
    /// where our messages may refer to earlier ones.
    ///
    /// A message of unknown length is compressed.
    #[must_use]
    pub fn threshold(mut self, bytes: u64) -> Self {
        self.settings.threshold = Some(bytes);
        self
    }

    /// Sets how long a direction must be without a message, ours without a compressed one, before it gives back memory;
    /// 30 s by default, `None` for never.
    ///
    /// Matters with context takeover only. Our next message then refers to nothing before it. Of the peer's messages the
    /// last bytes are kept, since its next may refer to them.
    #[must_use]
    pub fn release_after(mut self, idle: Option<Duration>) -> Self {
        self.settings.release_after = idle;
        self
    }

    /// Sets how many unused compressors and decompressors are kept for the next message; 16 of each by default.
    ///
    /// Begins a new pool, which clones made from here on share. As many as there are threads are enough, unless messages
    /// are sent or received in fragments that come slowly. With 0 each message makes its own.
    #[must_use]
    pub fn pool_size(mut self, size: usize) -> Self {
        self.pool = Arc::new(Pool::new(size));
        self
    }

    /// Adds what a client offers if the server declines what stands before: takeover and window bits of `other`, both
    /// directions. Everything else stays as it is here. Servers ignore it.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowline_deflate::PerMessageDeflate;
    /// use bowline_extension::Negotiate;
    ///
    /// let wide = PerMessageDeflate::new().context_takeover(true).outbound_window_bits(15);
    /// let narrow = wide.clone().inbound_window_bits(10);
    /// let offers = narrow.or(&wide).offers();
    /// assert_eq!(
    ///     offers[0].to_string(),
    ///     "permessage-deflate; server_max_window_bits=10; client_max_window_bits"
    /// );
    /// assert_eq!(offers[1].to_string(), "permessage-deflate; client_max_window_bits");
    /// ```
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.fallbacks.push(other.settings.wish());
        self.fallbacks.extend_from_slice(&other.fallbacks);
        self
    }

    /// Server: takes the first acceptable of the client's offers, as [`Negotiate::accept`] does, and returns the answer
    /// with what was agreed on.
    ///
    /// Passed over is an offer with an unknown, repeated or wrong parameter, one that restricts our window to 8 bits,
    /// which zlib can't do, and one by which the client can't be restricted to
    /// [`inbound_window_bits`](Self::inbound_window_bits).
    ///
    /// Implements RFC 7692 §5 and §7.1.
    #[must_use]
    pub fn accept_first(&self, offers: &[Offer]) -> Option<(Offer, Deflate)> {
        let answer = offers
            .iter()
            .filter(|offer| offer.name() == NAME.as_str())
            .find_map(|offer| self.settings.wish().answer(Params::read(offer).ok()?))?;
        let wished = self.settings.outbound;
        let pool = Arc::clone(&self.pool);
        let deflate = Deflate::server(self.settings, pool, wished, answer.agreed());
        Some((answer.element(), deflate))
    }

    /// Client: checks the server's answer, as [`Negotiate::confirm`] does, and returns what was agreed on.
    ///
    /// Implements RFC 7692 §5 and §7.1.
    ///
    /// # Errors
    ///
    /// If the answer isn't one element of ours that fits an offer.
    pub fn confirm_one(&self, answer: &[Offer]) -> Result<Deflate, ConfirmError> {
        let [element] = answer else {
            return Err(ConfirmError::new("more than one extension accepted"));
        };
        if element.name() != NAME.as_str() {
            return Err(ConfirmError::new("an extension that was not offered"));
        }
        let params = Params::read(element).map_err(ConfirmError::new)?;
        let wish = self.taken(&params).map_err(ConfirmError::new)?;
        let pool = Arc::clone(&self.pool);
        let agreed = params.agreed();
        Ok(Deflate::client(self.settings, pool, wish.outbound, agreed))
    }

    /// The first of our offers that a server's answer fits, or what is wrong with it for the very first.
    fn taken(&self, answer: &Params) -> Result<Wish, &'static str> {
        let first = self.settings.wish();
        first.check(answer).map(|()| first).or_else(|error| {
            let mut others = self.fallbacks.iter();
            let taken = others.find(|wish| wish.check(answer).is_ok());
            taken.copied().ok_or(error)
        })
    }
}

impl Settings {
    fn wish(&self) -> Wish {
        Wish {
            outbound: self.outbound,
            names_window: self.names_window,
            inbound: self.inbound,
        }
    }
}

impl Wish {
    /// A client's offer.
    fn offer(self) -> Params {
        Params {
            server_no_context_takeover: !self.inbound.takeover,
            client_no_context_takeover: !self.outbound.takeover,
            server_max_window_bits: restricted(self.inbound.window_bits),
            // Without a value it says that we obey, which we always do.
            client_max_window_bits: Some(match restricted(self.outbound.window_bits) {
                Some(bits) if self.names_window => ClientBits::AtMost(bits),
                _ => ClientBits::Flag,
            }),
        }
    }

    /// A server's answer to an offer; `None` declines.
    fn answer(self, offer: Params) -> Option<Params> {
        let server_bits = match offer.server_max_window_bits {
            Some(bits) if bits < MIN_BITS => return None,
            Some(bits) => Some(bits.min(self.outbound.window_bits)),
            None => restricted(self.outbound.window_bits),
        };
        let limit = self.inbound.window_bits;
        let client_bits = match offer.client_max_window_bits {
            Some(ClientBits::AtMost(bits)) => restricted(bits.min(limit)),
            Some(ClientBits::Flag) => restricted(limit),
            // RFC 7692 §7.1.2.2: the answer must not have what the offer has not.
            None if limit < MAX_BITS => return None,
            None => None,
        };
        Some(Params {
            server_no_context_takeover: offer.server_no_context_takeover || !self.outbound.takeover,
            client_no_context_takeover: offer.client_no_context_takeover || !self.inbound.takeover,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits.map(ClientBits::AtMost),
        })
    }

    /// Tells what is wrong with a server's answer to our offer.
    fn check(self, answer: &Params) -> Result<(), &'static str> {
        let offer = self.offer();
        if offer.server_no_context_takeover && !answer.server_no_context_takeover {
            return Err("server_no_context_takeover not confirmed");
        }
        match (offer.server_max_window_bits, answer.server_max_window_bits) {
            (Some(_), None) => return Err("server_max_window_bits not confirmed"),
            (Some(limit), Some(bits)) if bits > limit => {
                return Err("server_max_window_bits above the offer");
            }
            _ => {}
        }
        match answer.client_max_window_bits {
            Some(ClientBits::Flag) => Err("client_max_window_bits without a value"),
            Some(ClientBits::AtMost(bits))
                if self.names_window && bits > self.outbound.window_bits =>
            {
                Err("client_max_window_bits above the offer")
            }
            _ => Ok(()),
        }
    }
}

/// The bits, if they say more than no parameter does.
fn restricted(bits: u8) -> Option<u8> {
    (bits < MAX_BITS).then_some(bits)
}

impl Default for PerMessageDeflate {
    fn default() -> Self {
        Self::new()
    }
}

impl Negotiate for PerMessageDeflate {
    fn offers(&self) -> Vec<Offer> {
        let first = self.settings.wish();
        let wishes = std::iter::once(&first).chain(&self.fallbacks);
        wishes.map(|wish| wish.offer().element()).collect()
    }

    fn accept(&self, offers: &[Offer]) -> Option<(Offer, Box<dyn Extension>)> {
        let (answer, deflate) = self.accept_first(offers)?;
        Some((answer, Box::new(deflate)))
    }

    fn confirm(&self, answer: &[Offer]) -> Result<Box<dyn Extension>, ConfirmError> {
        Ok(Box::new(self.confirm_one(answer)?))
    }
}

/// zlib can't compress with a window of 8 bits.
const MIN_BITS: u8 = 9;

/// How many compressors and how many decompressors are kept for the next message.
const POOL_SIZE: usize = 16;
