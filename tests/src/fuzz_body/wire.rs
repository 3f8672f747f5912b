//! The target `wire`: any bytes, cut in any way, come to the same, within bounds.

use steadfast_core::{
    CloseFrame, Message, Timestamp,
    wire::{
        Config, ControlRate, SendError, Violation,
        deflate::{Agreed, Options},
    },
};

use super::{
    feed::{Cuts, Feed, Seen, Taker},
    plain_deflate::agreed_with,
    plain_frames,
};

/// The first bytes say with which configuration and how the others are fed, all in all five times: the last time, what
/// is written is taken away now and then, all of it or a few bytes.
///
/// # Panics
/// When the cuts matter, memory is not bounded, something comes after the end, or the wrong thing is answered.
pub fn wire(bytes: &[u8]) {
    let Some((&head, bytes)) = bytes.split_first_chunk::<10>() else { return };
    let setting = Setting::new(head);
    let seed = u64::from_be_bytes([head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7]]);
    let whole = setting.run(bytes, Cuts::None);
    for cuts in [Cuts::Every(1), Cuts::Every(usize::from(head[7])), Cuts::Drawn(seed)] {
        same(&whole, &setting.run(bytes, cuts), cuts);
    }
    let every = 1 + usize::from(head[6] / 2);
    if head[6] & 1 == 0 {
        all_answered(setting.run_taken(bytes, Cuts::Drawn(seed), Taker::new(every, usize::MAX)));
    } else {
        latest_answered(setting.run_taken(bytes, Cuts::Drawn(seed), Taker::new(every, every)));
    }
}

/// How the connection is made and what happens to it besides the bytes.
struct Setting {
    /// Limits so small that they are reached.
    config: Config,
    deflate: Option<Agreed>,
    we_close: bool,
    /// After how many bytes the clock goes on; never if it is 0.
    tick: usize,
}

impl Setting {
    fn new(head: [u8; 10]) -> Self {
        let deflate = (head[8] & 1 != 0).then(|| {
            let reset = if head[8] & 2 == 0 { "" } else { "; server_no_context_takeover" };
            agreed_with(Options::default(), &format!("{reset}; server_max_window_bits={}", 8 + head[8] / 4 % 8))
        });
        let limit = |byte: u8| match byte {
            0..=239 => u64::from(byte) * 4,
            240..=247 => 66_000,
            // Enough for a few bytes to become a lot, which takes its time.
            _ if deflate.is_some() => 200_000,
            248..=254 => 1 << 24,
            255 => u64::MAX / 4,
        };
        let config = Config {
            pieces: head[0] & 1 != 0,
            max_message_bytes: limit(head[1]),
            max_frame_bytes: limit(head[2]),
            max_empty_fragments: u32::from(head[3]),
            control_rate: (head[4] < 128).then(|| ControlRate { per_second: 1, burst: u32::from(head[4]) }),
            fragment_bytes: (head[5] < 128).then(|| usize::from(head[5])),
        };
        Self { config, deflate, we_close: head[0] & 2 != 0, tick: head[9].into() }
    }

    fn feed(&self) -> Feed {
        self.deflate.as_ref().map_or_else(|| Feed::new(self.config), |agreed| Feed::with_deflate(self.config, agreed))
    }

    fn run(&self, bytes: &[u8], cuts: Cuts) -> Feed {
        let mut feed = self.feed();
        // A server that refers back beyond the window it promised is found out by memory that was given back.
        feed.releases = matches!(cuts, Cuts::Drawn(_)) && self.window() == 1 << 15;
        if self.we_close {
            feed.wire.close(&CloseFrame::NORMAL, &mut feed.out);
        }
        self.give(&mut feed, bytes, cuts);
        answered_well(&feed, feed.out.as_slice(), self.we_close, PONGS);
        self.few_controls(&feed);
        assert!(feed.wire.compression_memory() <= STREAM + self.window(), "{:?}", feed.wire);
        ended_well(&mut feed);
        feed
    }

    /// The same with what is written taken away.
    fn run_taken(&self, bytes: &[u8], cuts: Cuts, taker: Taker) -> Feed {
        let mut feed = self.feed();
        if self.we_close {
            feed.wire.close(&CloseFrame::NORMAL, &mut feed.out);
        }
        feed.taker = Some(taker);
        self.give(&mut feed, bytes, cuts);
        feed
    }

    /// The bytes, with the clock going on between them, at the same bytes for any cuts.
    fn give(&self, feed: &mut Feed, bytes: &[u8], cuts: Cuts) {
        if self.tick == 0 {
            return feed.all(bytes, cuts);
        }
        for (part, n) in bytes.chunks(self.tick).zip(0..) {
            feed.wire.tick(Timestamp::from_micros(n * TICK_MICROS));
            feed.all(part, cuts);
        }
    }

    /// No more control frames than at once, and those that each second adds; besides the close frame, which is the last.
    fn few_controls(&self, feed: &Feed) {
        let Some(rate) = self.config.control_rate else { return };
        let ticks = feed.came_in().checked_div(self.tick as u64).unwrap_or(0);
        let allowed = u64::from(rate.burst) + (ticks + 1) * TICK_MICROS / 1_000_000 * u64::from(rate.per_second);
        let controls = feed.seen.iter().filter(|seen| matches!(seen, Seen::Ping(_) | Seen::Pong(_)));
        assert!(controls.count() as u64 <= allowed, "more than {allowed} control frames");
    }

    /// How many bytes of what came the server may refer back to.
    fn window(&self) -> usize {
        self.deflate.as_ref().map_or(0, |agreed| 1 << agreed.server_max_window_bits().max(9))
    }
}

/// The same events, the same end, and the same bytes to the server.
fn same(once: &Feed, again: &Feed, cuts: Cuts) {
    assert_eq!(once.violation, again.violation, "{cuts:?}");
    assert_eq!(once.out.as_slice(), again.out.as_slice(), "{cuts:?}");
    let as_far_as_it_goes = matches!(
        once.violation,
        Some(Violation::Utf8 | Violation::Deflate | Violation::MessageTooBig { .. }) if once.wire.config().pieces
    );
    if as_far_as_it_goes {
        // How much of a bad message comes out before it is found to be bad depends on how much of it was there.
        let ((all, rest), (all_again, rest_again)) = (complete(&once.seen), complete(&again.seen));
        assert_eq!(all, all_again, "{cuts:?}");
        assert!(rest.starts_with(rest_again) || rest_again.starts_with(rest), "{rest:?}, {rest_again:?}, {cuts:?}");
    } else {
        assert_eq!(once.seen, again.seen, "{cuts:?}");
    }
    assert_eq!(once.wire.is_at_rest(), again.wire.is_at_rest(), "{cuts:?}");
    assert_eq!(once.wire.is_closed(), again.wire.is_closed(), "{cuts:?}");
}

/// All that came in, and what came last of a message that did not end.
fn complete(seen: &[Seen]) -> (&[Seen], &[u8]) {
    match seen {
        [all @ .., Seen::Piece { last: false, bytes, .. }] => (all, bytes),
        all => (all, &[]),
    }
}

/// A pong for each ping, while there is room, and behind that for the latest that had to wait.
fn all_answered(mut feed: Feed) {
    let emptied = feed.taker.as_mut().map(|taker| std::mem::take(&mut taker.pings)).unwrap_or_default();
    let (asked, pongs) = pings_and_pongs(&mut feed);
    let (mut lie_there, mut waiting, mut answered) = (0, None, Vec::new());
    let mut emptied = emptied.into_iter().peekable();
    for (n, ping) in asked.iter().enumerate() {
        while emptied.next_if(|before| *before <= n).is_some() {
            lie_there = usize::from(waiting.is_some());
            answered.extend(waiting.take());
        }
        if lie_there < PONGS {
            lie_there += 1;
            answered.push(ping);
        } else {
            waiting = Some(ping);
        }
    }
    // When the server closed or broke the protocol, nothing is answered any more.
    answered.extend(waiting.filter(|_| !feed.wire.is_closed() || emptied.next().is_some()));
    assert!(pongs.iter().eq(answered), "{pongs:?}");
}

/// Pongs for some of the pings, in order, and in any case for the latest.
fn latest_answered(mut feed: Feed) {
    let (asked, pongs) = pings_and_pongs(&mut feed);
    let mut left = asked.iter();
    assert!(pongs.iter().all(|pong| left.any(|ping| ping == pong)), "{pongs:?}");
    if !feed.wire.is_closed() {
        assert_eq!(pongs.last(), asked.last());
    }
    if asked.len() <= PONGS {
        assert_eq!(pongs.len(), asked.len());
    }
}

/// What came in, and what is written in the end, besides one close frame at most.
fn pings_and_pongs(feed: &mut Feed) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut written = feed.taker.take().expect("what was written is taken").bytes;
    written.extend(feed.out.as_slice());
    feed.out.clear();
    feed.wire.pull(&mut feed.out);
    written.extend(feed.out.as_slice());
    let (pongs, others): (Vec<_>, Vec<_>) =
        plain_frames::read(&written).into_iter().partition(|(first, _)| *first == 0x8A);
    let closing: &[u8] = if feed.wire.is_open() { &[] } else { &[0x88] };
    assert!(others.iter().map(|(first, _)| first).eq(closing), "{others:?}");
    let came_in = feed.seen.iter().filter_map(|seen| match seen {
        Seen::Ping(payload) => Some(payload.clone()),
        _ => None,
    });
    (came_in.collect(), pongs.into_iter().map(|(_, payload)| payload).collect())
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
    feed.wire.release();
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
/// How far the clock goes on at a time.
const TICK_MICROS: u64 = 700_000;
/// What compression holds besides the window of what came: a stream of zlib-rs and what is around it.
const STREAM: usize = 48_000;
