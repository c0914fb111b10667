use core::net::SocketAddr;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The race of a connection attempt over all addresses of a name: who starts when.
///
/// Families alternate, beginning with the one the resolver put first; an attempt starts 250 ms after the one before it,
/// or at once when one fails. The first connection that stands wins, the caller drops the others.
///
/// Call [`next`](Self::next) until it returns `None`. Then wait for an attempt to succeed or fail and until
/// [`until`](Self::until); tell of a failure with [`failed`](Self::failed), and begin again. When
/// [`is_lost`](Self::is_lost) says so, nothing is left to wait for.
///
/// Implements RFC 8305 §4 and §5.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use bowline_handshake::Race;
///
/// let now = Instant::now();
/// let mut race = Race::new(["[::1]:80".parse()?, "127.0.0.1:80".parse()?]);
/// assert_eq!(race.next(now), Some("[::1]:80".parse()?));
/// assert_eq!(race.next(now), None);
/// assert_eq!(race.until(), Some(now + Race::DELAY));
/// race.failed();
/// assert_eq!(race.next(now), Some("127.0.0.1:80".parse()?));
/// race.failed();
/// assert!(race.is_lost());
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Race {
    waiting: VecDeque<SocketAddr>,
    running: usize,
    /// When the next attempt may start; `None` means now.
    due: Option<Instant>,
}

impl Race {
    /// From the start of one attempt to that of the next: 250 ms, as RFC 8305 §8 recommends.
    pub const DELAY: Duration = Duration::from_millis(250);

    /// Lines up the addresses. `addresses` are in the resolver's order; an address that repeats is tried once.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let mut same = VecDeque::new();
        let mut other = VecDeque::new();
        for address in addresses {
            let queue = match same.front() {
                Some(first) if SocketAddr::is_ipv6(first) != address.is_ipv6() => &mut other,
                _ => &mut same,
            };
            if !queue.contains(&address) {
                queue.push_back(address);
            }
        }
        let mut waiting = VecDeque::with_capacity(same.len().saturating_add(other.len()));
        while !same.is_empty() || !other.is_empty() {
            waiting.extend(same.pop_front());
            waiting.extend(other.pop_front());
        }
        Self {
            waiting,
            running: 0,
            due: None,
        }
    }

    /// Returns the address of an attempt to start now, if one is due.
    ///
    /// The answer changes when [`until`](Self::until) has come or an attempt has [`failed`](Self::failed).
    pub fn next(&mut self, now: Instant) -> Option<SocketAddr> {
        if self.due.is_some_and(|due| now < due) {
            return None;
        }
        let address = self.waiting.pop_front()?;
        self.running = self.running.saturating_add(1);
        self.due = Some(now + Self::DELAY);
        Some(address)
    }

    /// Tells that one of the attempts has failed: another may start at once.
    pub fn failed(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.due = None;
    }

    /// Returns when the next attempt starts if none fails before; `None` when no address is left.
    ///
    /// Valid after [`next`](Self::next) has returned `None`, and until it is called again.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        self.due.filter(|_| !self.waiting.is_empty())
    }

    /// Tells whether every address was tried and failed. True from the start if there is none.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}
