//! The server's answer, as it comes in.

use alloc::vec::Vec;
use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

use super::{
    judge::{Accepted, Answer, Offer},
    rejected::Rejected,
    violation::{Violation, shown},
};
use crate::{Cause, IoKind};

/// A request that was written, and waits for its answer.
///
/// It takes bytes as they come; how they are cut into pieces never matters. See the [module](super) for an example.
#[derive(Clone)]
pub struct Handshake {
    /// What `Sec-WebSocket-Accept` must say.
    accept: [u8; 28],
    offer: Offer,
    limits: Limits,
    /// The head, as far as it came in; empty if it comes at once.
    head: Vec<u8>,
    /// The bytes of the interim answers before it.
    interim: usize,
    /// The answer is judged.
    over: bool,
}

/// What is accepted of an answer.
///
/// ```
/// use steadfast_core::wire::handshake::Limits;
///
/// let limits = Limits { max_body_bytes: 0, ..Limits::default() };
/// assert_eq!(limits.max_head_bytes, 16 << 10);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest head in bytes, interim answers before it included; 16 KiB by default, which is as much as servers and
    /// proxies let a request have at most.
    pub max_head_bytes: usize,
    /// The most headers in a head; 100 by default.
    pub max_headers: usize,
    /// How many bytes of a rejection's body are kept; 4 KiB by default, which is a page of text.
    pub max_body_bytes: usize,
}

/// What the bytes came to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Progress {
    /// All of the input was taken, and the answer goes on.
    Incomplete,
    /// The connection is a WebSocket. What is left of the input are its first frames.
    Accepted(Accepted),
    /// The server says no, with the status of HTTP. What came of its body is in it, and the rest may be collected.
    Rejected(Rejected),
    /// The server says yes, but not as RFC 6455 demands, or what it says is no answer at all. Nothing can be sent: the
    /// connection has to be dropped.
    Failed(Violation),
}

impl Handshake {
    pub(super) fn new(key: &[u8; 24], offer: Offer) -> Self {
        let accept = base64(&Sha1::new().chain_update(key).chain_update(GUID).finalize());
        Self { accept, offer, limits: Limits::default(), head: Vec::new(), interim: 0, over: false }
    }

    /// Accepts more, or less, of an answer than by default.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes the answer from the front of `input`, and judges its head once that is complete.
    ///
    /// Interim answers (RFC 9110 §15.2) are passed over, and count as part of the head. Once this has returned anything
    /// but [`Progress::Incomplete`] the handshake is over: it takes nothing more.
    pub fn receive(&mut self, input: &mut &[u8]) -> Progress {
        if self.over || input.is_empty() {
            return Progress::Incomplete;
        }
        let progress = self.advance(input).unwrap_or_else(Progress::Failed);
        if !matches!(progress, Progress::Incomplete) {
            self.over = true;
            self.head = Vec::new();
        }
        progress
    }

    /// What it means that the stream ended before the answer was complete.
    #[must_use]
    pub fn ended(&self) -> Cause {
        self.truncated().map_or(Cause::Io(IoKind::Eof), |violation| violation.cause())
    }

    /// What is wrong with an answer of which no more comes; `None` if nothing of it came.
    #[must_use]
    pub fn truncated(&self) -> Option<Violation> {
        match self.head.len() + self.interim {
            0 => None,
            bytes => Some(Violation::Truncated { bytes }),
        }
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Progress, Violation> {
        loop {
            let before = self.head.len();
            let room = self.limits.max_head_bytes.saturating_sub(self.interim + before);
            let offered = &input[..input.len().min(room)];
            // A head that comes at once is read where it lies.
            let head = if before == 0 {
                offered
            } else {
                self.head.extend_from_slice(offered);
                &self.head
            };
            begins_like_http(head, before)?;
            let Some(end) = end_of_head(head, before) else {
                if offered.len() == room {
                    return Err(Violation::HeadTooLarge { limit: self.limits.max_head_bytes });
                }
                if before == 0 {
                    self.head.extend_from_slice(offered);
                }
                *input = &input[offered.len()..];
                return Ok(Progress::Incomplete);
            };
            let answer = Answer::parse(&head[..end], self.limits.max_headers)?;
            *input = &input[end - before..];
            if answer.is_interim() {
                self.interim += end;
                self.head.clear();
            } else if answer.status == SWITCHING_PROTOCOLS {
                return answer.judge(&self.accept, &self.offer).map(Progress::Accepted);
            } else {
                let mut rejected = Rejected::new(&answer, self.limits.max_body_bytes);
                rejected.receive(input);
                return Ok(Progress::Rejected(rejected));
            }
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_head_bytes: 16 << 10, max_headers: 100, max_body_bytes: 4 << 10 }
    }
}

impl fmt::Debug for Handshake {
    /// What came of the answer may hold secrets: it is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handshake({} B of a head, {} B of interim answers)", self.head.len(), self.interim)
    }
}

/// `bytes` in base64: four characters for every three bytes begun.
pub(super) fn base64<const CHARACTERS: usize>(bytes: &[u8]) -> [u8; CHARACTERS] {
    let mut text = [0; CHARACTERS];
    let length = STANDARD.encode_slice(bytes, &mut text).expect("as many characters as the caller says");
    debug_assert_eq!(length, CHARACTERS);
    text
}

/// What does not begin as an answer does is told at once: a server of another protocol may say a few bytes and wait.
fn begins_like_http(head: &[u8], checked: usize) -> Result<(), Violation> {
    match (checked..head.len().min(BEGINNING.len())).find(|&at| head[at] != BEGINNING[at]) {
        // As far as the first wrong byte, so that it does not depend on how much came with it.
        Some(wrong) => Err(Violation::NotHttp { expected: "`HTTP/1.`", found: shown(&head[..=wrong]) }),
        None => Ok(()),
    }
}

/// Where the head ends: behind its first empty line. The first `searched` bytes have none.
///
/// The parser is asked only then. A head that trickles in is looked at once, and not once for each of its pieces.
fn end_of_head(head: &[u8], searched: usize) -> Option<usize> {
    let empty = |line_end: usize| matches!(head[..line_end], [.., b'\n'] | [.., b'\n', b'\r']);
    let is_end = |(at, &byte): (usize, &u8)| byte == b'\n' && empty(searched + at);
    head[searched..].iter().enumerate().position(is_end).map(|at| searched + at + 1)
}

/// What an answer is known by.
const BEGINNING: &[u8] = b"HTTP/1.";
/// The status that accepts (RFC 6455 §4.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;
/// What the key is hashed with (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §1.3.
    #[test]
    fn the_sample_key_has_the_sample_answer() {
        let key = base64(b"the sample nonce");
        assert_eq!(&key, b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(&Handshake::new(&key, Offer::default()).accept, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_head_ends_behind_its_first_empty_line_wherever_the_search_begins() {
        let cases: [(&[u8], _); 7] = [
            (b"", None),
            (b"a\r\nb: c\r\n", None),
            (b"a\r\n\r\nrest\r\n\r\n", Some(5)),
            (b"a\n\nrest", Some(3)),
            (b"a\n\r\nrest", Some(4)),
            (b"a\r\n\r", None),
            (b"\r\n", None),
        ];
        for (head, end) in cases {
            let at_most = end.map_or(head.len(), |end| end - 1);
            for searched in 0..=at_most {
                assert_eq!(end_of_head(head, searched), end, "{} from {searched}", head.escape_ascii());
            }
        }
    }
}
