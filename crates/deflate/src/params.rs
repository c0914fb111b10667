use bowline_extension::{Offer, Param, Token};

use crate::deflate::Direction;

/// The four parameters of one element, as written: no duplicate, no unknown name, no bad value.
///
/// Implements RFC 7692 §7.1.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Params {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<u8>,
    pub(crate) client_max_window_bits: Option<ClientBits>,
}

/// `client_max_window_bits`, whose value is optional in an offer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ClientBits {
    /// Without a value.
    Flag,
    AtMost(u8),
}

/// What holds for the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Agreed {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: u8,
    pub(crate) client_max_window_bits: u8,
}

impl Params {
    /// Reads an element whose name is ours.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for people.
    pub(crate) fn read(element: &Offer) -> Result<Self, &'static str> {
        let mut params = Self::default();
        for param in element.params() {
            let duplicate = match (param.name(), param.value()) {
                (SERVER_NO_CONTEXT_TAKEOVER, None) => {
                    replace_flag(&mut params.server_no_context_takeover)
                }
                (CLIENT_NO_CONTEXT_TAKEOVER, None) => {
                    replace_flag(&mut params.client_no_context_takeover)
                }
                (SERVER_NO_CONTEXT_TAKEOVER | CLIENT_NO_CONTEXT_TAKEOVER, Some(_)) => {
                    return Err("no_context_takeover with a value");
                }
                (SERVER_MAX_WINDOW_BITS, value) => {
                    let bits = value.and_then(bits).ok_or(BAD_BITS)?;
                    params.server_max_window_bits.replace(bits).is_some()
                }
                (CLIENT_MAX_WINDOW_BITS, None) => params
                    .client_max_window_bits
                    .replace(ClientBits::Flag)
                    .is_some(),
                (CLIENT_MAX_WINDOW_BITS, Some(value)) => {
                    let bits = bits(value).ok_or(BAD_BITS)?;
                    params
                        .client_max_window_bits
                        .replace(ClientBits::AtMost(bits))
                        .is_some()
                }
                _ => return Err("unknown parameter"),
            };
            if duplicate {
                return Err("parameter given twice");
            }
        }
        Ok(params)
    }

    /// Writes the element, in the order in which RFC 7692 §7.1 presents the parameters.
    pub(crate) fn element(&self) -> Offer {
        let mut element = Offer::new(NAME);
        if self.server_no_context_takeover {
            element = element.with(flag(SERVER_NO_CONTEXT_TAKEOVER));
        }
        if self.client_no_context_takeover {
            element = element.with(flag(CLIENT_NO_CONTEXT_TAKEOVER));
        }
        if let Some(bits) = self.server_max_window_bits {
            element = element.with(value(SERVER_MAX_WINDOW_BITS, bits));
        }
        match self.client_max_window_bits {
            Some(ClientBits::AtMost(bits)) => element.with(value(CLIENT_MAX_WINDOW_BITS, bits)),
            Some(ClientBits::Flag) => element.with(flag(CLIENT_MAX_WINDOW_BITS)),
            None => element,
        }
    }

    /// What an answer with these parameters means.
    pub(crate) fn agreed(&self) -> Agreed {
        Agreed {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: self.server_max_window_bits.unwrap_or(MAX_BITS),
            client_max_window_bits: match self.client_max_window_bits {
                Some(ClientBits::AtMost(bits)) => bits,
                Some(ClientBits::Flag) | None => MAX_BITS,
            },
        }
    }
}

impl Agreed {
    pub(crate) fn server(&self) -> Direction {
        Direction {
            takeover: !self.server_no_context_takeover,
            window_bits: self.server_max_window_bits,
        }
    }

    pub(crate) fn client(&self) -> Direction {
        Direction {
            takeover: !self.client_no_context_takeover,
            window_bits: self.client_max_window_bits,
        }
    }
}

fn replace_flag(flag: &mut bool) -> bool {
    std::mem::replace(flag, true)
}

/// RFC 7692 §7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
fn bits(text: &str) -> Option<u8> {
    match text {
        "8" => Some(8),
        "9" => Some(9),
        "10" => Some(10),
        "11" => Some(11),
        "12" => Some(12),
        "13" => Some(13),
        "14" => Some(14),
        "15" => Some(15),
        _ => None,
    }
}

fn flag(name: &'static str) -> Param {
    Param::flag(Token::from_static(name))
}

fn value(name: &'static str, bits: u8) -> Param {
    Param::new(Token::from_static(name), Token::from(u64::from(bits)))
}

pub(crate) const NAME: Token = Token::from_static("permessage-deflate");

/// The window of 32 KiB, which holds where no parameter says otherwise.
pub(crate) const MAX_BITS: u8 = 15;

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

const BAD_BITS: &str = "window bits without a value from 8 to 15";
