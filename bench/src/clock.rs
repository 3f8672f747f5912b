//! Time, as it is measured here.

use std::time::Duration;

use nix::{
    sys::{
        resource::{UsageWho, getrusage},
        time::{TimeVal, TimeValLike},
    },
    time::{ClockId, clock_gettime},
};

/// What the calling thread has spent on a core.
///
/// Other programs on the same core do not count, which is why the wire, which never waits, is timed by it. (What they
/// do to the caches counts all the same.)
pub(crate) fn thread_cpu() -> Duration {
    spent(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// What all threads of this process have spent on cores.
#[derive(Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) all: Duration,
    /// Of it, outside the kernel. How the kernel divides the whole is an estimate.
    pub(crate) user: Duration,
}

impl Cpu {
    /// So far.
    pub(crate) fn now() -> Self {
        let user = getrusage(UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| span(usage.user_time()));
        Self { all: spent(ClockId::CLOCK_PROCESS_CPUTIME_ID), user }
    }

    /// What was spent since then.
    pub(crate) fn since(self, then: Self) -> Self {
        Self { all: self.all.saturating_sub(then.all), user: self.user.saturating_sub(then.user) }
    }
}

fn spent(clock: ClockId) -> Duration {
    clock_gettime(clock).expect("the clocks of the caller are always there").into()
}

fn span(time: TimeVal) -> Duration {
    Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or(0))
}
