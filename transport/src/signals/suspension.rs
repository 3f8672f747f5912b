//! Whether the machine was suspended: boot time runs on meanwhile, monotonic time does not.

use std::time::Duration;

/// What is known of the two clocks.
#[derive(Debug)]
pub(super) struct Suspension {
    /// How far they were apart when that was last told.
    apart: Option<Duration>,
}

impl Suspension {
    pub(super) const fn new() -> Self {
        Self { apart: None }
    }

    /// For how long it was suspended since the last time, if that is worth a word.
    #[cfg(target_os = "linux")]
    pub(super) fn look(&mut self) -> Option<Duration> {
        use rustix::time::{ClockId, clock_gettime};
        let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
        let monotonic = read(ClockId::Monotonic);
        self.judge(read(ClockId::Boottime), monotonic)
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "there is only one clock to read")]
    pub(super) const fn look(&mut self) -> Option<Duration> {
        None
    }

    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there is only one clock to read"))]
    fn judge(&mut self, boot: Duration, monotonic: Duration) -> Option<Duration> {
        let apart = boot.saturating_sub(monotonic);
        let last = *self.apart.get_or_insert(apart);
        let gap = apart.saturating_sub(last);
        if gap >= LEAST {
            self.apart = Some(apart);
            return Some(gap);
        }
        // A clock that jumps back says nothing, and what it says from here on counts from here. What is shorter than a second
        // adds up.
        if apart < last {
            self.apart = Some(apart);
        }
        None
    }
}

/// Shorter ones are no matter for a connection, and the clocks are not read at the same moment.
const LEAST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn clocks(readings: &[(u64, u64)]) -> Vec<Option<Duration>> {
        let mut suspension = Suspension::new();
        readings.iter().map(|&(boot, monotonic)| suspension.judge(secs(boot), secs(monotonic))).collect()
    }

    #[test]
    fn sleep_from_before_is_not_told() {
        assert_eq!(clocks(&[(5_000, 100)]), [None]);
    }

    #[test]
    fn a_gap_is_told_once() {
        assert_eq!(
            clocks(&[(100, 100), (200, 200), (3_900, 300), (4_000, 400)]),
            [None, None, Some(secs(3_600)), None]
        );
    }

    #[test]
    fn each_gap_is_told_for_itself() {
        assert_eq!(clocks(&[(100, 100), (210, 110), (320, 120)]), [None, Some(secs(100)), Some(secs(100))]);
    }

    #[test]
    fn short_gaps_add_up() {
        let mut suspension = Suspension::new();
        let half = Duration::from_millis(500);
        assert_eq!(suspension.judge(secs(10), secs(10)), None);
        assert_eq!(suspension.judge(secs(11) + half, secs(11)), None);
        assert_eq!(suspension.judge(secs(13), secs(12)), Some(secs(1)));
    }

    #[test]
    fn clocks_that_jump_back_say_nothing() {
        assert_eq!(clocks(&[(1_000, 100), (500, 200), (100, 300), (401, 301)]), [None, None, None, Some(secs(100))]);
    }
}
