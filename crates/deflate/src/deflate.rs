use std::fmt;
use std::sync::Arc;

use bowline_extension::{Decode, Encode, Extension};

use crate::config::Settings;
use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::params::Agreed;
use crate::pool::{Pool, Shape};

/// permessage-deflate as two peers agreed on it, for one connection.
///
/// *Outbound* is what we send, *inbound* what the peer sends. Made by [`PerMessageDeflate`](crate::PerMessageDeflate);
/// a connection takes it boxed, as an [`Extension`]. Holds no compressor yet: the first compressed message brings it.
///
/// Implements RFC 7692 §7.
pub struct Deflate {
    pub(crate) settings: Settings,
    pub(crate) pool: Arc<Pool>,
    pub(crate) outbound: Direction,
    pub(crate) inbound: Direction,
}

/// What holds for one direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Direction {
    pub(crate) takeover: bool,
    /// 8 to 15.
    pub(crate) window_bits: u8,
}

impl Deflate {
    /// `wished`: what our own configuration wants for our messages.
    pub(crate) fn server(
        settings: Settings,
        pool: Arc<Pool>,
        wished: Direction,
        agreed: Agreed,
    ) -> Self {
        let outbound = agreed.server().within(wished);
        Self::new(settings, pool, outbound, agreed.client())
    }

    /// `wished`: what the offer that was taken wants for our messages.
    pub(crate) fn client(
        settings: Settings,
        pool: Arc<Pool>,
        wished: Direction,
        agreed: Agreed,
    ) -> Self {
        let outbound = agreed.client().within(wished);
        Self::new(settings, pool, outbound, agreed.server())
    }

    fn new(settings: Settings, pool: Arc<Pool>, outbound: Direction, inbound: Direction) -> Self {
        Self {
            settings,
            pool,
            outbound,
            inbound,
        }
    }

    /// Tells whether our messages refer to earlier ones.
    #[must_use]
    pub fn outbound_takeover(&self) -> bool {
        self.outbound.takeover
    }

    /// Returns the base-two logarithm of the window our messages use, 8 to 15.
    ///
    /// With 8, which zlib can't do, they are not compressed.
    #[must_use]
    pub fn outbound_window_bits(&self) -> u8 {
        self.outbound.window_bits
    }

    /// Tells whether the peer's messages may refer to earlier ones.
    #[must_use]
    pub fn inbound_takeover(&self) -> bool {
        self.inbound.takeover
    }

    /// Returns the base-two logarithm of the window the peer may use, 8 to 15.
    #[must_use]
    pub fn inbound_window_bits(&self) -> u8 {
        self.inbound.window_bits
    }
}

impl Direction {
    /// A sender may always do less than it is allowed to.
    fn within(self, wished: Self) -> Self {
        Self {
            takeover: self.takeover && wished.takeover,
            window_bits: self.window_bits.min(wished.window_bits),
        }
    }
}

impl Extension for Deflate {
    fn split(self: Box<Self>) -> (Box<dyn Encode>, Box<dyn Decode>) {
        let Self {
            settings,
            pool,
            outbound,
            inbound,
        } = *self;
        let shape = Shape {
            level: settings.level,
            memory_level: settings.memory_level,
            window_bits: outbound.window_bits,
        };
        let home = pool.home();
        let takeover = outbound.takeover;
        let encoder = Encoder::new(&settings, Arc::clone(&pool), home, shape, takeover);
        let decoder = Decoder::new(&settings, pool, home, inbound);
        (Box::new(encoder), Box::new(decoder))
    }
}

impl fmt::Debug for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate")
            .field("outbound", &self.outbound)
            .field("inbound", &self.inbound)
            .finish_non_exhaustive()
    }
}
