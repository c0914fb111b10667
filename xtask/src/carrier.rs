//! The carriers, whose echo examples take the same arguments.

use std::fmt;

use crate::Result;

/// A carrier, by its crate's name without `bowline-`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Carrier(&'static str);

impl Carrier {
    /// The one that the program `bowline` stands on.
    pub(crate) const TOKIO: Self = Self("tokio");

    /// All the others.
    pub(crate) const OTHERS: [Self; 3] = [Self("async-std"), Self("smol"), Self("blocking")];

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Self::TOKIO].into_iter().chain(Self::OTHERS)
    }

    pub(crate) fn named(name: &str) -> Result<Self> {
        let carrier = Self::all().find(|carrier| carrier.0 == name);
        carrier.ok_or_else(|| {
            let names: Vec<_> = Self::all().map(|carrier| carrier.0).collect();
            format!(
                "there is no carrier `{name}`; there are {}",
                names.join(", ")
            )
            .into()
        })
    }

    /// The name without `bowline-`.
    pub(crate) fn name(self) -> &'static str {
        self.0
    }

    /// The name of its crate.
    pub(crate) fn package(self) -> String {
        format!("bowline-{}", self.0)
    }

    /// The name of its echo server or client.
    pub(crate) fn example(self, role: impl fmt::Display) -> String {
        format!("{}_echo_{role}", self.0.replace('-', "_"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_called_after_their_carriers() {
        let carrier = Carrier::named("async-std").unwrap();
        assert_eq!(carrier.example("server"), "async_std_echo_server");
        assert_eq!(carrier.package(), "bowline-async-std");
        let error = Carrier::named("monoio").unwrap_err().to_string();
        assert!(
            error.ends_with("there are tokio, async-std, smol, blocking"),
            "{error}"
        );
    }
}
