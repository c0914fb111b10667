use bowline_tokio::{PerMessageDeflate, Volume};

// A plain comment: clap would take the other kind for what a command does.
// What the user says about permessage-deflate; what isn't said is left to the command.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Compression {
    /// Compress nothing: neither offer nor accept permessage-deflate.
    #[arg(long)]
    no_deflate: bool,

    /// Whose messages may refer to earlier ones, outbound being ours; `none` unless told for serve, `both` for clients.
    #[arg(long, value_name = "WHOSE", conflicts_with = "no_deflate")]
    context_takeover: Option<Takeover>,

    /// The largest window of our messages, 2 to the power of 9 to 15 bytes.
    #[arg(long, value_name = "BITS", conflicts_with = "no_deflate")]
    #[arg(value_parser = clap::value_parser!(u8).range(9..=15))]
    outbound_window_bits: Option<u8>,

    /// The largest window of the peer's messages, 2 to the power of 8 to 15 bytes.
    #[arg(long, value_name = "BITS", conflicts_with = "no_deflate")]
    #[arg(value_parser = clap::value_parser!(u8).range(8..=15))]
    inbound_window_bits: Option<u8>,
}

/// Directions in which messages may refer to earlier ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Takeover {
    None,
    Outbound,
    Inbound,
    Both,
}

impl Compression {
    /// True if the user says how to compress.
    pub(crate) const fn is_told(&self) -> bool {
        self.context_takeover.is_some()
            || self.outbound_window_bits.is_some()
            || self.inbound_window_bits.is_some()
    }

    /// The extension, or `None` if there is to be none; with this takeover unless the user wants another.
    pub(crate) fn extension(&self, takeover: Takeover) -> Option<PerMessageDeflate> {
        if self.no_deflate {
            return None;
        }
        let takeover = self.context_takeover.unwrap_or(takeover);
        let mut deflate = PerMessageDeflate::new()
            .outbound_takeover(matches!(takeover, Takeover::Outbound | Takeover::Both))
            .inbound_takeover(matches!(takeover, Takeover::Inbound | Takeover::Both));
        if let Some(bits) = self.outbound_window_bits {
            deflate = deflate.outbound_window_bits(bits);
        }
        if let Some(bits) = self.inbound_window_bits {
            deflate = deflate.inbound_window_bits(bits);
        }
        Some(deflate)
    }
}

/// What compression made of payload; `None` if nothing was compressed.
pub(crate) fn saved(volume: Volume) -> Option<String> {
    let Volume { payload, wire, .. } = volume;
    let percent = wire.saturating_mul(100).checked_div(payload)?;
    Some(format!(
        "{payload} bytes compressed to {wire} ({percent} %)"
    ))
}

#[cfg(test)]
mod tests {
    use bowline_tokio::Negotiate as _;
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        compression: Compression,
    }

    fn compression(line: &str) -> Result<Compression, clap::Error> {
        let arguments = ["bowline"].into_iter().chain(line.split_whitespace());
        Command::try_parse_from(arguments).map(|command| command.compression)
    }

    /// What a client offers with these options.
    fn offer(line: &str, takeover: Takeover) -> String {
        let deflate = compression(line).unwrap().extension(takeover).unwrap();
        let offers: Vec<_> = deflate.offers().iter().map(ToString::to_string).collect();
        offers.join(", ")
    }

    #[test]
    fn the_command_decides_on_takeover_if_the_user_does_not() {
        let none = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
            client_max_window_bits";
        let both = "permessage-deflate; client_max_window_bits";
        assert_eq!(offer("", Takeover::None), none);
        assert_eq!(offer("", Takeover::Both), both);
        assert_eq!(offer("--context-takeover both", Takeover::None), both);
        assert_eq!(offer("--context-takeover none", Takeover::Both), none);
    }

    #[test]
    fn each_direction_has_its_own_options() {
        assert_eq!(
            offer("--context-takeover outbound", Takeover::None),
            "permessage-deflate; server_no_context_takeover; client_max_window_bits"
        );
        assert_eq!(
            offer("--context-takeover inbound", Takeover::None),
            "permessage-deflate; client_no_context_takeover; client_max_window_bits"
        );
        let windows = "--outbound-window-bits 9 --inbound-window-bits 8";
        assert_eq!(
            offer(windows, Takeover::Both),
            "permessage-deflate; server_max_window_bits=8; client_max_window_bits=9"
        );
    }

    #[test]
    fn without_deflate_there_is_nothing_to_choose() {
        let none = compression("--no-deflate").unwrap();
        assert!(none.extension(Takeover::Both).is_none());
        for other in [
            "--context-takeover both",
            "--outbound-window-bits 15",
            "--inbound-window-bits 15",
        ] {
            assert!(
                compression(&format!("--no-deflate {other}")).is_err(),
                "{other}"
            );
        }
    }

    #[test]
    fn windows_that_cannot_be_are_refused() {
        for bad in [
            "--outbound-window-bits 8",
            "--outbound-window-bits 16",
            "--inbound-window-bits 7",
            "--inbound-window-bits 16",
            "--context-takeover",
        ] {
            assert!(compression(bad).is_err(), "{bad}");
        }
    }
}
