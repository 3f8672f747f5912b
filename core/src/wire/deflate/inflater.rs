//! Compressed messages on their way in (RFC 7692 §7.2.2).

use core::fmt;

use zlib_rs::{Inflate, InflateError, InflateFlush, Status};

use super::{Agreed, history::History};
use crate::wire::Buffer;

/// Inflates the server's messages, in whatever pieces they come, and never more of one than it is asked for.
///
/// Between messages it keeps the server's window, unless it was agreed that the server does without. Memory is taken
/// with the first compressed message.
///
/// ```
/// use steadfast_core::wire::{Buffer, deflate::{Corrupt, Inflater, Offer, Options, Progress}};
///
/// let agreed = Offer::new(Options::default())?.judge("permessage-deflate")?.expect("the server compresses");
/// let mut inflater = Inflater::new(&agreed);
/// let mut message = Buffer::new();
/// // One message in two frames, of which at most 100 bytes are wanted (RFC 7692 §7.2.3.1).
/// for mut payload in [&b"\xf2\x48\xcd"[..], &b"\xc9\xc9\x07\x00"[..]] {
///     assert_eq!(inflater.inflate(&mut payload, &mut message, 100)?, Progress::NeedsInput);
/// }
/// assert_eq!(inflater.finish(&mut message, 100)?, Progress::NeedsInput);
/// assert_eq!(message.as_slice(), b"Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Inflater {
    /// `None` until the first compressed message, and when its memory was given back.
    stream: Option<Inflate>,
    /// What the stream may refer back to. zlib's window is a copy of it that cannot be read.
    history: History,
    /// Whether messages refer back to those before them.
    takeover: bool,
    /// Whether a message began, and bytes of it came.
    within: bool,
    /// Whether more may be waiting to be inflated from what was taken.
    full: bool,
}

/// How far inflating came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Everything that came in is inflated.
    NeedsInput,
    /// As many bytes as were asked for are inflated. There may be more.
    Full,
}

/// A message that cannot be inflated. What comes after it cannot be read either: the connection has to be failed, and
/// the inflater is of no more use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Corrupt {
    /// Something that DEFLATE does not have (RFC 1951 §3.2): a type of block, a code, a distance beyond the beginning.
    Invalid,
    /// The message ends within a block (RFC 7692 §7.2.1: it has to end where an empty stored block could follow).
    Truncated,
}

impl Inflater {
    /// For the messages of a server with which this was agreed. It has not allocated.
    #[must_use]
    pub fn new(agreed: &Agreed) -> Self {
        let bits = agreed.server_max_window_bits().max(SMALLEST_WINDOW_BITS);
        Self {
            stream: None,
            history: History::new(1 << bits),
            takeover: !agreed.server_no_context_takeover(),
            within: false,
            full: false,
        }
    }

    /// Takes compressed bytes from the front of `input` and appends what they inflate to, at most `max` bytes. After
    /// [`Progress::Full`] it goes on where it stopped, if need be with an empty `input`.
    ///
    /// Whoever has a limit asks for one byte more than is left of it: that byte is the proof that the limit is broken.
    ///
    /// # Errors
    /// When the bytes are no DEFLATE stream. What was inflated before that is appended.
    pub fn inflate(&mut self, input: &mut &[u8], out: &mut Buffer, max: usize) -> Result<Progress, Corrupt> {
        let mut left = max;
        while !input.is_empty() || self.full {
            if left == 0 {
                self.full = true;
                return Ok(Progress::Full);
            }
            let step = input.len().saturating_mul(4).clamp(STEP.0, STEP.1).min(left);
            let room = out.room(step);
            let len = room.len().min(left);
            let step = self.step(input, &mut room[..len], InflateFlush::NoFlush);
            out.fill(step.produced);
            left -= step.produced;
            self.full = step.produced == len;
            match step.outcome {
                Ok(Status::StreamEnd) => self.begin_again(),
                // zlib looks ahead as far as it can, which depends on how the bytes were cut. So what is wrong behind the
                // last byte that was asked for is said when more is asked for: zlib then says it again.
                Err(_) if left == 0 => {}
                Err(_) => return Err(Corrupt::Invalid),
                // It cannot be: but if it were, this would never end.
                Ok(_) if step.taken + step.produced == 0 && !input.is_empty() => return Err(Corrupt::Invalid),
                Ok(Status::Ok | Status::BufError) => {}
            }
        }
        Ok(Progress::NeedsInput)
    }

    /// The message ends with what came in. If more of it waits to be inflated, at most `max` bytes of that are appended,
    /// and after [`Progress::Full`] this has to be called again; with [`Progress::NeedsInput`] the message is whole.
    ///
    /// # Errors
    /// When that is no end of a message.
    pub fn finish(&mut self, out: &mut Buffer, max: usize) -> Result<Progress, Corrupt> {
        if self.inflate(&mut &[][..], out, max)? == Progress::Full {
            return Ok(Progress::Full);
        }
        // A message without a byte is not what §7.2.3.6 says an empty one is. But there is nothing to inflate in it.
        if self.within {
            self.end_block()?;
            if !self.takeover {
                self.history.clear();
                self.begin_again();
            }
            self.within = false;
        }
        Ok(Progress::NeedsInput)
    }

    /// How many bytes of memory it holds.
    #[must_use]
    pub const fn memory(&self) -> usize {
        let stream = if self.stream.is_some() { STREAM_BYTES } else { 0 };
        stream + self.history.memory()
    }

    /// Gives back all memory but that of the window's bytes that the server may refer back to. In the middle of a message
    /// it does nothing.
    pub fn release(&mut self) {
        if !self.within {
            self.stream = None;
            self.history.release();
        }
    }

    /// One call of zlib's.
    fn step(&mut self, input: &mut &[u8], room: &mut [u8], flush: InflateFlush) -> Step {
        self.within = true;
        let history = &self.history;
        let stream = self.stream.get_or_insert_with(|| stream(history));
        let before = (stream.total_in(), stream.total_out());
        let outcome = stream.decompress(input, room, flush);
        let taken = count(stream.total_in() - before.0);
        let produced = count(stream.total_out() - before.1);
        *input = &input[taken..];
        self.history.extend(&room[..produced]);
        Step { taken, produced, outcome }
    }

    /// Appends the end that the server cut off, which is that of an empty stored block whose header is the last thing in
    /// the message. So zlib, when it is to stop behind a block, stops exactly there, having produced nothing. In the
    /// middle of any block it stops sooner, produces something, finds an error, or takes the byte that is one too many.
    fn end_block(&mut self) -> Result<(), Corrupt> {
        let mut end = &[0, 0, 0xff, 0xff, 0][..];
        let step = self.step(&mut end, &mut [0; 8], InflateFlush::Block);
        match step.outcome {
            Ok(Status::Ok) if (step.taken, step.produced) == (4, 0) => Ok(()),
            Ok(_) | Err(_) => Err(Corrupt::Truncated),
        }
    }

    /// A block said that it is the last (§7.2.3.4). More may follow, and may refer back to what came before it.
    fn begin_again(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.reset(false);
            restore(stream, &self.history);
        }
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inflater({} B)", self.memory())
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str("the compressed message is corrupt"),
            Self::Truncated => f.write_str("the compressed message ends within a block"),
        }
    }
}

impl core::error::Error for Corrupt {}

/// What a call of zlib's came to.
struct Step {
    taken: usize,
    produced: usize,
    outcome: Result<Status, InflateError>,
}

/// A stream without a header, that may refer back to this. zlib-rs has windows of one size only.
fn stream(history: &History) -> Inflate {
    let mut stream = Inflate::new(false, 15);
    restore(&mut stream, history);
    stream
}

fn restore(stream: &mut Inflate, history: &History) {
    for part in history.parts() {
        stream.set_dictionary(part).expect("a stream without a header takes a dictionary anywhere");
    }
}

/// What one call took or produced: no more than a slice has.
fn count(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a slice's length")
}

/// A compressor that is asked for a window of 256 bytes may take twice as much, as older versions of zlib do.
const SMALLEST_WINDOW_BITS: u8 = 9;

/// For how many bytes room is made at a time, at least and at most. What room there is, is used.
const STEP: (usize, usize) = (1 << 10, 64 << 10);

/// What a stream of zlib-rs takes: 32 KiB of window and its tables.
const STREAM_BYTES: usize = 47_552;
