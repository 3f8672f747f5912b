//! A server in memory: what it answers, and what the handshake makes of it.

use steadfast_core::{
    Cause,
    wire::{
        Buffer,
        handshake::{Accepted, Handshake, Limits, Progress, Rejected, Request, Scheme, Violation},
    },
};

/// The nonce of RFC 6455 §1.3.
pub(crate) const NONCE: [u8; 16] = *b"the sample nonce";

/// A head that accepts it, but for its last line.
pub(crate) const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                               Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// What became of an answer, and how many bytes of it were taken.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Outcome {
    Accepted(Accepted, usize),
    /// With as much of its body as came.
    Rejected(Rejected, usize),
    Failed(Violation),
    /// The stream ended before there was an answer.
    Ended(Cause),
}

pub(crate) fn request() -> Request {
    Request::new(Scheme::Ws, "example.com", None, "/chat").expect("a request")
}

/// Waits for the answer to this request.
pub(crate) fn begin(request: &Request) -> Handshake {
    request.begin(NONCE, &mut Buffer::new())
}

/// What becomes of an answer, after which the stream ends: at once, byte by byte, and cut anywhere in two.
pub(crate) fn judge_with(request: &Request, limits: Limits, answer: impl AsRef<[u8]>) -> Outcome {
    let answer = answer.as_ref();
    let handshake = begin(request).with_limits(limits);
    let outcome = feed(handshake.clone(), [answer]);
    assert_eq!(feed(handshake.clone(), answer.chunks(1)), outcome, "byte by byte");
    // Every cut of what is short, some of what is long.
    for cut in (0..answer.len()).step_by(1 + answer.len() / 1_000) {
        let (first, second) = answer.split_at(cut);
        assert_eq!(feed(handshake.clone(), [first, second]), outcome, "cut at {cut}");
    }
    outcome
}

/// What becomes of an answer that comes in these chunks.
pub(crate) fn feed<'a>(mut handshake: Handshake, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let (mut taken, mut rejection) = (0, None::<Rejected>);
    for chunk in chunks {
        let mut input = chunk;
        match &mut rejection {
            Some(rejected) => {
                rejected.receive(&mut input);
            }
            None => match handshake.receive(&mut input) {
                Progress::Incomplete => assert_eq!(input, b"", "all is taken"),
                Progress::Accepted(accepted) => return Outcome::Accepted(accepted, taken + chunk.len() - input.len()),
                Progress::Rejected(rejected) => rejection = Some(rejected),
                Progress::Failed(violation) => return Outcome::Failed(violation),
            },
        }
        taken += chunk.len() - input.len();
    }
    match rejection {
        Some(rejected) => Outcome::Rejected(rejected, taken),
        None => Outcome::Ended(handshake.ended()),
    }
}

impl Outcome {
    pub(crate) fn accepted(self) -> Accepted {
        match self {
            Self::Accepted(accepted, _) => accepted,
            other => panic!("accepted was expected, {other:?} came"),
        }
    }

    pub(crate) fn rejected(self) -> Rejected {
        match self {
            Self::Rejected(rejected, _) => rejected,
            other => panic!("a rejection was expected, {other:?} came"),
        }
    }

    pub(crate) fn failed(self) -> Violation {
        match self {
            Self::Failed(violation) => violation,
            other => panic!("a violation was expected, {other:?} came"),
        }
    }
}
