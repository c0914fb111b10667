//! Senders and receivers on threads of their own: a wake-up that is lost stops them for ever.

mod common;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use bowline_io::{CloseCode, Config, Error, Event, Memory, Role, WebSocket, corked};
use bowline_testing::wire::{FIN, TEXT, frame, whole_frames};
use bytes::BytesMut;

use common::{Executor, Fake, Socket, advance, open, poll_once};

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

type Futures = Vec<Pin<Box<dyn Future<Output = Result<(), Error>>>>>;

/// Polls all of them whenever the task is polled, in this order.
async fn together(mut futures: Futures) {
    poll_fn(|cx| {
        futures.retain_mut(|future| match future.as_mut().poll(cx) {
            Poll::Ready(result) => {
                result.unwrap();
                false
            }
            Poll::Pending => true,
        });
        if futures.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[test]
fn futures_that_share_a_task_and_its_waker_all_come_to_an_end() {
    for stutter in [false, true] {
        for cork in [false, true] {
            let config = Config::new(Role::Server).soft_mark(10);
            let (script, socket) = open(Role::Server, &config);
            if stutter {
                script.stutter();
            } else {
                script.state().room = 0;
            }
            let (mut receiver, sender) = socket.split();
            let mut futures: Futures = Vec::new();
            for number in 0..6_u8 {
                let sender = sender.clone();
                futures.push(Box::pin(async move {
                    match number % 3 {
                        0 => sender.feed(vec![number; 20]).await?,
                        1 => sender.send(vec![number; 20]).await?,
                        _ => sender.ping([number; 20]).await?,
                    }
                    sender.flush().await
                }));
            }
            let receiving = async move {
                let message = receiver.recv().await?;
                assert_eq!(message, Some("hello".into()));
                // Kept: dropping it would end the connection.
                std::mem::forget(receiver);
                Ok(())
            };
            futures.insert(3, Box::pin(receiving));
            let mut executor = Executor::new();
            let task = if cork {
                executor.spawn(corked(together(futures)))
            } else {
                executor.spawn(together(futures))
            };
            executor.run();
            for _ in 0..if stutter { 0 } else { 200 } {
                script.room(1);
                executor.run();
            }
            script.send(frame(Role::Server, TEXT | FIN, "hello"));
            executor.run();
            assert!(task.is_done(), "stutter {stutter}, cork {cork}");
            assert_eq!(whole_frames(&script.output()).len(), 6);
        }
    }
}

#[derive(Default)]
struct Noted(AtomicBool);

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The ping of the keepalive is due after 20 s. Whoever waits then is woken, whoever waited first.
#[test]
fn a_timer_wakes_the_task_that_waits_now() {
    for busy in [false, true] {
        for polls in [1, 2] {
            let (_script, mut socket) = open(Role::Server, &Config::new(Role::Server));
            let [first, second] = [Arc::new(Noted::default()), Arc::new(Noted::default())];
            poll_recv(&mut socket, &first);
            if busy {
                assert!(poll_once(pin!(socket.feed("seen to before it waits"))).is_ready());
            }
            for _ in 0..polls {
                poll_recv(&mut socket, &second);
            }
            advance(Duration::from_secs(20));
            assert!(second.0.load(Ordering::SeqCst), "busy: {busy}, {polls}");
        }
    }
}

fn poll_recv(socket: &mut Socket, task: &Arc<Noted>) {
    let waker = Waker::from(Arc::clone(task));
    let received = pin!(socket.recv()).poll(&mut Context::from_waker(&waker));
    assert!(received.is_pending());
}
