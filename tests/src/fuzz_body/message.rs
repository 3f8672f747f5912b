//! The target `message`: what is sent is what is received, in either direction.

use arbitrary::{Result, Unstructured};
use steadfast_core::{
    CloseCode, CloseFrame, Message,
    wire::{Config, Piece, SendError},
};
use tungstenite::protocol::Role;

use super::{
    feed::{Cuts, Feed, Seen},
    plain_frames,
    tungstenite_peer::{End, opinion},
};

/// Makes a conversation of the bytes, and has it both ways: written frame by frame and read by the wire, and written by
/// the wire and read by tungstenite as the server.
///
/// # Panics
/// When anything but what was said is heard.
pub fn message(bytes: &[u8]) {
    if let Ok(script) = Script::new(&mut Unstructured::new(bytes)) {
        script.heard_by_us(false);
        script.heard_by_us(true);
        script.said_by_us();
    }
}

/// What is said.
#[derive(Debug)]
struct Script {
    steps: Vec<Step>,
    close: CloseFrame,
    fragment_bytes: Option<usize>,
    cuts: Cuts,
}

/// A message, in parts, with a control frame before each.
#[derive(Debug)]
struct Step {
    way: Way,
    text: bool,
    bytes: Vec<u8>,
    /// Where the parts end, but for the last; in order.
    ends: Vec<usize>,
    /// A ping or a pong before each part.
    controls: Vec<Option<Seen>>,
}

/// How the wire sends it.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Fragments,
    Pieces,
}

impl Script {
    fn new(input: &mut Unstructured<'_>) -> Result<Self> {
        let fragment_bytes = *input.choose(&[None, None, Some(0), Some(1), Some(125), Some(126), Some(4096)])?;
        let cuts = match input.int_in_range(0..=4)? {
            0 => Cuts::None,
            1 => Cuts::Every(input.int_in_range(1..=300)?),
            _ => Cuts::Drawn(input.arbitrary()?),
        };
        let code = *input.choose(&[1000, 1001, 1003, 1005, 1007, 1013, 3000, 4999])?;
        let reason = if code == 1005 { String::new() } else { text(input.int_in_range(0..=123)?, 0) };
        let close = CloseFrame { code: CloseCode(code), reason };
        let mut steps = Vec::new();
        while !input.is_empty() && steps.len() < 12 {
            steps.push(Step::new(input, fragment_bytes)?);
        }
        Ok(Self { steps, close, fragment_bytes, cuts })
    }

    /// A server says it, and the wire hears it.
    fn heard_by_us(&self, pieces: bool) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for step in &self.steps {
            step.write(&mut bytes, &mut expected);
        }
        let reason = self.close.reason.as_bytes();
        let close = [&self.close.code.0.to_be_bytes()[..], reason].concat();
        plain_frames::write(0x88, if self.close.code == CloseCode::NO_STATUS { &[] } else { &close }, &mut bytes);
        expected.push(Seen::Close(self.close.clone()));
        let mut feed = Feed::new(Config { pieces, ..Config::default() });
        feed.all(&bytes, self.cuts);
        assert_eq!(feed.violation, None);
        assert!(feed.wire.is_closed());
        if pieces {
            feed.seen = joined(feed.seen);
        }
        assert_eq!(feed.seen, expected);
    }

    /// The wire says it, and tungstenite hears it.
    fn said_by_us(&self) {
        let mut feed = Feed::new(Config { fragment_bytes: self.fragment_bytes, ..Config::default() });
        let mut expected = Vec::new();
        for step in &self.steps {
            step.send(&mut feed, &mut expected).expect("in an order that is allowed");
        }
        feed.wire.close(&self.close, &mut feed.out);
        expected.push(Seen::Close(self.close.clone()));
        self.fragments_are_small(&plain_frames::read(feed.out.as_slice()));
        let heard = opinion(Role::Server, feed.out.as_slice(), usize::MAX, usize::MAX);
        assert_eq!((heard.seen, heard.end), (expected, End::Closed));
    }

    /// The limit on fragments holds for all but pieces, which are sent as they are.
    fn fragments_are_small(&self, frames: &[(u8, Vec<u8>)]) {
        let Some(most) = self.fragment_bytes else { return };
        if !self.steps.iter().any(|step| matches!(step.way, Way::Pieces)) {
            let mut data = frames.iter().filter(|(first, _)| first & 0x08 == 0);
            assert!(data.all(|(_, payload)| payload.len() <= most.max(1)), "a fragment is too long");
        }
    }
}

impl Step {
    fn new(input: &mut Unstructured<'_>, fragment_bytes: Option<usize>) -> Result<Self> {
        let len = match input.int_in_range(0..=7)? {
            0 if fragment_bytes.is_none_or(|most| most > 100) => {
                *input.choose(&[0xFFFE, 0xFFFF, 0x1_0000, 0x1_0001])?
            }
            0..=2 => *input.choose(&[124, 125, 126, 127, 128])?,
            _ => input.int_in_range(0..=40)?,
        };
        let (is_text, pattern) = (input.arbitrary()?, input.arbitrary::<u8>()?);
        let bytes = if is_text {
            text(len, pattern).into_bytes()
        } else {
            (0..len).map(|at| pattern.wrapping_add(at.to_le_bytes()[0])).collect()
        };
        let mut ends = Vec::new();
        for _ in 0..input.int_in_range(0..=5)? {
            ends.push(input.int_in_range(0..=len)?);
        }
        ends.sort_unstable();
        let controls = (0..=ends.len()).map(|_| control(input)).collect::<Result<_>>()?;
        let way = *input.choose(&[Way::Whole, Way::Fragments, Way::Pieces])?;
        Ok(Self { way, text: is_text, bytes, ends, controls })
    }

    /// The message as a server sends it, with its fragments cut anywhere, and what is to be heard of it.
    fn write(&self, bytes: &mut Vec<u8>, expected: &mut Vec<Seen>) {
        let mut from = 0;
        for (part, control) in self.controls.iter().enumerate() {
            match control {
                Some(Seen::Ping(payload)) => plain_frames::write(0x89, payload, bytes),
                Some(Seen::Pong(payload)) => plain_frames::write(0x8A, payload, bytes),
                _ => {}
            }
            expected.extend(control.clone());
            let to = self.ends.get(part).copied().unwrap_or(self.bytes.len());
            let fin = u8::from(part == self.ends.len()) << 7;
            let opcode = if part > 0 { 0 } else { self.opcode() };
            plain_frames::write(fin | opcode, &self.bytes[from..to], bytes);
            from = to;
        }
        expected.push(self.seen());
    }

    /// The message as the wire sends it, and what is to be heard of it.
    fn send(&self, feed: &mut Feed, expected: &mut Vec<Seen>) -> std::result::Result<(), SendError> {
        let mut controls = self.controls.iter();
        let mut control = |feed: &mut Feed| {
            let next = controls.next().and_then(Option::as_ref);
            expected.extend(next.cloned());
            match next {
                Some(Seen::Ping(payload)) => feed.wire.ping(payload, &mut feed.out),
                Some(Seen::Pong(payload)) => feed.wire.pong(payload, &mut feed.out),
                _ => Ok(()),
            }
        };
        control(feed)?;
        match self.way {
            Way::Whole => feed.wire.send(&self.message(0, self.bytes.len()), &mut feed.out)?,
            Way::Fragments => {
                let message = self.message(0, self.bytes.len());
                let mut from = feed.wire.send_from(&message, 0, &mut feed.out)?;
                while from < message.len() {
                    let other = feed.wire.send(&Message::text("between"), &mut feed.out);
                    assert_eq!(other, Err(SendError::MessageUnderWay));
                    control(feed)?;
                    from = feed.wire.send_from(&message, from, &mut feed.out)?;
                }
            }
            Way::Pieces => {
                let mut from = 0;
                for part in 0..=self.ends.len() {
                    let to = self.ends.get(part).map_or(self.bytes.len(), |end| self.boundary(*end));
                    let payload = self.message(from, to);
                    let piece = Piece { payload, first: part == 0, last: part == self.ends.len() };
                    feed.wire.send_piece(&piece, &mut feed.out)?;
                    from = to;
                    if !piece.last {
                        control(feed)?;
                    }
                }
            }
        }
        expected.push(self.seen());
        Ok(())
    }

    fn opcode(&self) -> u8 {
        if self.text { 1 } else { 2 }
    }

    fn seen(&self) -> Seen {
        Seen::Message { text: self.text, bytes: self.bytes.clone() }
    }

    fn message(&self, from: usize, to: usize) -> Message<'_> {
        let bytes = &self.bytes[from..to];
        if self.text {
            Message::text(std::str::from_utf8(bytes).expect("cut between characters"))
        } else {
            Message::binary(bytes)
        }
    }

    /// The last place before `end` where no character is split.
    fn boundary(&self, end: usize) -> usize {
        let splits = |at: usize| self.text && self.bytes.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
        (0..=end).rev().find(|at| !splits(*at)).unwrap_or(0)
    }
}

/// Text of so many bytes, with characters of every length.
fn text(len: usize, pattern: u8) -> String {
    let mut text = String::new();
    for character in ['a', 'é', '€', '😀'].into_iter().cycle().skip(usize::from(pattern % 4)) {
        if text.len() + character.len_utf8() > len {
            break;
        }
        text.push(character);
    }
    while text.len() < len {
        text.push('.');
    }
    text
}

fn control(input: &mut Unstructured<'_>) -> Result<Option<Seen>> {
    let payload = |input: &mut Unstructured<'_>| Ok(vec![input.arbitrary()?; input.int_in_range(0..=125)?]);
    Ok(match input.int_in_range(0..=5)? {
        0 => Some(Seen::Ping(payload(input)?)),
        1 => Some(Seen::Pong(payload(input)?)),
        _ => None,
    })
}

/// Messages in the place of their pieces, each where its last piece was.
fn joined(seen: Vec<Seen>) -> Vec<Seen> {
    let (mut all, mut under_way) = (Vec::new(), Vec::new());
    for event in seen {
        match event {
            Seen::Piece { text, bytes, first, last } => {
                assert_eq!(first, under_way.is_empty() && first, "only the first piece is the first");
                under_way.extend(bytes);
                if last {
                    all.push(Seen::Message { text, bytes: std::mem::take(&mut under_way) });
                }
            }
            other => all.push(other),
        }
    }
    all
}
