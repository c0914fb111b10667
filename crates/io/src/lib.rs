//! The asynchronous WebSocket shell: connect, accept, send and receive over any transport and runtime
#![forbid(unsafe_code)]
