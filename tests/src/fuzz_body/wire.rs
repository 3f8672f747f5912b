//! The target `wire`: any bytes, cut in any way, come to the same, within bounds.

use steadfast_core::{
    CloseFrame, Message,
    wire::{Config, ControlRate, SendError, Violation},
};

use super::{
    feed::{Cuts, Feed, Seen},
    plain_frames,
};

/// The first bytes say with which configuration and how the others are fed, all in all five times: the last time, what
/// is written is taken away at once, and every ping is answered.
///
/// # Panics
/// When the cuts matter, memory is not bounded, something comes after the end, or the wrong thing is answered.
pub fn wire(bytes: &[u8]) {
    let Some((&head, bytes)) = bytes.split_first_chunk::<8>() else { return };
    let config = config(head);
    let we_close = head[0] & 2 != 0;
    let seed = u64::from_be_bytes(head);
    let whole = run(config, we_close, bytes, Cuts::None);
    for cuts in [Cuts::Every(1), Cuts::Every(usize::from(head[7])), Cuts::Drawn(seed)] {
        same(&whole, &run(config, we_close, bytes, cuts), cuts);
    }
    let mut emptied = Feed::new(config);
    emptied.written = Some(Vec::new());
    emptied.all(bytes, Cuts::Drawn(seed));
    assert!(emptied.out.is_empty(), "nothing is written without an event");
    answered_well(&emptied, &emptied.written.clone().unwrap_or_default(), false, usize::MAX);
}

/// Limits so small that they are reached.
fn config(head: [u8; 8]) -> Config {
    let limit = |byte: u8| match byte {
        0..=239 => u64::from(byte) * 4,
        240..=247 => 66_000,
        248..=254 => 1 << 24,
        255 => u64::MAX / 4,
    };
    Config {
        pieces: head[0] & 1 != 0,
        max_message_bytes: limit(head[1]),
        max_frame_bytes: limit(head[2]),
        max_empty_fragments: u32::from(head[3]),
        control_rate: (head[4] < 128).then(|| ControlRate { per_second: 1, burst: u32::from(head[4]) }),
        fragment_bytes: (head[5] < 128).then(|| usize::from(head[5])),
    }
}

fn run(config: Config, we_close: bool, bytes: &[u8], cuts: Cuts) -> Feed {
    let mut feed = Feed::new(config);
    if we_close {
        feed.wire.close(&CloseFrame::NORMAL, &mut feed.out);
    }
    feed.all(bytes, cuts);
    answered_well(&feed, feed.out.as_slice(), we_close, PONGS);
    ended_well(&mut feed);
    feed
}

/// The same events, the same end, and the same bytes to the server.
fn same(once: &Feed, again: &Feed, cuts: Cuts) {
    assert_eq!(once.violation, again.violation, "{cuts:?}");
    assert_eq!(once.out.as_slice(), again.out.as_slice(), "{cuts:?}");
    if (once.violation, once.wire.config().pieces) == (Some(Violation::Utf8), true) {
        // How much of a bad text comes out before it is found to be bad depends on how much of it was there.
        let all =
            |feed: &Feed| feed.seen.iter().filter(|seen| !matches!(seen, Seen::Piece { last: false, .. })).count();
        assert_eq!(all(once), all(again), "{cuts:?}");
    } else {
        assert_eq!(once.seen, again.seen, "{cuts:?}");
    }
    assert_eq!(once.wire.is_at_rest(), again.wire.is_at_rest(), "{cuts:?}");
    assert_eq!(once.wire.is_closed(), again.wire.is_closed(), "{cuts:?}");
}

/// Pongs for pings, as many as may lie there, and one close frame at most, which says the right thing and is the last, or
/// the first if it is ours.
fn answered_well(feed: &Feed, written: &[u8], we_close: bool, most_pongs: usize) {
    let pings = feed.seen.iter().filter_map(|seen| match seen {
        Seen::Ping(payload) => Some((0x8A, payload.clone())),
        _ => None,
    });
    let mut expected: Vec<(u8, Vec<u8>)> = pings.take(most_pongs).collect();
    let close = match (feed.seen.last(), feed.violation) {
        _ if we_close => Some((1000, "")),
        (_, Some(violation)) => Some((violation.close_code().0, "")),
        (Some(Seen::Close(frame)), None) => Some((frame.code.0, frame.reason.as_str())),
        (_, None) => None,
    };
    if let Some((code, reason)) = close {
        let payload = if code == 1005 { Vec::new() } else { [&code.to_be_bytes(), reason.as_bytes()].concat() };
        expected.insert(if we_close { 0 } else { expected.len() }, (0x88, payload));
    }
    assert_eq!(plain_frames::read(written), expected);
}

/// What is over is over, and what is not goes on.
fn ended_well(feed: &mut Feed) {
    let over = feed.violation.is_some() || matches!(feed.seen.last(), Some(Seen::Close(_)));
    assert_eq!(feed.wire.is_closed(), over);
    let written = feed.out.len();
    if over {
        feed.chunk(b"\x89\x00\x81\x02hi\xFF\xFF\xFF");
        assert_eq!(feed.wire.space(&mut feed.assembly), None);
    }
    if !feed.wire.is_open() {
        assert_eq!(feed.wire.send(&Message::text("late"), &mut feed.out), Err(SendError::Closed));
        assert_eq!(feed.wire.ping(b"late", &mut feed.out), Err(SendError::Closed));
        feed.wire.close(&CloseFrame::NORMAL, &mut feed.out);
        feed.wire.pull(&mut feed.out);
    }
    assert_eq!(feed.out.len(), written, "nothing is written behind a close frame");
}

/// How many pongs may lie in a buffer that is not emptied.
const PONGS: usize = 64;
