//! The server's answer, as it comes in.

use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

use super::{
    head::Head,
    judge::{Accepted, Offer},
    rejected::Rejected,
    violation::Violation,
};
use crate::{Cause, IoKind, Stage};

/// A request that was written, and waits for its answer.
///
/// It takes bytes as they come; how they are cut into pieces never matters. See the [module](super) for an example.
#[derive(Clone)]
pub struct Handshake {
    /// What `Sec-WebSocket-Accept` must say.
    accept: [u8; 28],
    offer: Offer,
    limits: Limits,
    head: Head,
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
        Self { accept, offer, limits: Limits::default(), head: Head::default(), over: false }
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
            self.head = Head::default();
        }
        progress
    }

    /// What it means that the stream ended before the answer was complete.
    #[must_use]
    pub fn ended(&self) -> Cause {
        self.truncated().map_or(Cause::Dial { stage: Stage::Upgrade, kind: IoKind::Eof }, |violation| violation.cause())
    }

    /// What is wrong with an answer of which no more comes; `None` if nothing of it came.
    #[must_use]
    pub fn truncated(&self) -> Option<Violation> {
        match self.head.len() {
            0 => None,
            bytes => Some(Violation::Truncated { bytes }),
        }
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Progress, Violation> {
        let Limits { max_head_bytes, max_headers, max_body_bytes } = self.limits;
        let judged = self.head.receive(input, max_head_bytes, max_headers, |answer| match answer.status {
            SWITCHING_PROTOCOLS => answer.judge(&self.accept, &self.offer).map(Progress::Accepted),
            _ => Ok(Progress::Rejected(Rejected::new(answer, max_body_bytes))),
        })?;
        let mut progress = judged.unwrap_or(Progress::Incomplete);
        if let Progress::Rejected(rejected) = &mut progress {
            rejected.receive(input);
        }
        Ok(progress)
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
        let (bytes, interim) = (self.head.len(), self.head.interim());
        write!(f, "Handshake({} B of a head, {} B of interim answers)", bytes - interim, interim)
    }
}

/// `bytes` in base64: four characters for every three bytes begun.
pub(super) fn base64<const CHARACTERS: usize>(bytes: &[u8]) -> [u8; CHARACTERS] {
    let mut text = [0; CHARACTERS];
    let length = STANDARD.encode_slice(bytes, &mut text).expect("as many characters as the caller says");
    debug_assert_eq!(length, CHARACTERS);
    text
}

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
}
