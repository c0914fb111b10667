//! Senders and receivers on threads of their own: a wake-up that is lost stops them for ever.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use bowline_io::{CloseCode, Config, Event, Memory, Role, WebSocket, corked};
use bytes::BytesMut;

use common::Fake;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Runs `f` on a thread; panics if it doesn't come to an end. The time is no limit to its speed.
fn in_the_end<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || done.send(f()));
    wait.recv_timeout(Duration::from_secs(120))
        .expect("a wake-up was lost, or a thread panicked")
}

#[test]
fn many_senders_a_receiver_and_an_echo_on_threads_of_their_own_all_come_to_an_end() {
    const SENDERS: u8 = 4;
    const EACH: u16 = 1500;
    for (round, capacity) in [1, 3, 64, 5000].into_iter().enumerate() {
        let received = in_the_end(move || {
            let (left, right) = Memory::<Fake>::pair(capacity);
            let config = Config::new(Role::Client).soft_mark(50);
            let client = WebSocket::new(Role::Client, left, &config, None, BytesMut::new());
            let config = Config::new(Role::Server).soft_mark(50);
            let mut server = WebSocket::new(Role::Server, right, &config, None, BytesMut::new());
            let echo = thread::spawn(move || {
                let echo = async {
                    while let Some(message) = server.recv().await.unwrap() {
                        server.send(message).await.unwrap();
                    }
                };
                if round.is_multiple_of(2) {
                    block_on(corked(echo));
                } else {
                    block_on(echo);
                }
            });
            let (mut receiver, sender) = client.split();
            let senders: Vec<_> = (0..SENDERS)
                .map(|who| {
                    let sender = sender.clone();
                    thread::spawn(move || {
                        block_on(async {
                            for number in 0..EACH {
                                let [high, low] = number.to_be_bytes();
                                let message = vec![who, high, low];
                                match number % 4 {
                                    0 => sender.feed(message).await.unwrap(),
                                    1 => corked(sender.send(message)).await.unwrap(),
                                    _ => sender.send(message).await.unwrap(),
                                }
                                if number.is_multiple_of(64) {
                                    sender.ping([who]).await.unwrap();
                                }
                            }
                            sender.flush().await.unwrap();
                        });
                    })
                })
                .collect();
            let receiving = thread::spawn(move || {
                block_on(async {
                    let mut next = [0; SENDERS as usize];
                    while let Some(event) = receiver.recv_event().await.unwrap() {
                        let Event::Message(message) = event else {
                            continue;
                        };
                        let [who, high, low] = message.as_bytes()[..] else {
                            panic!("{message:?}");
                        };
                        let next = &mut next[usize::from(who)];
                        assert_eq!(u16::from_be_bytes([high, low]), *next);
                        *next += 1;
                    }
                    next
                })
            });
            for sender in senders {
                sender.join().unwrap();
            }
            // The Close is behind all messages; their echoes come before its answer.
            block_on(sender.close(CloseCode::NORMAL)).unwrap();
            let received = receiving.join().unwrap();
            echo.join().unwrap();
            received
        });
        assert_eq!(received, [EACH; SENDERS as usize], "{capacity}");
    }
}

#[test]
fn closing_while_others_wait_for_room_lets_everybody_go() {
    for _ in 0..200 {
        in_the_end(|| {
            let (left, right) = Memory::<Fake>::pair(4);
            let config = Config::new(Role::Client).soft_mark(10);
            let client = WebSocket::new(Role::Client, left, &config, None, BytesMut::new());
            let (receiver, sender) = client.split();
            let waiting: Vec<_> = (0..3)
                .map(|_| {
                    let sender = sender.clone();
                    thread::spawn(move || {
                        block_on(async { while sender.send("x").await.is_ok() {} })
                    })
                })
                .collect();
            thread::yield_now();
            // Dropped, taken apart, or lost: whoever waits is told.
            drop(receiver);
            for waiting in waiting {
                waiting.join().unwrap();
            }
            drop(right);
        });
    }
}
