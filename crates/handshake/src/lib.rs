//! The WebSocket opening handshake (RFC 6455 section 4) as machines without IO
#![forbid(unsafe_code)]
