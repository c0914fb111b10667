use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bowline_io::{PollRead, PollWrite, Transport};

use super::Fake;

/// The other end of a [`Scripted`] transport: what the peer and the network do.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<State>>);

/// A transport that does what a script says, and counts.
pub(crate) struct Scripted(Script);

/// What comes next from the peer. When there is nothing, reading waits.
pub(crate) enum Input {
    /// Bytes; one read doesn't go beyond them.
    Bytes(Vec<u8>),
    /// Bytes that are made when they are read; 0 ends them.
    Make(Fill),
    /// The end of the transport.
    End,
    /// The transport fails.
    Error(ErrorKind),
    /// A read that claims a byte more than the buffer has.
    Overclaim,
}

/// Fills a buffer and gives how much.
pub(crate) type Fill = Box<dyn FnMut(&mut [u8]) -> usize + Send>;

/// What happens when the byte at some position is to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Error(ErrorKind),
    /// A write of no byte.
    Zero,
    /// Claims one byte more than it was given.
    Overclaim,
    /// A panic.
    Panic,
}

/// The state of both directions; fields are set by tests.
pub(crate) struct State {
    pub(crate) input: VecDeque<Input>,
    /// Bytes that a read gives at most.
    pub(crate) read_max: usize,
    /// Bytes that a write takes at most.
    pub(crate) write_max: usize,
    /// Every other call is pending, and wakes at once.
    pub(crate) stutter: bool,
    /// Bytes that may be written before the transport is full.
    pub(crate) room: usize,
    pub(crate) fault: Option<(usize, Fault)>,
    pub(crate) vectored: bool,
    /// Written bytes reach the peer only with a flush.
    pub(crate) holding: bool,
    /// A flush waits until this is taken back.
    pub(crate) flush_blocked: bool,
    /// A flush fails.
    pub(crate) flush_fault: Option<ErrorKind>,

    /// What has reached the peer.
    pub(crate) output: Vec<u8>,
    pub(crate) held: Vec<u8>,
    /// Reads that gave bytes.
    pub(crate) reads: usize,
    /// The room that each of them had.
    pub(crate) rooms: Vec<usize>,
    /// Calls that read, whatever they gave.
    pub(crate) read_calls: usize,
    pub(crate) bytes_read: usize,
    /// The length of each write that took bytes.
    pub(crate) writes: Vec<usize>,
    /// Runs in the largest vectored write.
    pub(crate) runs: usize,
    pub(crate) shut_down: bool,
    /// Bytes that had reached the peer when it was shut down.
    pub(crate) output_at_shutdown: usize,
    pub(crate) reader_dropped: bool,
    pub(crate) writer_dropped: bool,

    taken: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    reader_stutters: bool,
    writer_stutters: bool,
}

impl Script {
    pub(crate) fn new() -> (Self, Scripted) {
        let script = Self(Arc::new(Mutex::new(State {
            input: VecDeque::new(),
            read_max: usize::MAX,
            write_max: usize::MAX,
            stutter: false,
            room: usize::MAX,
            fault: None,
            vectored: true,
            holding: false,
            flush_blocked: false,
            flush_fault: None,
            output: Vec::new(),
            held: Vec::new(),
            reads: 0,
            rooms: Vec::new(),
            read_calls: 0,
            bytes_read: 0,
            writes: Vec::new(),
            runs: 0,
            shut_down: false,
            output_at_shutdown: 0,
            reader_dropped: false,
            writer_dropped: false,
            taken: 0,
            reader: None,
            writer: None,
            reader_stutters: false,
            writer_stutters: false,
        })));
        (script.clone(), Scripted(script))
    }

    /// The state, locked until the end of the statement.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the peer send `bytes`, in one segment.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) {
        self.push(Input::Bytes(bytes.as_ref().to_vec()));
    }

    /// Lets the peer end its direction.
    pub(crate) fn end(&self) {
        self.push(Input::End);
    }

    pub(crate) fn push(&self, input: Input) {
        let waker = {
            let mut state = self.state();
            state.input.push_back(input);
            state.reader.take()
        };
        wake(waker);
    }

    /// Every call is pending first, and bytes move one at a time.
    pub(crate) fn stutter(&self) {
        let mut state = self.state();
        state.stutter = true;
        state.read_max = 1;
        state.write_max = 1;
    }

    /// Sets how many more bytes the transport takes.
    pub(crate) fn room(&self, bytes: usize) {
        let waker = {
            let mut state = self.state();
            state.room = bytes;
            state.writer.take()
        };
        wake(waker);
    }

    /// What reached the peer so far.
    pub(crate) fn output(&self) -> Vec<u8> {
        self.state().output.clone()
    }

    /// What reached the peer since the last call.
    pub(crate) fn take_output(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().output)
    }

    /// Number of writes so far.
    pub(crate) fn writes(&self) -> usize {
        self.state().writes.len()
    }
}

impl Transport for Scripted {
    type Reader = ScriptReader;
    type Writer = ScriptWriter;
    type Timer = Fake;

    fn divide(self) -> (ScriptReader, ScriptWriter) {
        (ScriptReader(self.0.clone()), ScriptWriter(self.0))
    }
}

pub(crate) struct ScriptReader(Script);

pub(crate) struct ScriptWriter(Script);

impl PollRead for ScriptReader {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        assert!(!buffer.is_empty(), "nothing to read into");
        let mut state = self.0.state();
        let state = &mut *state;
        state.read_calls += 1;
        if state.stutter {
            state.reader_stutters = !state.reader_stutters;
            if state.reader_stutters {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let whole = buffer.len();
        let room = whole.min(state.read_max);
        let buffer = &mut buffer[..room];
        let count = loop {
            match state.input.front_mut() {
                None => {
                    state.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Some(Input::End) => return Poll::Ready(Ok(0)),
                Some(Input::Error(kind)) => return Poll::Ready(Err((*kind).into())),
                Some(Input::Overclaim) => break room + 1,
                Some(Input::Make(make)) => {
                    let count = make(buffer);
                    if count > 0 {
                        break count;
                    }
                }
                Some(Input::Bytes(bytes)) => {
                    let count = bytes.len().min(room);
                    if count > 0 {
                        buffer[..count].copy_from_slice(&bytes[..count]);
                        bytes.drain(..count);
                        break count;
                    }
                }
            }
            state.input.pop_front();
        };
        state.reads += 1;
        state.rooms.push(whole);
        state.bytes_read += count;
        Poll::Ready(Ok(count))
    }
}

impl ScriptWriter {
    fn write(&mut self, cx: &mut Context<'_>, runs: &[&[u8]]) -> Poll<io::Result<usize>> {
        let mut state = self.0.state();
        let state = &mut *state;
        assert!(!runs.is_empty() && runs.iter().all(|run| !run.is_empty()));
        if state.stutters(cx) {
            return Poll::Pending;
        }
        let given: usize = runs.iter().map(|run| run.len()).sum();
        let mut count = given.min(state.write_max);
        if let Some((at, fault)) = state.fault {
            if state.taken >= at {
                return match fault {
                    Fault::Error(kind) => Poll::Ready(Err(kind.into())),
                    Fault::Zero => Poll::Ready(Ok(0)),
                    Fault::Overclaim => Poll::Ready(Ok(given + 1)),
                    Fault::Panic => panic!("the transport panics"),
                };
            }
            count = count.min(at - state.taken);
        }
        if state.room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        count = count.min(state.room);
        state.room -= if state.room == usize::MAX { 0 } else { count };
        let bytes = runs.concat();
        let to = if state.holding {
            &mut state.held
        } else {
            &mut state.output
        };
        to.extend_from_slice(&bytes[..count]);
        state.taken += count;
        state.writes.push(count);
        state.runs = state.runs.max(runs.len());
        Poll::Ready(Ok(count))
    }
}

impl PollWrite for ScriptWriter {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, &[bytes])
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let runs: Vec<&[u8]> = runs.iter().map(|run| &**run).collect();
        self.write(cx, &runs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.state().vectored
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        if state.stutters(cx) {
            return Poll::Pending;
        }
        if state.flush_blocked {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(kind) = state.flush_fault {
            return Poll::Ready(Err(kind.into()));
        }
        let held = std::mem::take(&mut state.held);
        state.output.extend(held);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        if state.stutters(cx) {
            return Poll::Pending;
        }
        assert!(!state.shut_down, "shut down twice");
        state.shut_down = true;
        state.output_at_shutdown = state.output.len();
        Poll::Ready(Ok(()))
    }
}

impl State {
    fn stutters(&mut self, cx: &Context<'_>) -> bool {
        if self.stutter {
            self.writer_stutters = !self.writer_stutters;
            if self.writer_stutters {
                cx.waker().wake_by_ref();
                return true;
            }
        }
        false
    }
}

impl Drop for ScriptReader {
    fn drop(&mut self) {
        self.0.state().reader_dropped = true;
    }
}

impl Drop for ScriptWriter {
    fn drop(&mut self) {
        self.0.state().writer_dropped = true;
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
