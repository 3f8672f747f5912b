//! What the backoff's jitter makes of a crowd that loses its server at once.

use std::time::Duration;

use steadfast_core::config::Backoff;

/// When attempts and successes are to be expected, counted from the loss.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Forecast {
    /// Every attempt of every imagined session.
    pub(super) attempts: Vec<Duration>,
    /// When each imagined session is back.
    pub(super) opens: Vec<Duration>,
    /// How many imagined sessions stand for a real one.
    pub(super) each: u32,
}

impl Forecast {
    /// Lets many imagined sessions lose a server that stays away for this long. Each attempt before that is refused at once,
    /// the first one after it succeeds: what a session does whose backoff begins afresh.
    pub(super) fn new(backoff: &Backoff, sessions: u32, away: Duration, seed: u64) -> Self {
        let each = IMAGINED.div_ceil(sessions.max(1));
        let (mut attempts, mut opens) = (Vec::new(), Vec::new());
        for number in 0..u64::from(sessions) * u64::from(each) {
            // Draws of its own: what is forecast must not be what is measured.
            let draws = !seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(number);
            let mut at = Duration::ZERO;
            for delay in backoff.delays(draws) {
                at += delay;
                attempts.push(at);
                if at >= away {
                    opens.push(at);
                    break;
                }
            }
        }
        Self { attempts, opens, each }
    }

    /// How many attempts a second there are to be in each bucket of this width.
    pub(super) fn attempts_a_second(&self, width: Duration, buckets: usize) -> Vec<f64> {
        a_second(&self.attempts, width, buckets).into_iter().map(|count| count / f64::from(self.each)).collect()
    }

    /// How many sessions are to be open at the end of each bucket.
    pub(super) fn open(&self, width: Duration, buckets: usize) -> Vec<f64> {
        let mut open = 0.0;
        counts(&self.opens, width, buckets)
            .into_iter()
            .map(|count| {
                open += f64::from(count) / f64::from(self.each);
                open
            })
            .collect()
    }
}

/// How many of these a second there are in each bucket of this width.
pub(super) fn a_second(times: &[Duration], width: Duration, buckets: usize) -> Vec<f64> {
    counts(times, width, buckets).into_iter().map(|count| f64::from(count) / width.as_secs_f64()).collect()
}

/// How many of these there are in each bucket of this width. What comes later is left out.
pub(super) fn counts(times: &[Duration], width: Duration, buckets: usize) -> Vec<u32> {
    let mut counts = vec![0; buckets];
    for time in times {
        let index = time.as_micros() / width.as_micros().max(1);
        if let Some(count) = usize::try_from(index).ok().and_then(|index| counts.get_mut(index)) {
            *count += 1;
        }
    }
    counts
}

/// How many sessions are imagined at least: enough for a smooth curve.
const IMAGINED: u32 = 20_000;

#[cfg(test)]
mod tests {
    use steadfast_core::config::{Jitter, Schedule};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn without_jitter_everybody_comes_at_the_same_time() {
        let schedule = Schedule::Fixed { delay: SECOND };
        let backoff = Backoff { schedule, jitter: Jitter::None, first: None, ..Backoff::default() };
        let forecast = Forecast::new(&backoff, 100, 3 * SECOND, 1);
        let expected = [0.0, 100.0, 100.0, 100.0, 0.0];
        assert_eq!(forecast.attempts_a_second(SECOND, 5), expected);
        assert_eq!(forecast.open(SECOND, 5), [0.0, 0.0, 0.0, 100.0, 100.0]);
    }

    #[test]
    fn the_first_attempts_are_spread_as_the_first_delay_says() {
        // 100 ms to 1 s, evenly: a ninth of 900 in each tenth of a second, so 1,000 a second.
        let forecast = Forecast::new(&Backoff::default(), 900, Duration::ZERO, 1);
        let rates = forecast.attempts_a_second(Duration::from_millis(100), 11);
        assert!(rates[0] < 1.0 && rates[10] < 1.0, "{rates:?}");
        assert!(rates[1..10].iter().all(|rate| (900.0..1_100.0).contains(rate)), "{rates:?}");
    }

    #[test]
    fn a_policy_that_gives_up_leaves_sessions_away() {
        let backoff = Backoff { max_attempts: Some(1), ..Backoff::default() };
        assert!(Forecast::new(&backoff, 10, 10 * SECOND, 1).opens.is_empty());
    }

    #[test]
    fn what_comes_after_the_last_bucket_is_left_out() {
        assert_eq!(counts(&[Duration::ZERO, SECOND, 9 * SECOND], SECOND, 2), [1, 1]);
    }
}
