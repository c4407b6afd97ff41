//! What this node had admitted of a subject a moment ago.
//!
//! Words of peers are as old as the way they came. To compare them with what was admitted here, one
//! has to know how much that was then.

use std::collections::VecDeque;
use std::time::Duration;

use tidegate_model::Mono;

use crate::WindowIx;

/// How far apart notes are at least, and how many are kept: together they reach back for longer
/// than words take round the world.
const APART: Duration = Duration::from_millis(15);
const NOTES: usize = 24;

/// What was admitted in the last moments; nothing of most subjects, and then it takes no memory.
#[derive(Debug, Default)]
pub(super) struct History(Option<Box<Notes>>);

/// Notes of one window, the newest last.
#[derive(Debug, Default)]
struct Notes {
    window: WindowIx,
    /// Admitted in it before the first note.
    before: u32,
    notes: VecDeque<(Mono, u32)>,
}

impl History {
    /// Notes that begin in the midst of a window, in which `before` were admitted so far.
    pub(super) fn resumed(window: WindowIx, before: u32) -> Self {
        Self(Some(Box::new(Notes {
            window,
            before,
            notes: VecDeque::new(),
        })))
    }

    /// Notes that `count` were admitted in `window` so far.
    pub(super) fn note(&mut self, now: Mono, window: WindowIx, count: u32) {
        let notes = self.0.get_or_insert_default();
        notes.note(now, window, count);
    }

    /// What had been admitted in `window` by `then`, between two notes in proportion.
    pub(super) fn at(&self, then: Mono, window: WindowIx) -> u32 {
        let notes = self.0.as_ref().filter(|notes| notes.window == window);
        notes.map_or(0, |notes| notes.at(then))
    }
}

impl Notes {
    fn note(&mut self, now: Mono, window: WindowIx, count: u32) {
        // A count that falls is another: the window was begun anew, as after a clock that went far
        // ahead and came back.
        let fell = self.notes.back().is_some_and(|(_, last)| *last > count);
        if window != self.window || fell {
            self.before = 0;
            self.window = window;
            self.notes.clear();
        }
        let last = self.notes.back();
        if last.is_some_and(|(at, _)| now.since(*at) < APART) {
            return;
        }
        if self.notes.len() == NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back((now, count));
    }

    fn at(&self, then: Mono) -> u32 {
        let mut later: Option<(Mono, u32)> = None;
        for &(at, count) in self.notes.iter().rev() {
            if at <= then {
                let Some((end, most)) = later else {
                    return count;
                };
                let part = then.since(at).as_secs_f64() / end.since(at).as_secs_f64();
                return count + (f64::from(most - count) * part) as u32;
            }
            later = Some((at, count));
        }
        self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Mono {
        Mono::from_millis(ms)
    }

    fn kept(history: &History) -> usize {
        history.0.as_ref().map_or(0, |notes| notes.notes.len())
    }

    #[test]
    fn a_moment_between_two_notes_is_reckoned_in_proportion() {
        let mut history = History::default();
        for (at, count) in [(100, 10), (105, 99), (120, 30), (140, 30)] {
            history.note(ms(at), WindowIx(7), count);
        }
        let at = |then| history.at(ms(then), WindowIx(7));
        assert_eq!(
            [at(99), at(100), at(110), at(130), at(500)],
            [0, 10, 20, 30, 30]
        );
        assert_eq!(history.at(ms(130), WindowIx(8)), 0, "another window");
    }

    #[test]
    fn notes_that_begin_in_the_midst_of_a_window_know_what_came_before() {
        let mut history = History::resumed(WindowIx(7), 40);
        history.note(ms(100), WindowIx(7), 50);
        history.note(ms(120), WindowIx(7), 60);
        let at = |then| history.at(ms(then), WindowIx(7));
        assert_eq!([at(20), at(100), at(110)], [40, 50, 55]);
    }

    #[test]
    fn a_window_that_is_begun_anew_forgets_what_was_before() {
        let mut history = History::default();
        for (at, count) in [(100, 10), (120, 90), (140, 3), (160, 5)] {
            history.note(ms(at), WindowIx(7), count);
        }
        let at = |then| history.at(ms(then), WindowIx(7));
        assert_eq!([at(130), at(150), at(160)], [0, 4, 5]);
    }

    #[test]
    fn it_reaches_back_a_third_of_a_second_and_no_further() {
        let mut history = History::default();
        for i in 0..1_000 {
            history.note(ms(i * 15), WindowIx(7), i as u32);
        }
        assert_eq!(kept(&history), NOTES);
        assert_eq!(history.at(ms(999 * 15 - 330), WindowIx(7)), 977);
        history.note(ms(20_000), WindowIx(8), 1);
        assert_eq!(kept(&history), 1, "a new window begins anew");
    }
}
