//! What a session takes when nothing happens. Counted by an allocator that counts.
#![cfg(feature = "wire")]

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod steady;

use core::time::Duration;

use allocation_counter::measure;
use steadfast_core::{Session, config::Config, wire};
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

/// Both together: what ten thousand connections at rest take twenty megabytes of.
const WITH_THE_WIRE: u64 = 2 << 10;

#[test]
fn a_wire_at_rest_takes_the_half_of_a_kilobyte_that_is_left() {
    // Sessions share it.
    let config = Config::default();
    let mut pair = None;
    let held = measure(|| {
        let mut wire = Box::new(wire::Wire::new(wire::Config::default(), [1; 32]));
        let (mut assembly, mut out) = (wire::Buffer::new(), wire::Buffer::new());
        let frame = [&[0x82, 126, 0x10, 0][..], &[1; 0x1000]].concat();
        for mut chunk in frame.chunks(1_000) {
            while wire.receive(&mut chunk, &mut assembly, &mut out).is_some() {}
        }
        // Their owner has other uses for the buffers once nothing is in them.
        assert!(wire.is_at_rest() && out.is_empty());
        pair = Some((wire, Box::new(at_rest(config.clone()))));
    });
    let heap = u64::try_from(held.bytes_current).expect("nothing is freed that was not allocated");
    println!("{heap} B of heap, {} B of them the wire's", size_of::<wire::Wire>());
    assert!(heap <= WITH_THE_WIRE, "{heap} B of heap");
}

/// Opened, thousands of messages confirmed, then idle for a minute: two heartbeats, the second of which finds it quiet.
fn at_rest(config: Config) -> Session {
    let mut steady = Steady::warm(config);
    steady.idle(Duration::from_mins(1));
    assert_eq!(steady.session.unsettled(), (0, 0));
    steady.session
}
