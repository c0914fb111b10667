//! What the opening handshake has in common over all versions of HTTP.

use bowline_extension::{Extension, Negotiate, Offer, Token, list};
use http::HeaderMap;
use http::header::{SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};

use crate::authority::Authority;
use crate::headers::{Single, lines, single};
use crate::{ClientHandshakeError, RefusalReason, ServerConfig, SubprotocolError};

/// What a server and a client can agree on, before the caller has decided whether they do.
#[derive(Debug)]
pub(crate) struct Terms {
    /// The client's subprotocols in its order of preference.
    pub(crate) offered: Vec<Token>,
    pub(crate) subprotocol: Option<Token>,
    /// The answer to the client's offer and what comes of it.
    pub(crate) extension: Option<(Offer, Box<dyn Extension>)>,
}

impl Terms {
    /// Judges a request's headers; `host` is what the request was sent to.
    pub(crate) fn of_request(
        config: &ServerConfig,
        headers: &HeaderMap,
        host: Authority<'_>,
    ) -> Result<Self, RefusalReason> {
        check_version(headers)?;
        let offered = offered_subprotocols(headers)?;
        let offers = Offer::parse_header(lines(headers, &SEC_WEBSOCKET_EXTENSIONS))
            .map_err(RefusalReason::Extensions)?;
        if !config.origin.allows(headers, host) {
            return Err(RefusalReason::Origin);
        }
        // RFC 6455 §4.2.2, item 5.5 leaves the choice to the server; its own order decides.
        let subprotocol = config
            .subprotocols
            .iter()
            .find(|name| offered.contains(name))
            .cloned();
        let extension = config
            .extension
            .as_ref()
            .filter(|_| !offers.is_empty())
            .and_then(|extension| extension.accept(&offers));
        Ok(Self {
            offered,
            subprotocol,
            extension,
        })
    }
}

/// RFC 6455 §4.3: a number from 0 to 255 without leading zeros, once.
fn check_version(headers: &HeaderMap) -> Result<(), RefusalReason> {
    let Single::Once(value) = single(headers, &SEC_WEBSOCKET_VERSION) else {
        return Err(RefusalReason::ProtocolVersion);
    };
    let digits = std::str::from_utf8(value).map_err(|_| RefusalReason::ProtocolVersion)?;
    let version: u8 = digits.parse().map_err(|_| RefusalReason::ProtocolVersion)?;
    match version {
        // A sign or a leading zero parses but doesn't come back.
        _ if version.to_string() != digits => Err(RefusalReason::ProtocolVersion),
        13 => Ok(()),
        _ => Err(RefusalReason::UnsupportedVersion { version }),
    }
}

fn offered_subprotocols(headers: &HeaderMap) -> Result<Vec<Token>, RefusalReason> {
    let mut offered: Vec<Token> = Vec::new();
    for name in list(lines(headers, &SEC_WEBSOCKET_PROTOCOL)) {
        let name = Token::try_from(name).map_err(|_| RefusalReason::Subprotocols)?;
        if offered.len() == MAX_SUBPROTOCOLS || offered.contains(&name) {
            return Err(RefusalReason::Subprotocols);
        }
        offered.push(name);
    }
    if offered.is_empty() && headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Err(RefusalReason::Subprotocols);
    }
    Ok(offered)
}

/// Checks a list of subprotocols that we are going to send or to choose from.
pub(crate) fn subprotocols<I>(names: I) -> Result<Vec<Token>, SubprotocolError>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut tokens: Vec<Token> = Vec::new();
    for name in names {
        let name = name.as_ref();
        let token =
            Token::try_from(name).map_err(|_| SubprotocolError::Name { name: name.into() })?;
        if tokens.contains(&token) {
            return Err(SubprotocolError::Repeated { name: name.into() });
        }
        tokens.push(token);
    }
    Ok(tokens)
}

/// RFC 6455 §4.1, item 6, and §11.3.4: the answer has one of the names offered, or nothing.
pub(crate) fn chosen_subprotocol(
    offered: &[Token],
    headers: &HeaderMap,
) -> Result<Option<Token>, ClientHandshakeError> {
    match single(headers, &SEC_WEBSOCKET_PROTOCOL) {
        Single::Absent => Ok(None),
        Single::Once(value) => offered
            .iter()
            .find(|name| name.as_bytes() == value)
            .cloned()
            .map(Some)
            .ok_or(ClientHandshakeError::Subprotocol),
        Single::Repeated => Err(ClientHandshakeError::Subprotocol),
    }
}

/// RFC 6455 §4.1, item 5, and §9.1: the answer has extensions that were offered, or nothing.
pub(crate) fn confirmed_extension(
    extension: Option<&dyn Negotiate>,
    offered: &[Offer],
    headers: &HeaderMap,
) -> Result<Option<Box<dyn Extension>>, ClientHandshakeError> {
    let answer = Offer::parse_header(lines(headers, &SEC_WEBSOCKET_EXTENSIONS))
        .map_err(ClientHandshakeError::Extensions)?;
    let Some(first) = answer.first() else {
        return Ok(None);
    };
    let is_offered = |answer: &&Offer| offered.iter().any(|offer| offer.name() == answer.name());
    if let Some(stranger) = answer.iter().find(|answer| !is_offered(answer)) {
        let name = stranger.name().into();
        return Err(ClientHandshakeError::UnofferedExtension { name });
    }
    match extension {
        Some(extension) => extension
            .confirm(&answer)
            .map(Some)
            .map_err(ClientHandshakeError::Confirm),
        None => Err(ClientHandshakeError::UnofferedExtension {
            name: first.name().into(),
        }),
    }
}

/// Nobody offers a tenth of it; bounds the search for repeated names.
const MAX_SUBPROTOCOLS: usize = 64;
