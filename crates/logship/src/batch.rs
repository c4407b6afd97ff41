//! Lines that are sent together.

use std::time::Duration;

use tidegate_model::Wall;
use tidegate_telemetry::Lines;

/// How much is sent together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// So many lines at most.
    pub lines_max: usize,
    /// So many bytes at most, as the destination counts them. A longer line goes alone.
    pub bytes_max: usize,
    /// Lines wait so long at most for others.
    pub age_max: Duration,
    /// So many batches are under way at once.
    pub in_flight_max: usize,
}

/// Lines that are sent together, in the order in which their requests ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    ends: Vec<(usize, Wall)>,
    /// What the destination counts for them.
    cost: usize,
}

impl Batch {
    /// All lines, each with its end.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) const fn count(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each line, without its end, and when its request came.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, Wall)> {
        let mut begin = 0;
        self.ends.iter().map(move |(end, at)| {
            let line = &self.bytes[begin..*end];
            begin = *end;
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            // Lines are made of texts.
            (std::str::from_utf8(line).unwrap_or_default(), *at)
        })
    }

    const fn has_room(&self, cost: usize, limits: &Limits) -> bool {
        self.is_empty()
            || (self.ends.len() < limits.lines_max && self.cost + cost <= limits.bytes_max)
    }

    fn push(&mut self, line: &[u8], at: Wall, cost: usize) {
        self.bytes.extend_from_slice(line);
        self.ends.push((self.bytes.len(), at));
        self.cost += cost;
    }
}

/// Puts lines into batches. Full ones are in `full`, in order; the last, not full, in `open`.
#[derive(Debug)]
pub(crate) struct Gather {
    limits: Limits,
    pub(crate) open: Batch,
    pub(crate) full: std::collections::VecDeque<Batch>,
}

impl Gather {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: Batch::default(),
            full: std::collections::VecDeque::new(),
        }
    }

    /// Takes lines. `cost` says what the destination counts for one, or nothing if it takes none so
    /// long. Returns how many those were.
    pub(crate) fn add(&mut self, lines: &Lines, cost: impl Fn(&[u8]) -> Option<usize>) -> u64 {
        let mut too_large = 0;
        for (line, at) in lines.each() {
            let Some(cost) = cost(line) else {
                too_large += 1;
                continue;
            };
            if !self.open.has_room(cost, &self.limits) {
                self.close();
            }
            self.open.push(line, at, cost);
        }
        if self.open.count() >= self.limits.lines_max as u64 {
            self.close();
        }
        too_large
    }

    pub(crate) const fn age_max(&self) -> Duration {
        self.limits.age_max
    }

    /// What is open counts as full.
    pub(crate) fn close(&mut self) {
        if !self.open.is_empty() {
            self.full.push_back(std::mem::take(&mut self.open));
        }
    }

    /// Lines that wait.
    pub(crate) fn waiting(&self) -> u64 {
        let full = self.full.iter().map(Batch::count);
        full.sum::<u64>() + self.open.count()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use tidegate_telemetry::Lines;

    use super::*;

    pub(crate) fn lines(texts: &[&str]) -> Lines {
        let at = Wall::from_unix_micros(1_795_357_987_000_123);
        let mut lines = Lines::default();
        for text in texts {
            lines.push(format!("{text}\n").as_bytes(), at);
        }
        lines
    }

    pub(crate) fn batch(texts: &[&str]) -> Batch {
        let mut gather = Gather::new(limits(usize::MAX, usize::MAX));
        gather.add(&lines(texts), |line| Some(line.len()));
        gather.open
    }

    const fn limits(lines_max: usize, bytes_max: usize) -> Limits {
        Limits {
            lines_max,
            bytes_max,
            age_max: Duration::from_secs(1),
            in_flight_max: 1,
        }
    }

    fn counts(gather: &Gather) -> Vec<u64> {
        gather.full.iter().map(Batch::count).collect()
    }

    #[test]
    fn a_batch_is_full_by_lines_or_by_bytes_and_none_is_lost() {
        let mut gather = Gather::new(limits(3, 1_000));
        gather.add(&lines(&["a"; 7]), |_| Some(1));
        assert_eq!((counts(&gather), gather.open.count()), (vec![3, 3], 1));
        gather.add(&lines(&["a"; 2]), |_| Some(1));
        assert_eq!((counts(&gather), gather.open.count()), (vec![3, 3, 3], 0));

        let mut gather = Gather::new(limits(100, 10));
        gather.add(&lines(&["a"; 5]), |_| Some(4));
        assert_eq!((counts(&gather), gather.waiting()), (vec![2, 2], 5));
    }

    #[test]
    fn a_long_line_goes_alone_and_one_that_nobody_takes_is_told() {
        let mut gather = Gather::new(limits(100, 10));
        let cost = |line: &[u8]| match line {
            b"long\n" => Some(99),
            b"longer\n" => None,
            _ => Some(1),
        };
        let too_large = gather.add(&lines(&["a", "long", "longer", "b"]), cost);
        gather.close();
        assert_eq!((too_large, counts(&gather)), (1, vec![1, 1, 1]));
        let texts: Vec<&str> = gather.full[1].each().map(|(line, _)| line).collect();
        assert_eq!(texts, ["long"]);
    }
}
