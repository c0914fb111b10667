//! What is sent: the kind and length of messages, on how many connections, how many in flight.

use super::goals::Goal;
use crate::Result;

/// A row of the tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::bench) struct Cell {
    pub(in crate::bench) kind: Kind,
    /// Length of a message in bytes, before it is compressed.
    pub(in crate::bench) size: usize,
    pub(in crate::bench) connections: usize,
    /// Messages in flight on each connection.
    pub(in crate::bench) depth: usize,
}

/// What messages consist of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::bench) enum Kind {
    Binary,
    /// Text of which most characters take several bytes.
    Text,
    /// JSON text, compressed.
    Deflate,
}

impl Cell {
    /// As `--cells` and JSON have it.
    pub(in crate::bench) fn name(self) -> String {
        let kind = match self.kind {
            Kind::Binary => "",
            Kind::Text => "text-",
            Kind::Deflate => "deflate-",
        };
        let size = size(self.size).replace(' ', "");
        format!("{kind}{size}-{}x{}", self.connections, self.depth)
    }

    /// As a person reads it.
    pub(in crate::bench) fn title(self) -> String {
        let kind = match self.kind {
            Kind::Binary => "",
            Kind::Text => ", multi-byte text",
            Kind::Deflate => ", compressed JSON",
        };
        let size = size(self.size);
        format!("{size}, {} × {}{kind}", self.connections, self.depth)
    }

    /// Whether what the kernel does for one message is nearly all, so that only many rounds tell servers apart.
    pub(in crate::bench) fn is_alone(self) -> bool {
        self.connections * self.depth == 1 && self.size <= 1024
    }

    /// How many messages tell what system calls they take, if that is of interest.
    pub(in crate::bench) fn calls(self) -> Option<u32> {
        match self.name().as_str() {
            "128B-1x1" => Some(1000),
            "1KiB-100x16" => Some(16_000),
            "1MiB-1x1" => Some(100),
            _ => None,
        }
    }

    /// How many times as long as others it has to be measured.
    pub(in crate::bench) fn patience(self) -> f64 {
        match self.size * self.connections {
            0..10_000_000 => 1.0,
            10_000_000..50_000_000 => 1.5,
            _ => 3.0,
        }
    }
}

/// The cells that a list names, each once.
pub(in crate::bench) fn chosen(list: &str) -> Result<Vec<Cell>> {
    let all = all();
    let mut chosen = Vec::new();
    for name in list.split(',') {
        let cells: Vec<_> = all
            .iter()
            .copied()
            .filter(|cell| match name {
                "all" => true,
                "goals" => Goal::of(*cell).is_some(),
                "page" => Goal::of(*cell).is_some() || COMPRESSED.contains(&cell.name().as_str()),
                "default" => DEFAULT.contains(&cell.name().as_str()),
                name => cell.name() == name,
            })
            .collect();
        if cells.is_empty() {
            let names: Vec<_> = all.iter().map(|cell| cell.name()).collect();
            return Err(
                format!("no cell is called `{name}`; there are {}", names.join(", ")).into(),
            );
        }
        for cell in cells {
            if !chosen.contains(&cell) {
                chosen.push(cell);
            }
        }
    }
    Ok(chosen)
}

/// The cell with this name.
pub(in crate::bench) fn named(name: &str) -> Result<Cell> {
    let found = all().into_iter().find(|cell| cell.name() == name);
    Ok(found.ok_or_else(|| format!("no cell is called `{name}`"))?)
}

/// All of them. What is in flight at a time stays below 256 MiB, or it is the kernel's buffers that are measured.
fn all() -> Vec<Cell> {
    let sizes = [16, 128, 1 << 10, 16 << 10, 256 << 10, 1 << 20];
    let mut all = Vec::new();
    for kind in [Kind::Binary, Kind::Text, Kind::Deflate] {
        for size in sizes {
            for connections in [1, 100] {
                for depth in [1, 16, 64] {
                    let cell = Cell {
                        kind,
                        size,
                        connections,
                        depth,
                    };
                    // Nobody compresses what is that short.
                    let short = kind == Kind::Deflate && size < 128;
                    if size * connections * depth < 256 << 20 && !short {
                        all.push(cell);
                    }
                }
            }
        }
    }
    all
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// Eight that tell most, in less than three minutes.
const DEFAULT: [&str; 8] = [
    "16B-1x1",
    "16B-100x64",
    "128B-100x1",
    "1KiB-100x16",
    "16KiB-100x1",
    "1MiB-1x1",
    "text-1KiB-100x16",
    "deflate-1KiB-100x16",
];

/// Those with compression that the documentation shows.
const COMPRESSED: [&str; 3] = [
    "deflate-128B-100x16",
    "deflate-1KiB-100x16",
    "deflate-16KiB-100x1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_cells_that_exist() {
        assert_eq!(chosen("default").unwrap().len(), DEFAULT.len());
        let goals = chosen("goals").unwrap().len();
        let page = chosen("page").unwrap().len();
        assert_eq!(page, goals + COMPRESSED.len());
        assert_eq!(chosen("16B-1x1,goals,16B-1x1").unwrap().len(), goals);
        assert!(chosen("17B-1x1").is_err());
    }

    #[test]
    fn a_cell_has_a_name_and_a_title() {
        let cell = chosen("text-256KiB-100x1").unwrap()[0];
        assert_eq!(cell.title(), "256 KiB, 100 × 1, multi-byte text");
    }
}
