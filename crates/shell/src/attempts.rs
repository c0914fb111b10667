use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use bowline_handshake::Race;

/// A [`Race`] over the addresses of a name, and why it was lost.
///
/// It is driven as that is: an attempt for each address that [`next`](Self::next) gives, and in between a wait for one
/// to end and [`until`](Self::until).
#[derive(Debug)]
pub struct Attempts {
    race: Race,
    failure: io::Error,
}

impl Attempts {
    /// Lines up the addresses, in the resolver's order.
    pub fn new(addresses: Vec<SocketAddr>) -> Self {
        Self {
            race: Race::new(addresses),
            failure: io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
        }
    }

    /// The address of an attempt to start now, if one is due.
    pub fn next(&mut self, now: Instant) -> Option<SocketAddr> {
        self.race.next(now)
    }

    /// When the next attempt starts if none fails before.
    pub fn until(&self) -> Option<Instant> {
        self.race.until()
    }

    /// An attempt has failed.
    pub fn failed(&mut self, address: SocketAddr, error: &io::Error) {
        self.failure = io::Error::new(error.kind(), format!("{address}: {error}"));
        self.race.failed();
    }

    /// Why no address can be reached, once all have failed: what the last one said.
    pub fn lost(&mut self) -> Option<io::Error> {
        if !self.race.is_lost() {
            return None;
        }
        let told = io::Error::from(self.failure.kind());
        Some(std::mem::replace(&mut self.failure, told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_failure_is_told_with_its_address() {
        let addresses = ["127.0.0.1:1", "127.0.0.1:2"].map(|address| address.parse().unwrap());
        let mut attempts = Attempts::new(addresses.to_vec());
        let now = Instant::now();
        for kind in [io::ErrorKind::TimedOut, io::ErrorKind::ConnectionRefused] {
            assert!(attempts.lost().is_none());
            let address = attempts.next(now).unwrap();
            attempts.failed(address, &kind.into());
        }
        let lost = attempts.lost().unwrap();
        assert_eq!(lost.kind(), io::ErrorKind::ConnectionRefused);
        assert!(lost.to_string().starts_with("127.0.0.1:2: "));
    }

    #[test]
    fn a_name_without_an_address_is_lost_from_the_start() {
        let lost = Attempts::new(Vec::new()).lost().unwrap();
        assert_eq!(lost.kind(), io::ErrorKind::NotFound);
    }
}
