//! The WebSocket extension header grammar and the traits an extension implements (RFC 6455 section 9)
#![forbid(unsafe_code)]
