//! One run: two ends, the links between them, a clock, and what befalls them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bowline_frame::{CloseFrame, Role};
use bowline_proto::{Config, EndedBy, Keepalive, Timeout};
use bowline_testing::extension::RunLength;
use bowline_testing::random::Random;

use crate::Counts;
use crate::end::{End, Outcome, Said, Scene};
use crate::link::Link;
use crate::trace::Trace;

/// Everything of one run. Index 0 is the client's, 1 the server's; a link has the index of its writer.
pub(crate) struct World {
    start: Instant,
    trace: Trace,
    random: Random,
    ends: [End; 2],
    links: [Link; 2],
    said: [Said; 2],
    script: VecDeque<(Duration, Deed)>,
    /// When the last fault ends; the promised end counts from there.
    quiet_from: Duration,
    /// Nothing befalls them but what they do themselves in order.
    calm: bool,
}

/// What a run's script says.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// The program at one end calls something.
    Call(usize),
    Close(usize),
    Drop {
        who: usize,
        courteous: bool,
    },
    /// The program does something else.
    Busy(usize, Duration),
    /// The link carries nothing for this long.
    Stall(usize, Duration),
    /// The link carries nothing ever again.
    Cut(usize),
    Reset {
        takes_unread: bool,
    },
    /// The link ends although its writer didn't end it.
    HalfClose(usize),
    /// The machine slept.
    Jump(Duration),
}

impl World {
    pub(crate) fn new(seed: u64, shown: bool) -> Self {
        crate::seed_keys(seed);
        let mut random = Random::new(seed);
        let calm = random.below(4) == 0;
        let small = !calm && random.below(3) == 0;
        let extension = (random.below(6) == 0).then(|| RunLength::new(1 + random.below(255) as u8));
        let ends = [Role::Client, Role::Server]
            .map(|role| End::new(role, config(role, small, &mut random), extension));
        let links = [Link::new(&mut random), Link::new(&mut random)];
        let script = script(calm, &mut random);
        Self {
            start: Instant::now(),
            trace: Trace {
                shown,
                now: Duration::ZERO,
            },
            random,
            ends,
            links,
            said: [Said::default(), Said::default()],
            script: script.into(),
            quiet_from: Duration::ZERO,
            calm,
        }
    }

    /// Runs to the end, and adds what happened to `counts`.
    ///
    /// # Panics
    ///
    /// If a promise is broken.
    pub(crate) fn run(mut self, counts: &mut Counts) {
        loop {
            while let Some((at, deed)) = self.script.front().copied()
                && at <= self.trace.now
            {
                self.script.pop_front();
                self.befall(deed);
            }
            self.settle();
            if self.ends.iter().all(|end| end.outcome.is_some()) {
                break;
            }
            let next = self.next();
            self.trace.now = next.expect("an end waits for something that can't come");
            assert!(
                self.trace.now <= self.quiet_from + Duration::from_secs(60)
                    || !self.script.is_empty(),
                "it ends within 60 s of the last fault"
            );
        }
        self.check();
        self.count(counts);
    }

    /// Lets both ends move until neither can.
    fn settle(&mut self) {
        for _ in 0..1_000_000 {
            let moved = self.step(0) | self.step(1);
            for (writer, reader) in [(0, 1), (1, 0)] {
                if self.links[writer].take_missed() {
                    let arrives = self.trace.now + self.links[reader].delay();
                    self.reset(arrives, false);
                }
            }
            if !moved {
                return;
            }
        }
        panic!("the ends move for ever without time passing");
    }

    fn step(&mut self, who: usize) -> bool {
        self.with(who, End::step)
    }

    fn with<R>(&mut self, who: usize, act: impl FnOnce(&mut End, &mut Scene<'_>) -> R) -> R {
        let [client_link, server_link] = &mut self.links;
        let [client_said, server_said] = &mut self.said;
        let (out, input, said, heard) = match who {
            0 => (client_link, server_link, client_said, server_said),
            _ => (server_link, client_link, server_said, client_said),
        };
        let mut scene = Scene {
            start: self.start,
            out,
            input,
            said,
            heard,
            random: &mut self.random,
            trace: &self.trace,
        };
        act(&mut self.ends[who], &mut scene)
    }

    fn befall(&mut self, deed: Deed) {
        let now = self.trace.now;
        let mut until = now;
        if !matches!(deed, Deed::Call(_) | Deed::Close(_) | Deed::Drop { .. }) {
            self.trace.link(format_args!("{deed:?}"));
        }
        match deed {
            Deed::Call(who) => self.with(who, End::call),
            Deed::Close(who) => self.with(who, End::close),
            Deed::Drop { who, courteous } => {
                self.with(who, |end, scene| end.drop(courteous, scene))
            }
            Deed::Busy(who, long) => {
                until = now + long;
                self.ends[who].busy_until = until;
            }
            Deed::Stall(link, long) => {
                until = now + long;
                self.links[link].stall(until);
            }
            Deed::Cut(link) => self.links[link].stall(now + NEVER),
            Deed::Reset { takes_unread } => self.reset(now, takes_unread),
            Deed::HalfClose(link) => self.links[link].end(now),
            Deed::Jump(far) => {
                self.trace.now += far;
                until = self.trace.now;
            }
        }
        self.quiet_from = self.quiet_from.max(until);
    }

    fn reset(&mut self, arrives: Duration, takes_unread: bool) {
        for link in &mut self.links {
            link.reset(arrives, takes_unread);
        }
    }

    /// When something can happen that can't happen now.
    fn next(&self) -> Option<Duration> {
        let now = self.trace.now;
        let script = self.script.front().map(|(at, _)| *at);
        let ends = self.ends.iter().enumerate().filter_map(|(who, end)| {
            if end.outcome.is_some() {
                return None;
            }
            if end.busy_until > now {
                return Some(end.busy_until);
            }
            let arrival = self.links[1 - who].next_arrival(now);
            // A write that was refused is tried when the peer has read, which is a step of its own.
            [arrival, end.until].into_iter().flatten().min()
        });
        ends.chain(script).min()
    }

    fn check(&self) {
        let ended = self.ends.each_ref().map(|end| match &end.outcome {
            Some(Outcome::Ended(ended)) => Some(ended),
            _ => None,
        });
        let [Some(client), Some(server)] = ended else {
            return;
        };
        if self.calm {
            let timeouts = self.ends.each_ref().map(|end| &end.happened.timeout);
            let in_time =
                |timeout: &&Option<Timeout>| matches!(timeout, None | Some(Timeout::Idle { .. }));
            assert!(
                client.clean && server.clean && timeouts.iter().all(in_time),
                "nothing went wrong, but it ended: {client}; {server}; {timeouts:?}"
            );
        }
        if client.clean && server.clean {
            // Each learns the other's code, and who only answers says the same.
            let codes = [0, 1].map(|who| {
                let close = self.said[who].close.as_ref().expect("it closed");
                close
                    .as_ref()
                    .map_or(1005, |close: &CloseFrame| close.code().get())
            });
            assert_eq!([server.code(), client.code()], codes, "codes agree");
            if [client, server]
                .iter()
                .any(|ended| ended.by == EndedBy::Peer)
            {
                assert_eq!(
                    codes[0], codes[1],
                    "the answer has the code of the question"
                );
            }
        }
    }

    fn count(&self, counts: &mut Counts) {
        counts.runs += 1;
        for end in &self.ends {
            counts.messages += end.happened.delivered;
            match &end.outcome {
                Some(Outcome::Ended(ended)) if ended.clean => counts.clean += 1,
                Some(Outcome::Ended(ended)) => match ended.by {
                    EndedBy::Violation => counts.violations += 1,
                    EndedBy::Deadline => counts.deadlines += 1,
                    EndedBy::Transport => counts.lost += 1,
                    _ => counts.unanswered += 1,
                },
                _ => counts.dropped += 1,
            }
        }
    }
}

fn config(role: Role, small: bool, random: &mut Random) -> Config {
    let mut seconds = |most: usize| Duration::from_millis(100 + random.below(most * 1000) as u64);
    // Enough for what may wait before a Close or a pong on the slowest link.
    let patience = Duration::from_secs(5);
    let mut config = Config::new(role)
        .keepalive(Some(Keepalive::new(seconds(20), seconds(15) + patience)))
        .close(seconds(5) + patience)
        .write(Some(seconds(30)))
        .idle(Some(seconds(30) + patience));
    if random.below(2) == 0 {
        config.write = Some(Duration::from_millis(100 + random.below(1000) as u64));
    }
    config.soft_mark = [1024, 8 * 1024, 64 * 1024][random.below(3)];
    config.hard_mark = config.soft_mark * (1 + random.below(8));
    config.max_message = if small { 5000 } else { 512 * 1024 };
    if random.below(2) == 0 {
        config.idle = None;
    }
    config
}

fn script(calm: bool, random: &mut Random) -> Vec<(Duration, Deed)> {
    let span = [1, 100, 3000, 40_000][random.below(4)];
    let at = |random: &mut Random| Duration::from_micros(random.below(span * 1000) as u64);
    let mut script = Vec::new();
    for _ in 0..random.below(40) {
        script.push((at(random), Deed::Call(random.below(2))));
    }
    if !calm {
        for _ in 0..random.below(5) {
            script.push((at(random), fault(random)));
        }
    }
    // The later of two instants, so that most of the script comes before it.
    let first = random.below(2);
    script.push((at(random).max(at(random)), Deed::Close(first)));
    if random.below(3) == 0 {
        script.push((at(random), Deed::Close(1 - first)));
    }
    script.sort_by_key(|(at, _)| *at);
    script
}

fn fault(random: &mut Random) -> Deed {
    let who = random.below(2);
    let long = Duration::from_millis(random.below(15_000) as u64);
    let coin = random.below(2) == 0;
    match random.below(20) {
        0..5 => Deed::Stall(who, long),
        5..8 => Deed::Busy(who, long),
        8..11 => Deed::Jump(long * 3),
        11..14 => Deed::Cut(who),
        14..15 => Deed::Reset { takes_unread: coin },
        15..17 => Deed::HalfClose(who),
        _ => Deed::Drop {
            who,
            courteous: coin,
        },
    }
}

/// Longer than anyone waits.
const NEVER: Duration = Duration::from_secs(1_000_000);
