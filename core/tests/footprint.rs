//! What a session takes when nothing happens. Counted by an allocator that counts.

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod steady;

use core::time::Duration;

use allocation_counter::measure;
use steadfast_core::{Session, config::Config};
use steady::Steady;

/// 1.5 KiB: a server's worth of them, ten thousand, fit 15 MiB.
const AT_REST: u64 = 1_536;

#[test]
fn a_session_at_rest_takes_a_kilobyte_and_a_half() {
    let config = Config::default();
    let mut session = None;
    let held = measure(|| session = Some(at_rest(config.clone())));
    let heap = u64::try_from(held.bytes_current).expect("a session does not free what it did not allocate");
    let inline = size_of::<Session>() as u64;
    println!("{inline} B of its own and {heap} B of heap");
    assert!(inline + heap <= AT_REST, "{inline} B of its own and {heap} B of heap");
}

/// Opened, thousands of messages confirmed, then idle for a minute: two heartbeats, the second of which finds it quiet.
fn at_rest(config: Config) -> Session {
    let mut steady = Steady::warm(config);
    steady.idle(Duration::from_mins(1));
    assert_eq!(steady.session.unsettled(), (0, 0));
    steady.session
}
