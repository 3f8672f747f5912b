//! The target `deflate`: bombs and corrupt streams stay inside their limit, and valid ones are what they are elsewhere.

use steadfast_core::wire::{
    Buffer,
    deflate::{Corrupt, Deflater, Inflater, Options, Progress},
};

use super::{
    plain_deflate::{PlainDeflater, PlainInflater, agreed, agreed_with},
    plain_inflate::{Opinion, Reader},
};

/// The first bytes say what is agreed, how the rest is cut and what it is: messages as a server sends them, or messages
/// to be compressed.
///
/// # Panics
/// When how bytes are cut matters, memory is not bounded, or another implementation thinks otherwise.
pub fn deflate(bytes: &[u8]) {
    let Some((&head, bytes)) = bytes.split_first_chunk::<8>() else { return };
    if head[0] & 1 == 0 { hear(head, &messages(bytes)) } else { converse(head, &messages(bytes)) }
}

/// Arbitrary bytes as a server's messages.
fn hear(head: [u8; 8], payloads: &[&[u8]]) {
    let [flags, limit, window, .., most] = head;
    let takeover = flags & 2 == 0;
    let window = 8 + window % 8;
    // A server that breaks its word about the window may be found out, or not, by memory that was given back.
    let release = flags & 4 != 0 && window == 15;
    let reset = if takeover { "" } else { "; server_no_context_takeover" };
    let new = || Inflater::new(&agreed(&format!("{reset}; server_max_window_bits={window}")));
    let limit = if limit == 255 { 1 << 20 } else { usize::from(limit) * 16 };
    let (mut once, mut again, mut draw) = (new(), new(), Draw(u64::from_be_bytes(head)));
    let (mut plain, mut elsewhere) = (Reader::new(1 << window.max(9)), PlainInflater::new(15));
    for payload in payloads {
        let whole = once.message(payload, limit, None);
        let cut = again.message(payload, limit, Some((&mut draw, usize::from(most) + 1)));
        assert_eq!(whole, cut, "cuts matter");
        for inflater in [&once, &again] {
            assert!(inflater.memory() <= (1 << window.max(9)) + (47 << 10), "{inflater:?}");
        }
        // Nothing is not what RFC 7692 §7.2.3.6 says an empty message is, and is taken for one.
        let read = if payload.is_empty() { Opinion::Whole(Vec::new()) } else { plain.message(payload, limit) };
        match (whole, read) {
            (Ok(message), Opinion::Whole(read)) => {
                assert_eq!(message, read, "another reading has another message");
                if !payload.is_empty() {
                    assert_eq!(elsewhere.judge(payload), Ok(message), "another implementation thinks otherwise");
                }
            }
            // miniz_oxide reads some of what is invalid, on purpose: distances beyond the beginning, as a window of zeros,
            // and sets of codes that are incomplete. But it knows where a block ends.
            (Err(Lost::Corrupt(Corrupt::Truncated)), Opinion::Corrupt) => {
                return assert!(elsewhere.judge(payload).is_err(), "another implementation finds an end");
            }
            (Err(Lost::TooLong), Opinion::TooLong)
            | (Err(Lost::Corrupt(_)), Opinion::Corrupt)
            | (_, Opinion::BeyondWindow) => return,
            (whole, read) => panic!("{whole:?}, where another reading has {read:?}"),
        }
        if !takeover {
            plain.forget();
            elsewhere.forget();
        }
        if release {
            again.release();
            assert!(again.memory() <= 1 << 15, "{again:?}");
        }
    }
}

/// Messages in both directions, between us and another implementation.
fn converse(head: [u8; 8], texts: &[&[u8]]) {
    let [flags, level, window, times, .., most] = head;
    let takeover = flags & 2 == 0;
    let (level, window) = (1 + level % 9, 9 + window % 7);
    let reset = if takeover { "" } else { "; server_no_context_takeover; client_no_context_takeover" };
    let options = Options { level, ..Options::default() };
    let agreed = agreed_with(options, &format!("{reset}; client_max_window_bits={window}"));
    let (mut inflater, mut deflater) = (Inflater::new(&agreed), Deflater::new(&agreed).expect("a window"));
    let (mut hears, mut says) = (PlainInflater::new(window), PlainDeflater::new(level));
    let mut draw = Draw(u64::from_be_bytes(head));
    // More than the window, and no more than is quickly done.
    let mut left = 5 << (window - 1);
    for text in texts.iter().take(TEXTS) {
        let text = text.repeat(1 + draw.below(usize::from(times) + 1).min(left / text.len().max(1)));
        left = left.saturating_sub(text.len());
        if let Some(payload) = said(&mut deflater, &text, flags & 8 != 0, &mut draw) {
            assert_eq!(hears.message(&payload), text, "another implementation reads something else");
        }
        let payload = if draw.below(4) == 0 { says.final_message(&text) } else { says.message(&text) };
        let understood = inflater.message(&payload, text.len(), Some((&mut draw, usize::from(most) + 1)));
        assert_eq!(understood, Ok(text), "another implementation wrote something else");
        if !takeover {
            hears.forget();
            says.forget();
        }
        if flags & 4 != 0 {
            inflater.release();
            deflater.release();
            assert_eq!(deflater.memory(), 0);
        }
    }
}

/// What a message becomes: at once and only if it becomes shorter, or in pieces.
fn said(deflater: &mut Deflater, text: &[u8], shorten: bool, draw: &mut Draw) -> Option<Vec<u8>> {
    let mut payload = Buffer::new();
    if shorten {
        let compressed = deflater.shorten(text, &mut payload);
        assert_eq!(compressed, !payload.is_empty());
        assert!(payload.len() <= text.len());
        return compressed.then(|| payload.into_vec());
    }
    let (begin, end) = text.split_at(draw.below(text.len() + 1));
    deflater.deflate(begin, false, &mut payload);
    deflater.deflate(end, true, &mut payload);
    Some(payload.into_vec())
}

/// Why there is no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lost {
    TooLong,
    Corrupt(Corrupt),
}

trait Hear {
    /// One message, at once or in pieces of at most so many bytes, as a connection with a limit inflates it.
    fn message(&mut self, payload: &[u8], limit: usize, cut: Option<(&mut Draw, usize)>) -> Result<Vec<u8>, Lost>;
}

impl Hear for Inflater {
    fn message(&mut self, payload: &[u8], limit: usize, cut: Option<(&mut Draw, usize)>) -> Result<Vec<u8>, Lost> {
        let mut message = Buffer::new();
        let (mut rest, mut cut) = (payload, cut);
        // The pieces of much are larger, so that there are some hundreds at most.
        let mut most = |of: usize, much: usize| match &mut cut {
            Some((draw, most)) => (1 + draw.below(*most)).max(much / 64).min(of),
            None => of,
        };
        while !rest.is_empty() {
            let (mut piece, behind) = rest.split_at(most(rest.len(), rest.len()));
            rest = behind;
            within(limit, &mut message, &mut most, |out, max| self.inflate(&mut piece, out, max))?;
        }
        within(limit, &mut message, &mut most, |out, max| self.finish(out, max))?;
        Ok(message.into_vec())
    }
}

/// Inflates until more is needed, and asks for one byte more than the limit at most.
fn within(
    limit: usize,
    message: &mut Buffer,
    most: &mut impl FnMut(usize, usize) -> usize,
    mut inflate: impl FnMut(&mut Buffer, usize) -> Result<Progress, Corrupt>,
) -> Result<(), Lost> {
    loop {
        let (before, max) = (message.len(), most(limit + 1 - message.len(), message.len()));
        let progress = inflate(message, max).map_err(Lost::Corrupt)?;
        assert!(message.len() <= before + max, "more than was asked for");
        assert!(message.capacity() <= (2 * (limit + 1)).max(256), "{message:?} for {limit} B");
        match progress {
            _ if message.len() > limit => return Err(Lost::TooLong),
            Progress::NeedsInput => return Ok(()),
            Progress::Full => assert_eq!(message.len(), before + max),
        }
    }
}

/// Messages, each behind its length in two bytes.
fn messages(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while let Some((&len, rest)) = bytes.split_first_chunk::<2>() {
        let (message, rest) = rest.split_at(usize::from(u16::from_le_bytes(len)).min(rest.len()));
        messages.push(message);
        bytes = rest;
    }
    messages
}

/// Numbers of no meaning (a linear congruential generator: Knuth's MMIX).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end as u64).expect("below a number of its kind")
    }
}

/// How many texts a conversation has at most: what compresses them takes its memory, or clears it, for each.
const TEXTS: usize = 16;
