//! The open WebSocket connection (RFC 6455 sections 5 to 7) as a machine without IO
#![forbid(unsafe_code)]
