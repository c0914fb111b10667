//! fastwebsockets, in the loop that its examples have; it writes each frame at once, and knows no other way.
#![forbid(unsafe_code)]

use bench_sockets_harness::{serve, upgrade};
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};

fn main() {
    serve(|mut stream, _| async move {
        upgrade(&mut stream, None).await?;
        let mut ws = FragmentCollector::new(WebSocket::after_handshake(stream, Role::Server));
        loop {
            let frame = ws.read_frame().await?;
            match frame.opcode {
                OpCode::Close => return Ok(()),
                OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
                _ => {}
            }
        }
    });
}
