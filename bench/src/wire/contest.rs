//! What a contestant has to be able to do, and the proof that it does it.

use std::{hint::black_box, sync::Arc};

use bytes::Bytes;

use super::{
    input::{Input, Kind},
    pipe::{Kept, Pipe},
};

/// What becomes of a received message.
pub(crate) trait Take {
    /// It is `kind`, and this is its payload, validated if it is text.
    fn take(&mut self, kind: Kind, payload: &[u8]);

    /// This is a part of it, and maybe the last.
    fn take_part(&mut self, kind: Kind, part: &[u8], last: bool);
}

/// A client that reads messages through one API of one library.
pub(crate) trait Receive: Sized + 'static {
    /// A connection behind its handshake that reads from `pipe` with a read buffer of `buffer` bytes, if it has a say.
    fn new(pipe: Pipe, buffer: usize, input: &Input) -> Self;

    /// Hands over at least `messages` messages.
    fn receive<T: Take>(&mut self, messages: usize, take: &mut T);
}

/// A client that writes messages through one API of one library.
pub(crate) trait Transmit: Sized + 'static {
    /// A connection behind its handshake that writes to `pipe`, with a write buffer of `buffer` bytes if it has a say.
    /// `messages` are what it will send; they may be put into whatever form its API takes, but not masked or framed.
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self;

    /// Sends so many messages, beginning with the first and going round; each [`BATCH`] is flushed, so that all of it is
    /// in the pipe.
    fn transmit(&mut self, messages: usize);
}

/// After so many messages whoever sends says that it is done for now.
pub(crate) const BATCH: usize = 16;

/// The buffer sizes to choose from.
pub(crate) const BUFFERS: [usize; 6] = [2 * 1024, 4 * 1024, 8 * 1024, 16 * 1024, 32 * 1024, 64 * 1024];

/// Something that can be timed.
pub(crate) trait Contestant {
    /// Receives or sends at least so many messages; how many.
    fn run(&mut self, messages: usize) -> usize;
}

/// One line of the results: a library, and how it is used.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    /// A new connection.
    pub(crate) make: fn(&Input, usize) -> Box<dyn Contestant>,
    /// Whether it does what it should, message for message.
    pub(crate) check: fn(&Input, usize) -> Result<(), String>,
}

/// On whose behalf a line is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// This library's, to be compared with the peers' best.
    Ours,
    /// This library's, for an application that keeps the messages.
    OursToo,
    /// This library's, for an application that needs no message as a whole.
    OursInPieces,
    Peer,
    /// A peer that masks the message where the application has it, which is then spent.
    Spending,
    /// A peer whose masks can be predicted, which RFC 6455 §5.3 forbids.
    WeakPeer,
    /// What the machine needs for the bytes alone.
    Yardstick,
}

impl Entry {
    /// A receiver.
    pub(crate) fn receiver<R: Receive>(name: &'static str, side: Side) -> Self {
        Self {
            name,
            side,
            make: |input, buffer| Box::new(Receiving(R::new(Pipe::reading(&input.stream, buffer), buffer, input))),
            check: |input, buffer| {
                let mut check = Check { input, next: 0, parts: Vec::new(), wrong: None };
                let mut receiver = R::new(Pipe::reading(&input.stream, buffer), buffer, input);
                // Once round, and over the seam.
                receiver.receive(input.messages.len() + 3, &mut check);
                check.wrong.map_or(Ok(()), Err)
            },
        }
    }

    /// A sender.
    pub(crate) fn sender<S: Transmit>(name: &'static str, side: Side) -> Self {
        Self {
            name,
            side,
            make: |input, buffer| Box::new(Sending(S::new(Pipe::writing(None), buffer, input.kind, input.outgoing()))),
            check: |input, buffer| {
                let kept = Kept::default();
                let pipe = Pipe::writing(Some(Arc::clone(&kept)));
                S::new(pipe, buffer, input.kind, &input.messages[..BATCH]).transmit(BATCH);
                let bytes = kept.lock().expect("nobody panics with it");
                judge_sent(&bytes, input)
            },
        }
    }

    /// The same, without a claim to have transferred messages.
    pub(crate) fn yardstick(name: &'static str, make: fn(&Input, usize) -> Box<dyn Contestant>) -> Self {
        Self { name, side: Side::Yardstick, make, check: |_, _| Ok(()) }
    }
}

struct Receiving<R>(R);

impl<R: Receive> Contestant for Receiving<R> {
    fn run(&mut self, messages: usize) -> usize {
        let mut count = Count::default();
        self.0.receive(messages, &mut count);
        black_box(count.bytes);
        count.messages
    }
}

struct Sending<S>(S);

impl<S: Transmit> Contestant for Sending<S> {
    fn run(&mut self, messages: usize) -> usize {
        let messages = messages.next_multiple_of(BATCH);
        self.0.transmit(messages);
        messages
    }
}

/// An application that looks at each message's length and first byte, to be sure that it is there.
#[derive(Default)]
struct Count {
    messages: usize,
    bytes: usize,
}

impl Take for Count {
    #[inline]
    fn take(&mut self, kind: Kind, payload: &[u8]) {
        self.messages += 1;
        self.bytes += payload.len() + usize::from(payload.first().copied().unwrap_or(0)) + kind as usize;
        black_box(payload);
    }

    #[inline]
    fn take_part(&mut self, kind: Kind, part: &[u8], last: bool) {
        self.take(kind, part);
        self.messages -= usize::from(!last);
    }
}

struct Check<'a> {
    input: &'a Input,
    next: usize,
    parts: Vec<u8>,
    wrong: Option<String>,
}

impl Take for Check<'_> {
    fn take(&mut self, kind: Kind, payload: &[u8]) {
        let expected = &self.input.messages[self.next % self.input.messages.len()];
        if (kind != self.input.kind || payload != expected) && self.wrong.is_none() {
            self.wrong = Some(format!("message {} is not what was sent", self.next));
        }
        self.next += 1;
    }

    fn take_part(&mut self, kind: Kind, part: &[u8], last: bool) {
        self.parts.extend_from_slice(part);
        if last {
            let message = std::mem::take(&mut self.parts);
            self.take(kind, &message);
        }
    }
}

/// Whether these bytes are the first batch of messages, each as one masked frame.
fn judge_sent(mut bytes: &[u8], input: &Input) -> Result<(), String> {
    let first_byte = if input.kind == Kind::Text { 0x81 } else { 0x82 };
    let mut masks = Vec::new();
    for (index, expected) in input.messages[..BATCH].iter().enumerate() {
        let (head, mask, payload) = split_frame(&mut bytes).ok_or_else(|| format!("message {index} is cut off"))?;
        let unmasked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        if head != first_byte || !unmasked.eq(expected.iter().copied()) {
            return Err(format!("message {index} is not what was to be sent"));
        }
        masks.push(mask);
    }
    masks.dedup();
    match (bytes.len(), masks.len()) {
        (0, BATCH) => Ok(()),
        (0, _) => Err(String::from("two frames in a row have the same mask")),
        (more, _) => Err(format!("{more} bytes too many")),
    }
}

/// Takes one masked frame from the front: first byte, mask, masked payload.
fn split_frame<'a>(bytes: &mut &'a [u8]) -> Option<(u8, [u8; 4], &'a [u8])> {
    let [first, second] = *bytes.split_off(..2)? else { return None };
    let len = match second {
        254 => u64::from(u16::from_be_bytes(bytes.split_off(..2)?.try_into().ok()?)),
        255 => u64::from_be_bytes(bytes.split_off(..8)?.try_into().ok()?),
        128..254 => u64::from(second - 128),
        ..128 => return None,
    };
    let mask = bytes.split_off(..4)?.try_into().ok()?;
    Some((first, mask, bytes.split_off(..usize::try_from(len).ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_with_a_wrong_byte_is_seen() {
        let input = Input::new(Kind::Binary, 16);
        let mut bytes = Vec::new();
        for (index, message) in input.messages[..BATCH].iter().enumerate() {
            let mask = [1, 2, 3, u8::try_from(index).expect("below 16")];
            bytes.extend_from_slice(&[0x82, 0x90]);
            bytes.extend_from_slice(&mask);
            bytes.extend(message.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        }
        assert_eq!(judge_sent(&bytes, &input), Ok(()));
        bytes[300] ^= 1;
        assert!(judge_sent(&bytes, &input).is_err());
    }
}
