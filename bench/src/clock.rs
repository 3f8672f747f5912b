//! Time, as it is measured here.

use rustix::time::{ClockId, clock_gettime};

/// What the calling thread has spent on a core, in nanoseconds.
///
/// Other programs on the same core do not count, which is why the wire, which never waits, is timed by it. (What they
/// do to the caches counts all the same.)
#[must_use]
pub(crate) fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
