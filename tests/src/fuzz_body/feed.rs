//! A connection that is fed bytes in pieces of any sizes, and what it made of them.

use steadfast_core::{
    CloseFrame,
    wire::{Buffer, Config, Event, Violation, Wire, deflate::Agreed},
};

/// How the bytes come in.
#[derive(Clone, Copy, Debug)]
pub enum Cuts {
    /// All at once.
    None,
    /// So many at a time.
    Every(usize),
    /// Drawn from this seed, with each chunk below a size that is drawn, too; and where there is space to read into
    /// directly, half of the time that way.
    Drawn(u64),
}

/// What came in, to keep. Pieces that follow one another are one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// A whole message.
    Message {
        /// Whether it is text.
        text: bool,
        /// Its payload.
        bytes: Vec<u8>,
    },
    /// A part of a message.
    Piece {
        /// Whether it is text.
        text: bool,
        /// Its payload.
        bytes: Vec<u8>,
        /// Whether the message begins with it.
        first: bool,
        /// Whether the message ends with it.
        last: bool,
    },
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame.
    Close(CloseFrame),
}

/// One connection, and all that became of it.
#[derive(Debug)]
pub struct Feed {
    /// The connection.
    pub wire: Wire,
    /// Where it assembles messages.
    pub assembly: Buffer,
    /// What it wrote and was not taken away.
    pub out: Buffer,
    /// Who takes away what it wrote; `None` if nobody ever does.
    pub taker: Option<Taker>,
    /// Whether what compression does not need is given back behind each chunk.
    pub releases: bool,
    /// What it made of the bytes.
    pub seen: Vec<Seen>,
    /// How it ended, if it ended badly.
    pub violation: Option<Violation>,
    /// How many bytes came in.
    came_in: u64,
    /// Whether they may be compressed.
    deflate: bool,
}

/// A socket that now and then takes what there is, or some of it.
#[derive(Debug)]
pub struct Taker {
    /// After how many events it does.
    pub every: usize,
    /// How many bytes it takes then, at most.
    pub most: usize,
    /// What it took.
    pub bytes: Vec<u8>,
    /// How many pings had come in each time that it did, up to the server's close frame.
    pub pings: Vec<usize>,
    events: usize,
}

impl Taker {
    /// One that takes so many bytes of what was written, after each so many events.
    #[must_use]
    pub const fn new(every: usize, most: usize) -> Self {
        Self { every, most, bytes: Vec::new(), pings: Vec::new(), events: 0 }
    }
}

impl Feed {
    /// An open connection, whose buffer is never emptied.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::over(Wire::new(config, SEED), false)
    }

    /// The same, on which compression was agreed.
    #[must_use]
    pub fn with_deflate(config: Config, agreed: &Agreed) -> Self {
        Self::over(Wire::with_deflate(config, agreed, SEED), true)
    }

    fn over(wire: Wire, deflate: bool) -> Self {
        Self {
            wire,
            assembly: Buffer::new(),
            out: Buffer::new(),
            taker: None,
            releases: false,
            seen: Vec::new(),
            violation: None,
            came_in: 0,
            deflate,
        }
    }

    /// How many bytes came in.
    #[must_use]
    pub const fn came_in(&self) -> u64 {
        self.came_in
    }

    /// Feeds all of it, and holds it to what is true of any bytes: nothing comes behind the end, and memory is bounded.
    ///
    /// # Panics
    /// If that is not so.
    pub fn all(&mut self, mut bytes: &[u8], cuts: Cuts) {
        let mut draw = match cuts {
            Cuts::Drawn(seed) => seed | 1,
            Cuts::None | Cuts::Every(_) => 0,
        };
        while !bytes.is_empty() {
            let (len, directly) = match cuts {
                Cuts::None => (bytes.len(), false),
                Cuts::Every(len) => (len.max(1), false),
                Cuts::Drawn(_) => {
                    let most = 1 << (next(&mut draw) % 14);
                    (1 + usize::try_from(next(&mut draw) % most).expect("small"), next(&mut draw) & 1 == 0)
                }
            };
            let (chunk, rest) = bytes.split_at(len.min(bytes.len()));
            bytes = rest;
            if directly {
                self.directly(chunk);
            } else {
                self.chunk(chunk);
            }
            if self.releases {
                self.wire.release();
            }
        }
    }

    /// Feeds one chunk, until it is taken; see [`all`](Self::all).
    ///
    /// # Panics
    /// As `all` does.
    pub fn chunk(&mut self, chunk: &[u8]) {
        let mut input = chunk;
        self.came_in += chunk.len() as u64;
        loop {
            let left = input.len();
            let Some(event) = self.wire.receive(&mut input, &mut self.assembly, &mut self.out) else { break };
            assert!(self.violation.is_none(), "{event:?} after a violation");
            assert!(!matches!(self.seen.last(), Some(Seen::Close(_))), "{event:?} after a close frame");
            match event {
                Ok(event) => note(&mut self.seen, event),
                Err(violation) => self.violation = Some(violation),
            }
            assert!(input.len() <= left);
            self.bounded();
            self.take();
        }
        assert!(input.is_empty(), "None is said when all is taken");
        self.bounded();
    }

    /// Feeds one chunk by way of the space in the assembly buffer, as far as there is any.
    fn directly(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            let Some(space) = self.wire.space(&mut self.assembly) else { return self.chunk(chunk) };
            assert!(!space.is_empty(), "no space is None");
            let (taken, rest) = chunk.split_at(space.len().min(chunk.len()));
            space[..taken.len()].copy_from_slice(taken);
            self.came_in += taken.len() as u64;
            self.wire.filled(taken.len(), &mut self.assembly);
            self.chunk(&[]);
            chunk = rest;
        }
    }

    /// An event is over: perhaps what was written is taken away.
    fn take(&mut self) {
        let Some(taker) = &mut self.taker else { return };
        taker.events += 1;
        if taker.events.is_multiple_of(taker.every) {
            let bytes = self.out.len().min(taker.most);
            taker.bytes.extend(&self.out.as_slice()[..bytes]);
            self.out.consume(bytes);
            self.wire.pull(&mut self.out);
            if !self.wire.is_closed() {
                taker.pings.push(self.seen.iter().filter(|seen| matches!(seen, Seen::Ping(_))).count());
            }
        }
    }

    /// Memory follows what came in, and the limits; never what a header says will come.
    fn bounded(&self) {
        let config = self.wire.config();
        let most = self.came_in.min(config.max_message_bytes + 125);
        let space = config.max_frame_bytes.min(most);
        let limit = if config.pieces { PIECE } else { config.max_message_bytes + 1 };
        let inflated = if self.deflate { limit.min(self.came_in * INFLATES_TO + ROOM) } else { 0 };
        let bound = usize::try_from(2 * (most + space + inflated) + 256).unwrap_or(usize::MAX);
        let held = self.assembly.capacity();
        assert!(self.out.len() <= 65 * (6 + 125), "{} B wait to be written", self.out.len());
        assert!(held <= bound, "{held} B are held to assemble {} B, where {bound} are enough", self.came_in);
    }
}

/// Draws a number: all the bits of one that is not 0 are mixed (xorshift64*).
fn next(draw: &mut u64) -> u64 {
    *draw ^= *draw >> 12;
    *draw ^= *draw << 25;
    *draw ^= *draw >> 27;
    draw.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
}

fn note(seen: &mut Vec<Seen>, event: Event<'_>) {
    let event = match event {
        Event::Message(message) => {
            let kept = Seen::Message { text: message.as_text().is_some(), bytes: message.as_bytes().into() };
            // Kept or not: a message that is kept takes its buffer along.
            let again = if seen.len() & 1 == 0 { message.into_owned() } else { message.into_message() };
            assert_eq!(Seen::Message { text: again.is_text(), bytes: again.as_bytes().into() }, kept);
            kept
        }
        Event::Piece(piece) => {
            let (text, more) = (piece.payload.is_text(), piece.payload.as_bytes());
            match seen.last_mut() {
                Some(Seen::Piece { text: same, bytes, last, .. }) if !piece.first => {
                    assert!(!*last, "a message begins with its first piece");
                    assert_eq!(*same, text, "a message does not change its kind");
                    bytes.extend(more);
                    *last = piece.last;
                    return;
                }
                _ => Seen::Piece { text, bytes: more.into(), first: piece.first, last: piece.last },
            }
        }
        Event::Ping(payload) => Seen::Ping(payload.into()),
        Event::Pong(payload) => Seen::Pong(payload.into()),
        Event::Close(frame) => Seen::Close(frame),
        other => panic!("an event that nobody knows: {other:?}"),
    };
    seen.push(event);
}

/// What the masks are made of.
const SEED: [u8; 32] = [7; 32];
/// How much one byte can become (RFC 1951 §3.2.5: 258 bytes for two bits).
const INFLATES_TO: u64 = 1_032;
/// How much room is made to inflate into, at most.
const ROOM: u64 = 64 << 10;
/// How much of a piece is inflated at once, with an incomplete character before it.
const PIECE: u64 = (16 << 10) + 3;
