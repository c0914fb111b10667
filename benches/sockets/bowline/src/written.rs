use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bowline_tokio::{Stream, StreamReader, StreamWriter, Timer, Transport};

/// A stream on which nobody promises anything: each `send` outside of a scope writes.
pub struct Written(pub Stream);

/// Its timer.
pub struct Unpromised(Timer);

impl Transport for Written {
    type Reader = StreamReader;
    type Writer = StreamWriter;
    type Timer = Unpromised;

    fn divide(self) -> (StreamReader, StreamWriter) {
        self.0.divide()
    }
}

impl bowline_io::Timer for Unpromised {
    fn now() -> Instant {
        Timer::now()
    }

    fn at(deadline: Instant) -> Self {
        Self(Timer::at(deadline))
    }

    fn reset(&mut self, deadline: Instant) {
        self.0.reset(deadline);
    }
}

impl Future for Unpromised {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}
