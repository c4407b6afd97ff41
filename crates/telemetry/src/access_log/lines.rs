//! Lines on their way to a destination.

use tidegate_model::Wall;

/// Lines on their way to a destination.
#[derive(Debug, Default)]
pub struct Lines {
    pub(super) bytes: Vec<u8>,
    /// Where each line ends, and when its request came.
    pub(super) ends: Vec<(u32, Wall)>,
}

impl Lines {
    /// Adds a line, its end included.
    pub fn push(&mut self, line: &[u8], at: Wall) {
        self.bytes.extend_from_slice(line);
        self.ends.push((self.bytes.len() as u32, at));
    }

    /// All of them, each with its end.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.ends.len()
    }

    /// Each line, its end included, and when its request came.
    pub fn each(&self) -> impl Iterator<Item = (&[u8], Wall)> {
        let mut begin = 0;
        self.ends.iter().map(move |(end, at)| {
            let line = &self.bytes[begin..*end as usize];
            begin = *end as usize;
            (line, *at)
        })
    }
}
