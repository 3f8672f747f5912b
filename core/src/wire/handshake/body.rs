//! The body of a rejection, as far as it is kept (RFC 9112 §6).

use alloc::vec::Vec;
use core::fmt;

use super::{headers::Headers, list::elements, violation::shown};

/// How far the body of a rejection has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BodyState {
    /// More of it may come.
    Pending,
    /// All of it is here.
    Whole,
    /// The rest will not be: it was longer than [`Limits::max_body_bytes`](super::Limits) allows, not in the form that
    /// the head promised, or the stream ended too early.
    Cut,
}

/// The bytes kept, and where their end is.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Body {
    bytes: Vec<u8>,
    limit: usize,
    framing: Framing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Framing {
    /// This many bytes are left.
    Length(u64),
    /// Within the line before a chunk (RFC 9112 §7.1).
    ChunkSize(SizeLine),
    /// This many bytes of a chunk are left.
    Chunk(u64),
    /// Before the line's end behind a chunk.
    ChunkEnd,
    /// Behind its carriage return.
    ChunkLineFeed,
    /// The body ends with the stream.
    UntilEnd,
    Over(BodyState),
}

/// The line before a chunk: its size in hexadecimal digits, and perhaps extensions, which mean nothing here.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct SizeLine {
    size: Option<u64>,
    /// The digits are over.
    extension: bool,
    length: usize,
}

impl Body {
    /// A body that has not begun, of an answer with this head (RFC 9112 §6.3). Where the head contradicts itself, the
    /// body goes on to the end of the stream: it is shown to people, and nothing follows it.
    pub(super) fn new(status: u16, headers: &Headers, limit: usize) -> Self {
        let mut codings = headers.get_all("transfer-encoding").flat_map(elements);
        let framing = match (status, codings.next()) {
            (204 | 304, _) => Framing::Length(0),
            (_, Some(first)) if codings.last().unwrap_or(first).eq_ignore_ascii_case(b"chunked") => {
                Framing::ChunkSize(SizeLine::default())
            }
            (_, Some(_)) => Framing::UntilEnd,
            (_, None) => content_length(headers).map_or(Framing::UntilEnd, Framing::Length),
        };
        let mut body = Self { bytes: Vec::new(), limit, framing };
        body.receive(&mut &[][..]);
        body
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) const fn state(&self) -> BodyState {
        match self.framing {
            Framing::Over(state) => state,
            _ => BodyState::Pending,
        }
    }

    /// The stream ended.
    pub(super) fn ended(&mut self) {
        self.framing = match self.framing {
            Framing::UntilEnd => Framing::Over(BodyState::Whole),
            Framing::Over(state) => Framing::Over(state),
            _ => Framing::Over(BodyState::Cut),
        };
    }

    /// Takes what belongs to the body from the front of `input`.
    pub(super) fn receive(&mut self, input: &mut &[u8]) {
        loop {
            self.framing = match self.framing {
                Framing::Over(_) => return,
                Framing::Length(0) => Framing::Over(BodyState::Whole),
                Framing::Chunk(0) => Framing::ChunkEnd,
                // What is left is more than nothing, and there is no room for it.
                Framing::Length(_) | Framing::Chunk(_) if self.bytes.len() == self.limit => {
                    Framing::Over(BodyState::Cut)
                }
                _ if input.is_empty() => return,
                Framing::UntilEnd if self.bytes.len() == self.limit => Framing::Over(BodyState::Cut),
                Framing::UntilEnd => {
                    self.keep(u64::MAX, input);
                    Framing::UntilEnd
                }
                Framing::Length(left) => Framing::Length(self.keep(left, input)),
                Framing::Chunk(left) => Framing::Chunk(self.keep(left, input)),
                Framing::ChunkSize(line) => line.receive(first(input)),
                Framing::ChunkEnd => match first(input) {
                    b'\r' => Framing::ChunkLineFeed,
                    b'\n' => Framing::ChunkSize(SizeLine::default()),
                    _ => Framing::Over(BodyState::Cut),
                },
                Framing::ChunkLineFeed => match first(input) {
                    b'\n' => Framing::ChunkSize(SizeLine::default()),
                    _ => Framing::Over(BodyState::Cut),
                },
            };
        }
    }

    /// Takes no more than `left` bytes and than there is room for; how many are left then.
    fn keep(&mut self, left: u64, input: &mut &[u8]) -> u64 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.limit - self.bytes.len());
        let (kept, rest) = input.split_at(most.min(input.len()));
        self.bytes.extend_from_slice(kept);
        *input = rest;
        left - kept.len() as u64
    }
}

impl fmt::Debug for Body {
    /// The beginning of it, readable: a rejection is logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} B: {})", self.state(), self.bytes.len(), shown(&self.bytes))
    }
}

impl SizeLine {
    fn receive(mut self, byte: u8) -> Framing {
        self.length += 1;
        let broken = Framing::Over(BodyState::Cut);
        match (byte, self.size) {
            _ if self.length > MAX_SIZE_LINE => broken,
            (b'\n', None) => broken,
            // The last chunk. Trailers may follow, and are nothing that anybody waits for.
            (b'\n', Some(0)) => Framing::Over(BodyState::Whole),
            (b'\n', Some(size)) => Framing::Chunk(size),
            (_, size) if !self.extension && byte.is_ascii_hexdigit() => {
                let digit = u64::from(char::from(byte).to_digit(16).unwrap_or_default());
                match size.unwrap_or(0).checked_mul(16) {
                    Some(size) => Framing::ChunkSize(Self { size: Some(size + digit), ..self }),
                    None => broken,
                }
            }
            (b';' | b' ' | b'\t' | b'\r', Some(_)) => Framing::ChunkSize(Self { extension: true, ..self }),
            (_, Some(_)) if self.extension => Framing::ChunkSize(self),
            (_, None | Some(_)) => broken,
        }
    }
}

/// Takes the first byte of what is not empty.
fn first(input: &mut &[u8]) -> u8 {
    let (&byte, rest) = input.split_first().expect("there is input");
    *input = rest;
    byte
}

/// What `Content-Length` says, if all of them say the same (RFC 9110 §8.6).
fn content_length(headers: &Headers) -> Option<u64> {
    let mut lengths = headers.get_all("content-length").flat_map(elements).map(|digits| {
        let all_digits = digits.iter().all(u8::is_ascii_digit);
        core::str::from_utf8(digits).ok().filter(|_| all_digits)?.parse::<u64>().ok()
    });
    let length = lengths.next()??;
    lengths.all(|other| other == Some(length)).then_some(length)
}

/// The longest line before a chunk: 16 digits and, if any, short extensions.
const MAX_SIZE_LINE: usize = 256;

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> Headers {
        let header = |&(name, value): &(_, &'static str)| httparse::Header { name, value: value.as_bytes() };
        Headers::new(&all.iter().map(header).collect::<Vec<_>>())
    }

    /// What comes of `bytes` in a body with these headers and room for 8 bytes, and what is left of them; the same for
    /// every cut.
    fn read(all: &[(&'static str, &'static str)], bytes: &[u8]) -> (Vec<u8>, BodyState, usize) {
        let results = (0..=bytes.len()).map(|cut| {
            let mut body = Body::new(403, &headers(all), 8);
            let (mut first, mut second) = bytes.split_at(cut);
            body.receive(&mut first);
            if !first.is_empty() {
                return (body.bytes().to_vec(), body.state(), first.len() + second.len());
            }
            body.receive(&mut second);
            (body.bytes().to_vec(), body.state(), second.len())
        });
        let mut results: Vec<_> = results.collect();
        results.dedup();
        assert_eq!(results.len(), 1, "{results:?}");
        results.remove(0)
    }

    const CHUNKED: &[(&str, &str)] = &[("Transfer-Encoding", "chunked")];

    #[test]
    fn a_length_says_where_a_body_ends() {
        assert_eq!(read(&[("Content-Length", "2")], b"hi, rest"), (b"hi".to_vec(), BodyState::Whole, 6));
        assert_eq!(read(&[("Content-Length", "2")], b"h"), (b"h".to_vec(), BodyState::Pending, 0));
        assert_eq!(read(&[("Content-Length", "0")], b"rest"), (vec![], BodyState::Whole, 4));
        assert_eq!(read(&[("content-length", "2, 2"), ("Content-Length", "2")], b"hi").1, BodyState::Whole);
    }

    #[test]
    fn a_length_that_is_none_means_until_the_end() {
        for wrong in ["", "x", "+2", "-2", "2, 3", "99999999999999999999"] {
            assert_eq!(read(&[("Content-Length", wrong)], b"1234").1, BodyState::Pending, "{wrong}");
        }
    }

    #[test]
    fn a_body_is_kept_up_to_the_limit() {
        let sized = |length| read(&[("Content-Length", length)], b"1234567890");
        assert_eq!(sized("7"), (b"1234567".to_vec(), BodyState::Whole, 3));
        assert_eq!(sized("8"), (b"12345678".to_vec(), BodyState::Whole, 2));
        assert_eq!(sized("9"), (b"12345678".to_vec(), BodyState::Cut, 2));
        assert_eq!(sized("18446744073709551615"), (b"12345678".to_vec(), BodyState::Cut, 2));
        assert_eq!(read(&[], b"12345678"), (b"12345678".to_vec(), BodyState::Pending, 0));
        assert_eq!(read(&[], b"123456789"), (b"12345678".to_vec(), BodyState::Cut, 1));
        assert_eq!(read(CHUNKED, b"8\r\n12345678\r\n0\r\n"), (b"12345678".to_vec(), BodyState::Whole, 0));
        assert_eq!(read(CHUNKED, b"4\r\n1234\r\n5\r\n56789"), (b"12345678".to_vec(), BodyState::Cut, 1));
    }

    #[test]
    fn chunks_are_joined() {
        let chunks = b"3;name=\"x\"\r\nabc\r\n 1\r\n";
        assert_eq!(read(CHUNKED, chunks), (b"abc".to_vec(), BodyState::Cut, 3));
        let chunks = b"3;name=\"x\"\r\nabc\r\n00002 ;\r\nde\r\n0\r\nTrailer: 1\r\n\r\n";
        assert_eq!(read(CHUNKED, chunks), (b"abcde".to_vec(), BodyState::Whole, 14));
        assert_eq!(read(CHUNKED, b"A\r\n0123456789"), (b"01234567".to_vec(), BodyState::Cut, 2));
        assert_eq!(read(CHUNKED, b"2\r\nab\r\n"), (b"ab".to_vec(), BodyState::Pending, 0));
        assert_eq!(read(&[("Transfer-Encoding", "gzip, Chunked")], b"1\r\na\r\n0\r\n").1, BodyState::Whole);
    }

    #[test]
    fn chunks_rule_over_a_length_and_other_codings_end_with_the_stream() {
        let both = [("Content-Length", "1"), ("Transfer-Encoding", "chunked")];
        assert_eq!(read(&both, b"2\r\nab\r\n0\r\n").0, b"ab");
        assert_eq!(read(&[("Transfer-Encoding", "gzip"), ("Content-Length", "1")], b"ab").1, BodyState::Pending);
    }

    #[test]
    fn broken_chunks_end_the_body() {
        let long = [b"1;", &[b'x'; MAX_SIZE_LINE][..]].concat();
        for broken in [&b"\r\n"[..], b"x\r\n", b"-1\r\n", b"10000000000000000\r\n", b"1\r\naa", &long] {
            assert_eq!(read(CHUNKED, broken).1, BodyState::Cut, "{}", broken.escape_ascii());
        }
    }

    #[test]
    fn a_body_is_shown_with_little_of_it_and_nothing_unprintable() {
        let mut body = Body::new(403, &headers(&[("Content-Length", "2")]), 8);
        body.receive(&mut &b"a\n"[..]);
        assert_eq!(alloc::format!("{body:?}"), r"Whole(2 B: a\n)");
    }

    #[test]
    fn some_statuses_have_no_body() {
        for status in [204, 304] {
            assert_eq!(Body::new(status, &headers(&[("Content-Length", "5")]), 8).state(), BodyState::Whole);
        }
    }

    #[test]
    fn the_end_of_the_stream_ends_a_body() {
        let end = |all, bytes: &[u8]| {
            let mut body = Body::new(403, &headers(all), 8);
            body.receive(&mut &bytes[..]);
            body.ended();
            body.state()
        };
        assert_eq!(end(&[], b"all of it"[..8].as_ref()), BodyState::Whole);
        assert_eq!(end(&[("Content-Length", "3")], b"ab"), BodyState::Cut);
        assert_eq!(end(&[("Content-Length", "2")], b"ab"), BodyState::Whole);
        assert_eq!(end(CHUNKED, b"2\r\nab\r\n"), BodyState::Cut);
    }
}
