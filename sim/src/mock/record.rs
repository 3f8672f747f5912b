//! What the server saw of a connection.

use std::fmt;

/// One connection, as the server saw it so far.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Record {
    /// Which it was, counted from 1 in the order of acceptance.
    pub number: usize,
    /// The upgrade that it asked for; `None` if it did not get that far.
    pub request: Option<Request>,
    /// Everything that came after the upgrade, in its order.
    pub received: Vec<Received>,
    /// How it ended; `None` while it lives.
    pub ending: Option<Ending>,
    /// What TLS agreed on; `None` on a plain connection, and before the handshake is done.
    pub security: Option<Security>,
}

impl Record {
    /// The texts that came, in their order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.received.iter().filter_map(|received| match received {
            Received::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The values of a header of the upgrade; names are compared without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.as_ref()?.header(name)
    }
}

/// What TLS agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Security {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The server name that the client asked for (SNI).
    pub server_name: Option<String>,
    /// The application protocol, if one was agreed on (ALPN).
    pub protocol: Option<String>,
    /// Whether the client showed a certificate.
    pub client_certificate: bool,
}

/// A request, in the words in which it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    line: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// From a head that ends with an empty line. What is no text is shown as `\u{fffd}`.
    pub(super) fn parse(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Self { line, headers }
    }

    /// The request line: `GET /chat HTTP/1.1`.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// What was asked for: path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The headers in their order.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The first value of a header; names are compared without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What the client sent.
#[derive(Clone, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping and its payload.
    Ping(Vec<u8>),
    /// A pong and its payload.
    Pong(Vec<u8>),
    /// A close frame.
    Close {
        /// Its code; `None` if the frame is empty (RFC 6455 §7.1.5).
        code: Option<u16>,
        /// Its reason.
        reason: String,
    },
}

impl Received {
    /// Whether it is a text or binary message.
    #[must_use]
    pub fn is_message(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Binary(_))
    }

    /// The text of a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The payload of a message, a ping or a pong; the reason of a close.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Text(text) | Self::Close { reason: text, .. } => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
        }
    }
}

/// Short, for messages of panics.
impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "text {}", Shown(text.as_bytes())),
            Self::Binary(bytes) => write!(f, "binary {}", Shown(bytes)),
            Self::Ping(bytes) => write!(f, "ping {}", Shown(bytes)),
            Self::Pong(bytes) => write!(f, "pong {}", Shown(bytes)),
            Self::Close { code: Some(code), reason } => write!(f, "close {code} {}", Shown(reason.as_bytes())),
            Self::Close { code: None, .. } => f.write_str("close without a code"),
        }
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// How a connection ended, as the server saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ending {
    /// By a close handshake: both have sent a close frame.
    Closed {
        /// Who sent the first close frame.
        by: Side,
        /// The code that the client sent; `None` if its frame was empty.
        code: Option<u16>,
        /// The reason that the client sent.
        reason: String,
    },
    /// The client ended the stream without a close frame (FIN).
    Fin,
    /// The client reset the stream (RST).
    Reset,
    /// The client broke RFC 6455, or sent something else than an upgrade: what was wrong.
    Violation(String),
    /// The TLS handshake failed, or what came later was no TLS: what was wrong, the client's alert if it sent one.
    Tls(String),
    /// The upgrade was not accepted; the answer was this status, or no HTTP at all.
    Rejected(Option<u16>),
    /// The server reset or abandoned it.
    ByServer,
}

/// One of the two ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The program under test.
    Client,
    /// The mock.
    Server,
}

/// Bytes for people: the beginning, and how many they are.
pub(super) struct Shown<'a>(pub(super) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = &self.0[..self.0.len().min(SHOWN)];
        match std::str::from_utf8(cut) {
            Ok(text) => write!(f, "{text:?}")?,
            Err(_) => write!(f, "\"{}\"", cut.escape_ascii())?,
        }
        if cut.len() < self.0.len() { write!(f, "... ({} B)", self.0.len()) } else { Ok(()) }
    }
}

const SHOWN: usize = 80;
