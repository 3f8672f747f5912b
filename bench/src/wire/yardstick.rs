//! What the bytes alone cost: nothing that handles them can be faster by much.

use std::hint::black_box;

use bytes::Bytes;

use super::{
    contest::{BATCH, Contestant, Entry},
    input::{Input, Kind},
    pipe::copy,
};

/// For receiving: each message copied once, as a read does; and, if it is text, copied and validated.
pub(crate) fn receivers(kind: Kind) -> Vec<Entry> {
    let mut entries = vec![Entry::yardstick("memcpy", |input, buffer| Box::new(Copied::new(input, buffer, false)))];
    if kind == Kind::Text {
        entries.push(Entry::yardstick("memcpy + simdutf8", |input, buffer| Box::new(Copied::new(input, buffer, true))));
    }
    entries
}

/// For sending: each message copied once into a buffer.
pub(crate) fn senders() -> Vec<Entry> {
    vec![Entry::yardstick("memcpy", |input, buffer| Box::new(Written::new(input, buffer)))]
}

/// Copies as many whole messages at a time as fit into the buffer, or a message in parts that do, cut between characters.
struct Copied {
    messages: Vec<u8>,
    /// Where each copy ends, and how many messages end with it.
    ends: Vec<(usize, usize)>,
    next: usize,
    buffer: Vec<u8>,
    size: usize,
    validate: bool,
}

impl Copied {
    fn new(input: &Input, buffer: usize, validate: bool) -> Self {
        let (mut ends, mut end) = (Vec::new(), 0);
        for messages in input.messages.chunks((buffer / input.size).max(1)) {
            let len = messages.len() * input.size;
            if len > buffer {
                let text = simdutf8::basic::from_utf8(&messages[0]).unwrap_or("");
                let mut at = text.floor_char_boundary(buffer).max(if validate { 0 } else { buffer });
                while at < len {
                    ends.push((end + at, 0));
                    let next = at + buffer;
                    at = if validate { text.floor_char_boundary(next) } else { next };
                }
            }
            end += len;
            ends.push((end, messages.len()));
        }
        let size = input.size;
        Self { messages: input.messages.concat(), ends, next: 0, buffer: vec![0; buffer.max(1)], size, validate }
    }
}

impl Contestant for Copied {
    fn run(&mut self, messages: usize) -> usize {
        let mut done = 0;
        while done < messages {
            let begin = if self.next == 0 { 0 } else { self.ends[self.next - 1].0 };
            let (end, whole) = self.ends[self.next];
            copy(&self.messages[begin..end], &mut self.buffer);
            let copy = &self.buffer[..end - begin];
            for part in copy.chunks(self.size) {
                if self.validate {
                    simdutf8::basic::from_utf8(part).expect("text messages are text");
                }
                black_box(part);
            }
            done += whole;
            self.next = if self.next + 1 == self.ends.len() { 0 } else { self.next + 1 };
        }
        done
    }
}

struct Written {
    messages: Vec<Bytes>,
    out: Vec<u8>,
    limit: usize,
}

impl Written {
    fn new(input: &Input, buffer: usize) -> Self {
        Self { messages: input.outgoing().to_vec(), out: Vec::new(), limit: buffer }
    }
}

impl Contestant for Written {
    fn run(&mut self, messages: usize) -> usize {
        let mut in_batch = 0;
        for message in self.messages.iter().cycle().take(messages) {
            self.out.extend_from_slice(message);
            in_batch += 1;
            if in_batch == BATCH || self.out.len() >= self.limit {
                black_box(&self.out[..]);
                self.out.clear();
                in_batch = 0;
            }
        }
        messages
    }
}
