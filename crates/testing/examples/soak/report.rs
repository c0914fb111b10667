use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::{Value, json};

use crate::connection::Counts;
use crate::judge::Growth;
use crate::process::Holdings;

/// Prints how it goes: lines of a table, or of JSON.
pub(crate) struct Report {
    pub(crate) json: bool,
}

impl Report {
    pub(crate) fn begin(&self) {
        if !self.json {
            println!(
                "{:>6} {:>6} {:>10} {:>8} {:>7} {:>5} {:>7} {:>6}   {:>11} {:>11}   {:>11} {:>11}",
                "second",
                "open",
                "messages",
                "MiB",
                "killed",
                "lost",
                "altered",
                "broken",
                "server MiB",
                "descriptors",
                "client MiB",
                "descriptors",
            );
        }
    }

    pub(crate) fn progress(
        &self,
        elapsed: Duration,
        counts: &Counts,
        server: Holdings,
        client: Holdings,
    ) {
        if self.json {
            let mut line = numbers(counts);
            line["kind"] = json!("progress");
            line["second"] = json!(elapsed.as_secs());
            line["server"] = holdings(server);
            line["client"] = holdings(client);
            println!("{line}");
            return;
        }
        println!(
            "{:>6} {:>6} {:>10} {:>8} {:>7} {:>5} {:>7} {:>6}   {:>11.1} {:>11}   {:>11.1} {:>11}",
            elapsed.as_secs(),
            counts.open.load(Relaxed),
            counts.messages.load(Relaxed),
            counts.bytes.load(Relaxed) >> 20,
            counts.killed.load(Relaxed),
            counts.lost.load(Relaxed),
            counts.altered.load(Relaxed),
            counts.broken.load(Relaxed),
            mebibytes(server.resident),
            server.descriptors,
            mebibytes(client.resident),
            client.descriptors,
        );
    }

    pub(crate) fn end(&self, counts: &Counts, server: Growth, client: Growth, faults: &[String]) {
        if self.json {
            let mut line = numbers(counts);
            line["kind"] = json!("end");
            line["server"] = growth(server);
            line["client"] = growth(client);
            line["faults"] = json!(faults);
            println!("{line}");
            return;
        }
        for (who, growth) in [("server", server), ("client", client)] {
            println!(
                "{who}: {} descriptors before, {} warm, {} at the end of the load, {} after it; \
                 {:.1}, {:.1}, {:.1} and {:.1} MiB",
                growth.start.descriptors,
                growth.warm.descriptors,
                growth.end.descriptors,
                growth.idle.descriptors,
                mebibytes(growth.start.resident),
                mebibytes(growth.warm.resident),
                mebibytes(growth.end.resident),
                mebibytes(growth.idle.resident),
            );
        }
        for fault in faults {
            println!("FAULT: {fault}");
        }
        println!(
            "{} messages came back, {} MiB; {} connections killed with {} messages under way; {} lost, {} altered",
            counts.messages.load(Relaxed),
            counts.bytes.load(Relaxed) >> 20,
            counts.killed.load(Relaxed),
            counts.cut.load(Relaxed),
            counts.lost.load(Relaxed),
            counts.altered.load(Relaxed),
        );
    }
}

fn numbers(counts: &Counts) -> Value {
    json!({
        "open": counts.open.load(Relaxed),
        "messages": counts.messages.load(Relaxed),
        "bytes": counts.bytes.load(Relaxed),
        "killed": counts.killed.load(Relaxed),
        "cut": counts.cut.load(Relaxed),
        "lost": counts.lost.load(Relaxed),
        "altered": counts.altered.load(Relaxed),
        "broken": counts.broken.load(Relaxed),
    })
}

fn growth(growth: Growth) -> Value {
    json!({
        "start": holdings(growth.start),
        "warm": holdings(growth.warm),
        "end": holdings(growth.end),
        "idle": holdings(growth.idle),
    })
}

fn holdings(holdings: Holdings) -> Value {
    json!({ "resident_kib": holdings.resident, "descriptors": holdings.descriptors })
}

fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}
