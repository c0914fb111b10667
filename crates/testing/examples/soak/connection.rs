use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bowline_testing::random::Random;
use bowline_tokio::{
    CloseCode, Config, Connector, Message, Receiver, Role, Sender, Stream, WebSocket,
};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time;

use crate::message::{Print, compose};

/// What all connections have come to.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) open: AtomicU64,
    /// Messages whose echo came back as they were.
    pub(crate) messages: AtomicU64,
    /// Bytes in them.
    pub(crate) bytes: AtomicU64,
    pub(crate) killed: AtomicU64,
    /// Messages that were under way on a connection when we killed it: nobody promised them.
    pub(crate) cut: AtomicU64,
    /// Messages without an echo on connections that we didn't kill.
    pub(crate) lost: AtomicU64,
    pub(crate) altered: AtomicU64,
    /// Connections that could not be opened, ended by themselves, or did not close in order when we asked.
    pub(crate) broken: AtomicU64,
}

/// What a task needs to keep its place busy.
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) random: Random,
    pub(crate) counts: Arc<Counts>,
    /// How many may be in the opening handshake at once.
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) kills: mpsc::Receiver<()>,
    /// True when no more is to be sent.
    pub(crate) stop: watch::Receiver<bool>,
}

/// How a connection ends when its time has come.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// An orderly closing handshake.
    Close,
    /// The value is dropped: a Close frame is offered, then TCP ends.
    Drop,
    /// TCP ends, with or without a reset, in the middle of whatever is under way.
    Cut,
    /// TCP is reset.
    Reset,
}

enum End {
    Killed,
    /// All that was sent has come back, and no more was to be sent.
    Drained,
    Lost(String),
    Altered(String),
}

impl Place {
    /// Opens one connection after the other, until it is time to stop.
    pub(crate) async fn keep_busy(mut self) {
        while !*self.stop.borrow() {
            let fate = Fate::draw(&mut self.random);
            match self.open(fate).await {
                Ok(ws) => {
                    self.counts.open.fetch_add(1, Relaxed);
                    self.live(ws, fate).await;
                    self.counts.open.fetch_sub(1, Relaxed);
                }
                Err(error) => {
                    self.broken(&format!("could not be opened: {error}"));
                    time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn open(&self, fate: Fate) -> Result<WebSocket, Box<dyn Error + Send + Sync>> {
        let _turn = self.gate.acquire().await?;
        let stream = TcpStream::connect(self.address).await?;
        if let Fate::Reset = fate {
            stream.set_zero_linger()?;
        }
        let connector = Connector::new()
            .handshake_timeout(PATIENCE)
            .config(Config::new(Role::Client).close(PATIENCE));
        let target = format!("ws://{}/echo", self.address);
        let (ws, _) = connector
            .connect_on(Stream::from(stream), target.as_str())
            .await?;
        Ok(ws)
    }

    async fn live(&mut self, mut ws: WebSocket, fate: Fate) {
        let awaited = Awaited::default();
        let end = {
            let (receiver, sender) = ws.halves();
            tokio::select! {
                _ = self.kills.recv() => End::Killed,
                end = speak(sender, &awaited, &mut self.random, &self.stop) => end,
                end = listen(receiver, &awaited, &self.counts) => end,
            }
        };
        match end {
            End::Killed => {
                self.begin_another(&ws, &awaited).await;
                self.counts.killed.fetch_add(1, Relaxed);
                self.counts.cut.fetch_add(awaited.len(), Relaxed);
                self.end(ws, fate).await;
            }
            End::Drained => self.end(ws, fate).await,
            End::Lost(how) => {
                self.counts.lost.fetch_add(awaited.len(), Relaxed);
                self.broken(&format!("{how}, {} messages under way", awaited.len()));
            }
            End::Altered(how) => {
                self.counts.altered.fetch_add(1, Relaxed);
                eprintln!("soak: {how}");
            }
        }
    }

    /// Mostly nothing is under way when the kill comes; in half the cases a large message is to be.
    async fn begin_another(&mut self, ws: &WebSocket, awaited: &Awaited) {
        if self.random.below(2) == 0 {
            return;
        }
        let message = Message::Binary(vec![0; LARGE].into());
        awaited.push(Print::of(&message));
        let sending = time::timeout(Duration::from_millis(1), ws.send(message));
        // Whether it got through doesn't matter any more.
        let _ = sending.await;
    }

    async fn end(&self, mut ws: WebSocket, fate: Fate) {
        match fate {
            Fate::Close => {
                if let Err(error) = ws.close(CloseCode::NORMAL).await {
                    self.broken(&format!("did not close in order: {error}"));
                }
            }
            Fate::Drop => drop(ws),
            // The parts know nothing of each other, so none says goodbye.
            Fate::Cut | Fate::Reset => drop(ws.into_parts()),
        }
    }

    fn broken(&self, how: &str) {
        self.counts.broken.fetch_add(1, Relaxed);
        eprintln!("soak: a connection {how}");
    }
}

impl Fate {
    fn draw(random: &mut Random) -> Self {
        [Self::Close, Self::Drop, Self::Cut, Self::Reset][random.below(4)]
    }
}

/// Prints of the messages whose echo is still to come, in order.
#[derive(Default)]
struct Awaited(Mutex<VecDeque<Print>>);

impl Awaited {
    fn push(&self, print: Print) {
        self.with(|prints| prints.push_back(print));
    }

    fn next(&self) -> Option<Print> {
        self.with(|prints| prints.front().copied())
    }

    fn pop(&self) {
        self.with(VecDeque::pop_front);
    }

    fn holds(&self, print: Print) -> bool {
        self.with(|prints| prints.contains(&print))
    }

    fn len(&self) -> u64 {
        self.with(|prints| prints.len()) as u64
    }

    fn with<R>(&self, change: impl FnOnce(&mut VecDeque<Print>) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Sends messages in bursts; returns when told to stop and all echoes have come.
async fn speak(
    sender: &Sender,
    awaited: &Awaited,
    random: &mut Random,
    stop: &watch::Receiver<bool>,
) -> End {
    let mut number = 0;
    while !*stop.borrow() {
        for _ in 0..=random.below(6) {
            let message = compose(random, number);
            number += 1;
            awaited.push(Print::of(&message));
            if let Err(error) = sender.send(message).await {
                return End::Lost(format!("failed while sending: {error}"));
            }
        }
        let pause = Duration::from_millis(random.below(2_000) as u64);
        time::sleep(pause).await;
    }
    while awaited.len() > 0 {
        time::sleep(Duration::from_millis(20)).await;
    }
    End::Drained
}

/// Compares each echo with what was sent; returns at the first that is not what it should be.
async fn listen(receiver: &mut Receiver, awaited: &Awaited, counts: &Counts) -> End {
    loop {
        let received = match time::timeout(PATIENCE, receiver.recv()).await {
            Ok(Ok(Some(message))) => Print::of(&message),
            Ok(Ok(None)) => return End::Lost("was closed by the server".into()),
            Ok(Err(error)) => return End::Lost(format!("failed: {error}")),
            Err(_) => return End::Lost(format!("brought nothing for {PATIENCE:?}")),
        };
        match awaited.next() {
            Some(sent) if sent == received => {
                awaited.pop();
                counts.messages.fetch_add(1, Relaxed);
                counts.bytes.fetch_add(received.len() as u64, Relaxed);
            }
            Some(sent) if awaited.holds(received) => {
                return End::Lost(format!("left out the echo of {sent:x?}"));
            }
            Some(sent) => {
                return End::Altered(format!("sent {sent:x?}, received {received:x?}"));
            }
            None => return End::Altered(format!("sent nothing, received {received:x?}")),
        }
    }
}

/// How long an echo, an opening or a closing handshake may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes that no socket takes at once.
const LARGE: usize = 4 << 20;
