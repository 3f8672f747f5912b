//! A connection in memory: what a server sends, and what the machine makes of it.

use steadfast_core::{
    CloseFrame, Message,
    wire::{Buffer, Config, Event, FrameHeader, OpCode, Violation, Wire},
};

/// What came in, to keep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Message(Message<'static>),
    Piece(Message<'static>, bool, bool),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(CloseFrame),
    Broken(Violation),
}

/// The machine with its buffers.
pub(crate) struct Peer {
    pub(crate) wire: Wire,
    pub(crate) assembly: Buffer,
    pub(crate) out: Buffer,
}

impl Peer {
    pub(crate) fn new(config: Config) -> Self {
        Self { wire: Wire::new(config, [7; 32]), assembly: Buffer::new(), out: Buffer::new() }
    }

    /// What these bytes come to.
    pub(crate) fn feed(&mut self, mut input: &[u8]) -> Vec<Seen> {
        let mut seen = Vec::new();
        while let Some(event) = self.wire.receive(&mut input, &mut self.assembly, &mut self.out) {
            seen.push(match event {
                Ok(Event::Message(message)) => Seen::Message(message.into_owned()),
                Ok(Event::Piece(piece)) => Seen::Piece(piece.payload.into_owned(), piece.first, piece.last),
                Ok(Event::Ping(payload)) => Seen::Ping(payload.to_vec()),
                Ok(Event::Pong(payload)) => Seen::Pong(payload.to_vec()),
                Ok(Event::Close(frame)) => Seen::Close(frame),
                Ok(event) => panic!("not known to the tests: {event:?}"),
                Err(violation) => Seen::Broken(violation),
            });
        }
        assert!(input.is_empty(), "all of the input is taken");
        seen
    }

    /// Takes what was written, as frames without their masks.
    pub(crate) fn written(&mut self) -> Vec<(FrameHeader, Vec<u8>)> {
        let frames = frames(self.out.as_slice());
        self.out.clear();
        frames
    }
}

/// What these bytes come to, on a connection of their own: all at once, byte by byte, and cut anywhere in two.
pub(crate) fn receive_with(config: Config, bytes: &[u8]) -> Vec<Seen> {
    let mut whole = Peer::new(config);
    let seen = whole.feed(bytes);
    let mut by_bytes = Peer::new(config);
    let one_by_one: Vec<_> = bytes.iter().flat_map(|byte| by_bytes.feed(&[*byte])).collect();
    assert_eq!(one_by_one, seen, "byte by byte");
    assert_eq!(by_bytes.out.as_slice(), whole.out.as_slice(), "the answers, byte by byte");
    for cut in (0..bytes.len()).step_by(1 + bytes.len() / 300) {
        let mut halves = Peer::new(config);
        let mut cut_in_two = halves.feed(&bytes[..cut]);
        cut_in_two.extend(halves.feed(&bytes[cut..]));
        assert_eq!(cut_in_two, seen, "cut at {cut}");
    }
    seen
}

/// As [`receive_with`], with the default configuration.
pub(crate) fn receive(bytes: &[u8]) -> Vec<Seen> {
    receive_with(Config::default(), bytes)
}

/// The one violation that these bytes come to, with no message before it.
pub(crate) fn violation(bytes: &[u8]) -> Violation {
    match &receive(bytes)[..] {
        [Seen::Broken(violation)] => *violation,
        seen => panic!("{seen:?}"),
    }
}

/// A frame as a server writes it.
pub(crate) fn frame(fin: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader { fin, rsv1: false, opcode, mask: None, len: payload.len() as u64 };
    let (bytes, len) = header.to_bytes();
    [&bytes[..len], payload].concat()
}

/// A whole text message of a server's.
pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(true, OpCode::Text, text.as_bytes())
}

/// A close frame of a server's.
pub(crate) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(true, OpCode::Close, &[&code.to_be_bytes(), reason].concat())
}

/// A client's frames, without their masks.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(FrameHeader, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((header, taken)) = FrameHeader::parse(bytes).expect("the header is well formed") {
        let key = header.mask.expect("a client's frame is masked");
        let end = taken + usize::try_from(header.len).expect("short");
        frames.push((header, bytes[taken..end].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()));
        bytes = &bytes[end..];
    }
    assert!(bytes.is_empty(), "whole frames are written");
    frames
}
