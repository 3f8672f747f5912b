//! The target `message`: what is sent is what is received, in either direction.

use std::iter;

use arbitrary::{Result, Unstructured};
use steadfast_core::{
    CloseCode, CloseFrame, Message,
    wire::{
        Config, Event, Piece, SendError,
        deflate::{Agreed, Options},
    },
};
use tungstenite::protocol::Role;

use super::{
    feed::{Cuts, Feed, Seen},
    plain_deflate::{PlainDeflater, PlainInflater, agreed_with},
    plain_frames,
    tungstenite_peer::{End, opinion},
};

/// Makes a conversation of the bytes, and has it both ways: written frame by frame and read by the wire, and written by
/// the wire and read by tungstenite as the server. Where compression is agreed on, which tungstenite does not know, the
/// other side is `miniz_oxide`.
///
/// # Panics
/// When anything but what was said is heard.
pub fn message(bytes: &[u8]) {
    if let Ok(script) = Script::new(&mut Unstructured::new(bytes)) {
        script.heard_by_us();
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
    deflate: Option<Agreed>,
    /// Whether what compression does not need is given back between messages.
    releases: bool,
}

/// A message, in parts, with a control frame before each.
#[derive(Debug)]
struct Step {
    way: Way,
    /// How the server sends it, where compression is agreed on.
    server: Server,
    text: bool,
    bytes: Vec<u8>,
    /// Where the parts end, but for the last; in order.
    ends: Vec<usize>,
    /// A ping or a pong before each part.
    controls: Vec<Option<Control>>,
}

/// What comes between the parts of a message.
#[derive(Clone, Debug)]
enum Control {
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A ping of the server's, which we answer in the middle of what we say.
    Asked(Vec<u8>),
}

/// How the wire sends it.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Fragments,
    Pieces,
}

/// How the server sends it.
#[derive(Clone, Copy, Debug)]
enum Server {
    Plain,
    Compressed,
    /// With a block that says it is the last (RFC 7692 §7.2.3.4).
    LastBlock,
}

impl Script {
    fn new(input: &mut Unstructured<'_>) -> Result<Self> {
        let fragment_bytes = *input.choose(&[None, None, Some(0), Some(1), Some(125), Some(126), Some(4096)])?;
        let long = input.int_in_range(0..=15)? == 15 && fragment_bytes.is_none_or(|most| most > 100);
        let cuts = match input.int_in_range(0..=4)? {
            0 => Cuts::None,
            // Of what is long, some hundreds.
            1 => Cuts::Every(input.int_in_range(1..=300)? + if long { 400 } else { 0 }),
            _ => Cuts::Drawn(input.arbitrary()?),
        };
        let code = *input.choose(&[1000, 1001, 1003, 1005, 1007, 1013, 3000, 4999])?;
        let reason = if code == 1005 { String::new() } else { text(input.int_in_range(0..=123)?, 0) };
        let close = CloseFrame { code: CloseCode(code), reason };
        // Compressing takes most of the time: few and short messages, as the target `deflate` has the others.
        let deflate = if !long && input.ratio(1, 6)? { Some(agreement(input)?) } else { None };
        let most = if deflate.is_some() { 4 } else { 8 };
        let releases = input.arbitrary()?;
        let mut steps = Vec::new();
        if long {
            let len = *input.choose(&[0xFFFE, 0xFFFF, 0x1_0000, 0x1_0001])?;
            steps.push(Step::new(input, len)?);
        }
        while !input.is_empty() && steps.len() < most {
            let len = match input.int_in_range(0..=7)? {
                0..=2 => *input.choose(&[124, 125, 126, 127, 128, 129, 1000])?,
                _ => input.int_in_range(0..=40)?,
            };
            steps.push(Step::new(input, len)?);
        }
        Ok(Self { steps, close, fragment_bytes, cuts, deflate, releases })
    }

    /// A connection with what is agreed.
    fn feed(&self, config: Config) -> Feed {
        self.deflate.as_ref().map_or_else(|| Feed::new(config), |agreed| Feed::with_deflate(config, agreed))
    }

    /// A server says it, and the wire hears it, whole and in pieces.
    fn heard_by_us(&self) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        let mut server = self.deflate.as_ref().map(|agreed| PlainDeflater::new(agreed.level()));
        for step in &self.steps {
            step.write(server.as_mut(), &mut bytes, &mut expected);
            if let (Some(server), Some(agreed)) = (&mut server, &self.deflate)
                && agreed.server_no_context_takeover()
            {
                server.forget();
            }
        }
        let reason = self.close.reason.as_bytes();
        let close = [&self.close.code.0.to_be_bytes()[..], reason].concat();
        plain_frames::write(0x88, if self.close.code == CloseCode::NO_STATUS { &[] } else { &close }, &mut bytes);
        expected.push(Seen::Close(self.close.clone()));
        for pieces in [false, true] {
            let mut feed = self.feed(Config { pieces, ..Config::default() });
            feed.releases = self.releases;
            feed.all(&bytes, self.cuts);
            assert_eq!(feed.violation, None);
            assert!(feed.wire.is_closed());
            let heard = if pieces { joined(feed.seen) } else { feed.seen };
            assert_eq!(heard, expected);
        }
    }

    /// The wire says it, and tungstenite hears it, or whoever understands what is compressed.
    fn said_by_us(&self) {
        let mut feed = self.feed(Config { fragment_bytes: self.fragment_bytes, ..Config::default() });
        let mut expected = Vec::new();
        for step in &self.steps {
            step.send(&mut feed, &mut expected).expect("in an order that is allowed");
            if self.releases {
                feed.wire.release();
            }
        }
        feed.wire.close(&self.close, &mut feed.out);
        expected.push(Seen::Close(self.close.clone()));
        let frames = plain_frames::read(feed.out.as_slice());
        self.fragments_are_small(&frames);
        if let Some(agreed) = &self.deflate {
            return assert_eq!(heard(frames, agreed), expected);
        }
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
    fn new(input: &mut Unstructured<'_>, len: usize) -> Result<Self> {
        let (is_text, pattern) = (input.arbitrary()?, input.arbitrary::<u8>()?);
        let bytes = if is_text {
            text(len, pattern).into_bytes()
        } else {
            let unit: Vec<u8> = (0..=255).map(|at: u8| pattern.wrapping_add(at)).collect();
            [unit.repeat(len / 256), unit[..len % 256].into()].concat()
        };
        let mut ends = Vec::new();
        for _ in 0..input.int_in_range(0..=5)? {
            ends.push(input.int_in_range(0..=len)?);
        }
        ends.sort_unstable();
        let controls = (0..=ends.len()).map(|_| control(input)).collect::<Result<_>>()?;
        let way = *input.choose(&[Way::Whole, Way::Fragments, Way::Pieces])?;
        let server = *input.choose(&[Server::Plain, Server::Compressed, Server::LastBlock])?;
        Ok(Self { way, server, text: is_text, bytes, ends, controls })
    }

    /// The message as a server sends it, with its fragments cut anywhere, and what is to be heard of it.
    fn write(&self, server: Option<&mut PlainDeflater>, bytes: &mut Vec<u8>, expected: &mut Vec<Seen>) {
        let (rsv1, payload) = match (self.server, server) {
            (Server::Plain, _) | (_, None) => (0, self.bytes.clone()),
            (Server::Compressed, Some(server)) => (0x40, server.message(&self.bytes)),
            (Server::LastBlock, Some(server)) => (0x40, server.final_message(&self.bytes)),
        };
        let mut from = 0;
        for (part, control) in self.controls.iter().enumerate() {
            match control {
                Some(Control::Ping(payload) | Control::Asked(payload)) => {
                    plain_frames::write(0x89, payload, bytes);
                    expected.push(Seen::Ping(payload.clone()));
                }
                Some(Control::Pong(payload)) => {
                    plain_frames::write(0x8A, payload, bytes);
                    expected.push(Seen::Pong(payload.clone()));
                }
                None => {}
            }
            let to = self.ends.get(part).map_or(payload.len(), |end| payload.len().min(*end));
            let fin = u8::from(part == self.ends.len()) << 7;
            let opcode = if part > 0 { 0 } else { rsv1 | self.opcode() };
            plain_frames::write(fin | opcode, &payload[from..to], bytes);
            from = to;
        }
        expected.push(self.seen());
    }

    /// The message as the wire sends it, and what is to be heard of it.
    fn send(&self, feed: &mut Feed, expected: &mut Vec<Seen>) -> std::result::Result<(), SendError> {
        let mut controls = self.controls.iter();
        let mut control = |feed: &mut Feed| {
            match controls.next().cloned().flatten() {
                Some(Control::Ping(payload)) => {
                    feed.wire.ping(&payload, &mut feed.out)?;
                    expected.push(Seen::Ping(payload));
                }
                Some(Control::Pong(payload)) => {
                    feed.wire.pong(&payload, &mut feed.out)?;
                    expected.push(Seen::Pong(payload));
                }
                Some(Control::Asked(payload)) => {
                    let mut ping = Vec::new();
                    plain_frames::write(0x89, &payload, &mut ping);
                    let heard = feed.wire.receive(&mut &ping[..], &mut feed.assembly, &mut feed.out);
                    assert!(matches!(heard, Some(Ok(Event::Ping(_)))), "{heard:?}");
                    expected.push(Seen::Pong(payload));
                }
                None => {}
            }
            Ok(())
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
    let characters = ['a', 'é', '€', '😀'];
    let unit: String = characters.into_iter().cycle().skip(usize::from(pattern % 4)).take(4).collect();
    let mut text = unit.repeat(len / unit.len());
    for character in unit.chars() {
        let fits = text.len() + character.len_utf8() <= len;
        text.push(if fits { character } else { break });
    }
    text.extend(iter::repeat_n('.', len - text.len()));
    text
}

/// What comes of an offer, and how we compress.
fn agreement(input: &mut Unstructured<'_>) -> Result<Agreed> {
    let either = |yes, parameter| if yes { parameter } else { "" };
    let server = either(input.arbitrary()?, "; server_no_context_takeover");
    let client = either(input.arbitrary()?, "; client_no_context_takeover");
    let bits = input.int_in_range(8..=15)?;
    let options =
        Options { level: input.int_in_range(1..=9)?, threshold: *input.choose(&[0, 1, 126])?, ..Options::default() };
    Ok(agreed_with(options, &format!("{server}{client}; client_max_window_bits={bits}")))
}

/// What a server hears that understands compression.
fn heard(frames: Vec<(u8, Vec<u8>)>, agreed: &Agreed) -> Vec<Seen> {
    let mut inflater = PlainInflater::new(agreed.client_max_window_bits());
    let (mut seen, mut begun, mut under_way) = (Vec::new(), 0, Vec::new());
    for (first, payload) in frames {
        match first & 0x0F {
            0x08 => {
                let (code, reason) = payload.split_first_chunk().unwrap_or((&[0x03, 0xED], &[]));
                let reason = String::from_utf8(reason.into()).expect("text");
                seen.push(Seen::Close(CloseFrame { code: CloseCode(u16::from_be_bytes(*code)), reason }));
            }
            0x09 => seen.push(Seen::Ping(payload)),
            0x0A => seen.push(Seen::Pong(payload)),
            opcode => {
                assert_eq!(opcode == 0, begun != 0, "a message begins where none is under way");
                assert!(opcode != 0 || first & 0x40 == 0, "only the first frame says that it is compressed");
                begun = if opcode == 0 { begun } else { first };
                under_way.extend(payload);
                if first & 0x80 != 0 {
                    let mut bytes = std::mem::take(&mut under_way);
                    if begun & 0x40 != 0 {
                        bytes = inflater.message(&bytes);
                        if agreed.client_no_context_takeover() {
                            inflater.forget();
                        }
                    }
                    seen.push(Seen::Message { text: begun & 0x0F == 1, bytes });
                    begun = 0;
                }
            }
        }
    }
    seen
}

fn control(input: &mut Unstructured<'_>) -> Result<Option<Control>> {
    let payload = |input: &mut Unstructured<'_>| Ok(vec![input.arbitrary()?; input.int_in_range(0..=125)?]);
    Ok(match input.int_in_range(0..=5)? {
        0 => Some(Control::Ping(payload(input)?)),
        1 => Some(Control::Pong(payload(input)?)),
        2 => Some(Control::Asked(payload(input)?)),
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
