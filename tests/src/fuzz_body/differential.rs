//! The target `differential`: tungstenite and the wire make the same of the same bytes, but for what is listed.

use std::env;

use steadfast_core::{
    CloseCode,
    wire::{Config, Violation},
};
use tungstenite::protocol::Role;

use super::{
    feed::{Cuts, Feed, Seen},
    plain_frames,
    tungstenite_peer::{End, Opinion, opinion},
};

/// Where the wire means to judge otherwise than tungstenite does. Each entry holds for one violation of ours; whatever is
/// not listed has to be an error there, too, with the same close code.
const DIFFERENCES: [Difference; 5] = [
    Difference {
        what: "a length in more bytes than it needs",
        why: "RFC 6455 §5.2: the minimal number of bytes MUST be used; tungstenite reads any form",
        applies: |violation, _| matches!(violation, Violation::LengthNotMinimal(_) | Violation::ControlTooLong),
    },
    Difference {
        what: "a close code that may not stand on the wire",
        why: "RFC 6455 §7.4: tungstenite answers 1002 as we do, but hands the frame out as if the server had closed with it",
        applies: |violation, theirs| matches!(violation, Violation::CloseCode(_)) && closed_with_1002(theirs),
    },
    Difference {
        what: "a close frame with a bad code and a bad reason",
        why: "the code comes first: 1002; tungstenite reads the reason first: 1007",
        applies: |violation, theirs| {
            matches!(violation, Violation::CloseCode(_)) && theirs.end == End::Error(CloseCode::INVALID_PAYLOAD)
        },
    },
    Difference {
        what: "a frame that is forbidden and too long",
        why: "what is forbidden is told as soon as it is seen, before the length; tungstenite asks for the length first",
        applies: |violation, theirs| {
            violation.close_code() == CloseCode::PROTOCOL_ERROR && theirs.end == End::Error(CloseCode::TOO_BIG)
        },
    },
    Difference {
        what: "empty fragments without end",
        why: "a limit of ours (RFC 6455 §10.4 allows it) that tungstenite does not have",
        applies: |violation, _| matches!(violation, Violation::EmptyFragments { .. }),
    },
];

/// One way in which we mean to differ.
struct Difference {
    what: &'static str,
    why: &'static str,
    applies: fn(Violation, &Opinion) -> bool,
}

/// The first two bytes set the limits on a message and a frame, the others are what a server sent. With `FUZZ_SHOW` in the
/// environment it says which difference was met.
///
/// # Panics
/// When the two disagree in a way that is not listed.
pub fn differential(bytes: &[u8]) {
    let Some((&[message, frame], bytes)) = bytes.split_first_chunk::<2>() else { return };
    let (message, frame) = (usize::from(message) * 4, CONTROL + usize::from(frame) * 4);
    let limits = Config {
        max_message_bytes: message as u64,
        max_frame_bytes: frame as u64,
        max_empty_fragments: 8,
        ..Config::default()
    };
    let mut ours = Feed::new(limits);
    ours.all(bytes, Cuts::None);
    let theirs = opinion(Role::Client, bytes, message, frame);
    let Some(violation) = ours.violation else {
        // 1014 (Bad Gateway) was registered after tungstenite's list was written: it takes it for a forbidden code.
        if let Some(Seen::Close(frame)) = ours.seen.last()
            && frame.code == CloseCode::BAD_GATEWAY
        {
            return assert!(closed_with_1002(&theirs), "{theirs:?}");
        }
        let end = if ours.wire.is_closed() { End::Closed } else { End::Open };
        assert_eq!((&ours.seen, end), (&theirs.seen, theirs.end));
        return same_answers(&ours, &theirs);
    };
    // We fail as early as it can be known, and tungstenite once the frame is whole. Zeros make it whole.
    let completed = [bytes, &vec![0; FRAME]].concat();
    let theirs = if theirs.end == End::Open { opinion(Role::Client, &completed, message, frame) } else { theirs };
    assert!(theirs.seen.starts_with(&ours.seen), "{:?}, and {theirs:?}", ours.seen);
    if let Some(Difference { what, why, .. }) = DIFFERENCES.iter().find(|listed| (listed.applies)(violation, &theirs)) {
        if env::var_os("FUZZ_SHOW").is_some() {
            println!("{what}: {why}");
        }
        return;
    }
    assert_eq!((&ours.seen, End::Error(violation.close_code())), (&theirs.seen, theirs.end), "{violation}");
}

/// The same frames are written, as far as both write everything: a pong for each ping, and the reply to a close frame.
fn same_answers(ours: &Feed, theirs: &Opinion) {
    let (ours, theirs) = (plain_frames::read(ours.out.as_slice()), plain_frames::read(&theirs.written));
    if theirs.len() <= PONGS {
        assert_eq!(ours, theirs);
    }
}

/// Whether it saw a close frame, and put 1002 in the place of its code.
fn closed_with_1002(theirs: &Opinion) -> bool {
    matches!(theirs.seen.last(), Some(Seen::Close(frame)) if frame.code == CloseCode::PROTOCOL_ERROR)
}

/// The least limit on a frame: tungstenite's holds for control frames, too; ours is for data.
const CONTROL: usize = 125;
/// Makes any frame whole that is within the limits.
const FRAME: usize = 14 + CONTROL + 255 * 4;
/// How many pongs we write into a buffer that is not emptied.
const PONGS: usize = 64;
