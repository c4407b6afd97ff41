//! Where subjects are counted that have no slot of their own: a count-min sketch a limit (Cormode
//! and Muthukrishnan, 2005).
//!
//! A subject belongs to one cell in each of four rows, and every request is counted in all four. A
//! cell counts other subjects too, so each of them tells at least what the subject did, and the
//! least full of the four is nearest to the truth: a subject may be refused early, and is never
//! given back what it spent.
//!
//! A cell is a slot like any other, and to peers it is a subject of a limit of its own
//! ([`LimitId::of_cells`]). So cells are told, joined, repaired and predicted like subjects, and
//! all nodes see what any of them counted. A limit's cells are taken from memory when it first
//! needs them, and kept.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::slot::Slot;
use crate::{LimitId, SubjectKey};

/// Cells of one subject.
pub(crate) const ROWS: usize = 4;
/// Cells a row. All nodes need the same number, or their cells mean different subjects.
const COLUMNS: usize = 1_024;
/// Cells of one limit: 256 KiB.
pub(crate) const CELLS: usize = ROWS * COLUMNS;

/// The cells of all limits.
#[derive(Debug)]
pub(crate) struct Sketches {
    blocks: Vec<OnceLock<Block>>,
    /// Whether any of them was made.
    any: AtomicBool,
}

/// The cells of one limit.
#[derive(Debug)]
struct Block {
    limit: LimitId,
    slots: Box<[Slot]>,
}

impl Block {
    fn new(limit: LimitId) -> Self {
        Self {
            limit,
            slots: (0..CELLS).map(|_| Slot::default()).collect(),
        }
    }
}

/// A cell: which limit's, by its place in the table, and which of its cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    pub(crate) limit: usize,
    pub(crate) number: usize,
}

impl Sketches {
    pub(crate) fn new(limits_max: usize) -> Self {
        Self {
            blocks: (0..limits_max).map(|_| OnceLock::new()).collect(),
            any: AtomicBool::new(false),
        }
    }

    fn made(&self, limit: usize, cells: LimitId) -> &Block {
        self.blocks[limit].get_or_init(|| {
            self.any.store(true, SeqCst);
            Block::new(cells)
        })
    }

    /// Whether any limit has cells.
    pub(crate) fn any(&self) -> bool {
        self.any.load(SeqCst)
    }

    /// The slots of a subject's cells; takes memory for them if that was not done yet.
    pub(crate) fn cells(&self, limit: usize, id: LimitId, subject: SubjectKey) -> [&Slot; ROWS] {
        let block = self.made(limit, id.of_cells());
        numbers(subject).map(|number| &block.slots[number])
    }

    /// The slots of a subject's cells, if the limit has any.
    pub(crate) fn known_cells(&self, limit: usize, subject: SubjectKey) -> Option<[&Slot; ROWS]> {
        let block = self.blocks[limit].get()?;
        Some(numbers(subject).map(|number| &block.slots[number]))
    }

    /// A cell's slot. Only of cells that were found or made here.
    pub(crate) fn slot(&self, cell: Cell) -> &Slot {
        let block = self.blocks[cell.limit].get();
        &block.expect("a cell that is named was made").slots[cell.number]
    }

    /// What peers call a cell.
    pub(crate) fn key(&self, cell: Cell) -> Option<SubjectKey> {
        let block = self.blocks[cell.limit].get()?;
        Some(key(block.limit, cell.number))
    }

    /// The cell that a peer told of; takes memory for it. `None` if there is no such cell. `cells`
    /// is the limit's number as the limit of its cells.
    pub(crate) fn admit(&self, limit: usize, cells: LimitId, key: SubjectKey) -> Option<Cell> {
        let number = (key.raw() ^ cells.0).checked_sub(1)?;
        let number = usize::try_from(number).ok().filter(|n| *n < CELLS)?;
        self.made(limit, cells);
        Some(Cell { limit, number })
    }

    /// The limits that have cells.
    pub(crate) fn in_use(&self) -> impl Iterator<Item = usize> {
        let blocks = self.blocks.iter().enumerate();
        let blocks = blocks.take_while(|_| self.any());
        blocks.filter_map(|(limit, block)| block.get().map(|_| limit))
    }
}

/// The numbers of a subject's cells, one in each row. A subject is a keyed hash, so nobody outside
/// can choose to share cells with another.
pub(crate) fn numbers(subject: SubjectKey) -> [usize; ROWS] {
    let hash = xxh3_64_with_seed(&subject.raw().to_le_bytes(), 0x5ce7);
    let column = |row: usize| (hash >> (16 * row)) as usize % COLUMNS;
    std::array::from_fn(|row| row * COLUMNS + column(row))
}

fn key(cells: LimitId, number: usize) -> SubjectKey {
    SubjectKey::from_raw(cells.0 ^ (number as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_found_again_by_the_name_that_peers_hear() {
        let sketches = Sketches::new(2);
        let id = LimitId(0x1234_5678_9abc_def0);
        sketches.cells(1, id, SubjectKey::from_raw(7));
        for number in [0, 1, CELLS - 1] {
            let cell = Cell { limit: 1, number };
            let name = sketches.key(cell).expect("made above");
            assert_eq!(sketches.admit(1, id.of_cells(), name), Some(cell));
        }
        assert_eq!(
            sketches.key(Cell {
                limit: 0,
                number: 0
            }),
            None
        );
        for forged in [id.of_cells().0, id.of_cells().0 ^ (CELLS as u64 + 1), 5] {
            let key = SubjectKey::from_raw(forged);
            assert_eq!(sketches.admit(1, id.of_cells(), key), None);
        }
    }

    #[test]
    fn subjects_rarely_share_all_their_cells() {
        let cells = |n: u64| {
            let raw = xxh3_64_with_seed(&n.to_le_bytes(), 3);
            numbers(SubjectKey::from_raw(raw))
        };
        let first = cells(0);
        let shared = |n| {
            (0..ROWS)
                .filter(|row| cells(n)[*row] == first[*row])
                .count()
        };
        assert!((1..100_000).all(|n| shared(n) < ROWS));
        let once = (1..100_000).filter(|n| shared(*n) > 0).count();
        assert!((200..600).contains(&once), "{once} of about 390");
    }
}
