//! Whether Redis is worth asking. Pure: it is told what came of commands.

/// So many failures in a row, and it is down.
const IN_A_ROW: u32 = 3;
/// Or so many within an interval, if they are a tenth of its commands.
const IN_AN_INTERVAL: u32 = 5;
const A_TENTH: u32 = 10;

/// Whether Redis is worth asking.
#[derive(Debug, Default)]
pub(crate) struct Health {
    up: bool,
    in_a_row: u32,
    commands: u32,
    failures: u32,
}

impl Health {
    pub(crate) const fn is_up(&self) -> bool {
        self.up
    }

    /// A command was answered.
    pub(crate) const fn answered(&mut self) {
        self.in_a_row = 0;
        self.commands = self.commands.saturating_add(1);
    }

    /// A command failed or was late. Returns whether Redis is down from now on, and was not before.
    pub(crate) const fn failed(&mut self) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.commands = self.commands.saturating_add(1);
        self.failures = self.failures.saturating_add(1);
        let often = self.failures >= IN_AN_INTERVAL
            && self.failures.saturating_mul(A_TENTH) >= self.commands;
        let down = self.up && (self.in_a_row >= IN_A_ROW || often);
        if down {
            self.up = false;
        }
        down
    }

    /// An interval begins.
    pub(crate) const fn interval(&mut self) {
        self.commands = 0;
        self.failures = 0;
    }

    /// New connections work.
    pub(crate) fn recovered(&mut self) {
        *self = Self {
            up: true,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up() -> Health {
        let mut health = Health::default();
        health.recovered();
        health
    }

    #[test]
    fn nothing_is_asked_before_a_connection_works() {
        assert!(!Health::default().is_up());
        assert!(up().is_up());
    }

    #[test]
    fn three_failures_in_a_row_are_enough_and_told_once() {
        let mut health = up();
        assert_eq!(
            [(); 4].map(|()| health.failed()),
            [false, false, true, false]
        );
        assert!(!health.is_up());
    }

    #[test]
    fn a_tenth_of_an_interval_is_enough_too() {
        let mut health = up();
        let mut commands = 0;
        while health.is_up() {
            commands += 1;
            match commands % 10 {
                0 => drop(health.failed()),
                _ => health.answered(),
            }
        }
        assert_eq!(commands, 50, "the fifth failure");
    }

    #[test]
    fn rare_failures_are_forgotten_with_their_interval() {
        let mut health = up();
        for _ in 0..100 {
            for _ in 0..4 {
                assert!(!health.failed());
                health.answered();
            }
            health.interval();
        }
        assert!(health.is_up());
    }
}
