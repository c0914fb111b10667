//! `proxy.json`: HTTP CONNECT, SOCKS5 and Basic authentication.

use serde::Deserialize;

use super::{Hex, Latin1};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// HTTP CONNECT.
    pub http_connect: HttpConnect,
    /// SOCKS5 (RFC 1928 and 1929).
    pub socks5: Socks5,
    /// Values of `Authorization` and `Proxy-Authorization`.
    pub basic_auth: Vec<BasicAuth>,
}

/// Requests for a tunnel and their answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConnect {
    /// A request for `example.com`, port 443.
    pub request_plain: Latin1,
    /// The same with `auth_user` and `auth_password`.
    pub request_auth: Latin1,
    /// The user's name.
    pub auth_user: String,
    /// The user's password.
    pub auth_password: String,
    /// A request for `2001:db8::1`, port 443.
    pub ipv6_target: Latin1,
    /// Answers.
    pub responses: Vec<ConnectResponse>,
}

/// A proxy's answer to CONNECT.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectResponse {
    /// The bytes the client reads.
    pub raw: Latin1,
    /// What they mean.
    pub outcome: ConnectOutcome,
    /// The bytes behind the answer, which come through the tunnel.
    #[serde(rename = "leftover_hex")]
    pub leftover: Option<Hex>,
    /// What the case shows.
    pub note: Option<String>,
}

/// What a proxy's answer means.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectOutcome {
    /// The tunnel is open.
    Tunnel,
    /// The proxy wants credentials.
    AuthRequired,
    /// There is no tunnel.
    Fail,
}

/// The messages of SOCKS5.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socks5 {
    /// The client offers no authentication.
    pub greeting_noauth: Hex,
    /// The client offers no authentication, or user name and password.
    pub greeting_noauth_userpass: Hex,
    /// The proxy chooses no authentication.
    pub method_none: Hex,
    /// The proxy chooses user name and password.
    pub method_userpass: Hex,
    /// The proxy takes none of the offered methods.
    pub method_unacceptable: Hex,
    /// User name and password.
    pub userpass_request: UserPass,
    /// The proxy takes them.
    pub userpass_ok: Hex,
    /// The proxy refuses them.
    pub userpass_fail: Hex,
    /// A request for a name.
    pub connect_domain: Connect,
    /// A request for an IPv4 address.
    pub connect_ipv4: Connect,
    /// A request for an IPv6 address.
    pub connect_ipv6: Connect,
    /// Success; the proxy tells an IPv4 address.
    pub reply_ok_ipv4: Hex,
    /// Success; the proxy tells a name.
    pub reply_ok_domain: Hex,
    /// Success; the proxy tells an IPv6 address.
    pub reply_ok_ipv6: Hex,
    /// The reply codes.
    pub replies: Vec<ReplyCode>,
    /// Rules, in words.
    pub notes: Vec<String>,
}

/// User name and password, and their message.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserPass {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// The message.
    #[serde(rename = "hex")]
    pub bytes: Hex,
}

/// A SOCKS5 request for a connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// The target's name or address.
    pub host: String,
    /// The target's port.
    pub port: u16,
    /// The message.
    #[serde(rename = "hex")]
    pub bytes: Hex,
}

/// A SOCKS5 reply code.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyCode {
    /// The code.
    pub code: u8,
    /// The code in words.
    pub meaning: String,
}

/// Credentials and their header.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// The value of the header. Absent if the credentials cannot be encoded.
    pub header: Option<String>,
    /// Why the credentials cannot be encoded.
    pub error: Option<String>,
}

/// Loads the file.
pub fn load() -> Proxy {
    super::parse(include_str!("../../vectors/proxy.json"))
}
