use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Tells whether a valid `Host` names this machine's loopback: `localhost`, a name under it, 127.0.0.0/8 or `[::1]`,
/// whatever the port.
///
/// A page whose own name resolves to loopback is of the same origin as whatever listens there (DNS rebinding); only its
/// `Host` gives it away.
pub(super) fn is_loopback(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.split_once(']').map(|(address, _)| address.parse());
        return matches!(address, Some(Ok(Ipv6Addr::LOCALHOST)));
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return IpAddr::V4(address).is_loopback();
    }
    // RFC 6761 §6.3: names under localhost are loopback too. A final dot says that the name is complete.
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_many_names() {
        for host in [
            "localhost",
            "LocalHost:9001",
            "localhost.",
            "chat.localhost:80",
            "127.0.0.1:9001",
            "127.1.2.3",
            "[::1]",
            "[0:0::1]:9001",
        ] {
            assert!(is_loopback(host), "{host}");
        }
    }

    #[test]
    fn other_names_are_not_loopback() {
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "mylocalhost",
            "0.0.0.0",
            "128.0.0.1",
            "127.1",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[::1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
