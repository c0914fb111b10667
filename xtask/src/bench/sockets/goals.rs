//! What Bowline wants to reach.

use super::cells::Cell;

/// What a cell should cost at most, as a multiple of the raw echo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::bench) struct Goal {
    pub(in crate::bench) must: f64,
    pub(in crate::bench) stretch: f64,
}

impl Goal {
    pub(in crate::bench) fn of(cell: Cell) -> Option<Self> {
        let name = cell.name();
        let (_, must, stretch) = GOALS.into_iter().find(|(cell, ..)| *cell == name)?;
        Some(Goal { must, stretch })
    }
}

/// What must be reached and what is hoped for.
const GOALS: [(&str, f64, f64); 14] = [
    ("16B-1x1", 1.10, 1.03),
    ("128B-1x1", 1.10, 1.03),
    ("128B-100x1", 1.10, 1.03),
    ("16B-100x64", 1.5, 1.2),
    ("128B-100x16", 1.2, 1.05),
    ("1KiB-100x16", 1.3, 1.15),
    ("16KiB-1x16", 1.2, 1.1),
    ("16KiB-100x1", 1.2, 1.1),
    ("256KiB-100x1", 1.5, 1.3),
    ("1MiB-1x1", 1.2, 1.1),
    ("1MiB-100x1", 1.2, 1.1),
    ("text-1KiB-100x16", 1.4, 1.2),
    ("text-16KiB-100x1", 1.2, 1.1),
    ("text-256KiB-100x1", 1.7, 1.4),
];

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;

    #[test]
    fn every_goal_is_that_of_a_cell() {
        assert_eq!(cells::chosen("goals").unwrap().len(), GOALS.len());
    }

    #[test]
    fn most_cells_have_none() {
        let cells = cells::chosen("text-256KiB-100x1,16B-100x1").unwrap();
        assert_eq!(Goal::of(cells[0]).unwrap().must, 1.7);
        assert_eq!(Goal::of(cells[1]), None);
    }
}
