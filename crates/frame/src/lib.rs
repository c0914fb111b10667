//! WebSocket frames, masks, UTF-8, close codes and messages (RFC 6455 section 5), without IO
#![forbid(unsafe_code)]
