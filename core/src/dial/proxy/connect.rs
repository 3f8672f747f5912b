//! A way through an HTTP proxy.

use alloc::vec::Vec;
use core::{fmt, mem};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Progress,
    config::authority,
    credentials::Credentials,
    error::{ProxyConfigError, ProxyError, ProxyPart},
};
use crate::{
    Cause, IoKind, Stage,
    wire::{
        Buffer,
        handshake::{Head, Limits, Violation, shown},
    },
};

/// `CONNECT` (RFC 9110 §9.3.6): what is said to an HTTP proxy, and the judgement of its answer.
///
/// The answer is its head: up to 16 KiB and 100 headers, interim answers included. Any status from 200 to 299 makes the
/// stream the server's from the next byte on, whatever length the head claims; a body of any other is not read.
#[derive(Clone)]
pub struct HttpConnect {
    /// What is to be written; empty once it was.
    request: Vec<u8>,
    /// Whether it has credentials in it.
    given: bool,
    head: Head,
    over: bool,
}

impl HttpConnect {
    /// For a way to this server: a name, which the proxy resolves, or an address, IPv6 in brackets or without.
    ///
    /// # Errors
    /// What is no host, port 0, and [credentials](super::Proxy::with_credentials) that cannot be sent.
    pub fn new(host: &str, port: u16, credentials: Option<&Credentials>) -> Result<Self, ProxyConfigError> {
        let (_, authority) = authority(host, port)?;
        let mut request = Vec::new();
        let mut line = |parts: &[&[u8]]| {
            for part in parts {
                request.extend_from_slice(part);
            }
            request.extend_from_slice(b"\r\n");
        };
        line(&[b"CONNECT ", &authority, b" HTTP/1.1"]);
        line(&[b"Host: ", &authority]);
        if let Some(credentials) = credentials {
            Self::check(credentials)?;
            let pair = [credentials.user(), b":", credentials.password()].concat();
            line(&[b"Proxy-Authorization: Basic ", STANDARD.encode(pair).as_bytes()]);
        }
        line(&[]);
        Ok(Self { request, given: credentials.is_some(), head: Head::default(), over: false })
    }

    /// Whether Basic authentication can say them (RFC 7617 §2).
    pub(super) fn check(credentials: &Credentials) -> Result<(), ProxyConfigError> {
        let refuse = |found, expected| Err(ProxyConfigError::new(ProxyPart::Credentials, found, expected));
        if credentials.user().contains(&b':') {
            return refuse("a colon in the user's name", "none: Basic authentication ends the name there");
        }
        if credentials.user().iter().chain(credentials.password()).any(u8::is_ascii_control) {
            return refuse("a control character", "none");
        }
        Ok(())
    }

    /// Appends the request. Does nothing the second time.
    pub fn begin(&mut self, out: &mut Buffer) {
        out.extend_from_slice(&mem::take(&mut self.request));
    }

    /// Takes the answer from the front of `input`; nothing more is ever written.
    pub fn receive(&mut self, input: &mut &[u8], _out: &mut Buffer) -> Progress {
        if self.over || input.is_empty() {
            return Progress::Incomplete;
        }
        let limits = Limits::default();
        let given = self.given;
        let judged = self.head.receive(input, limits.max_head_bytes, limits.max_headers, |answer| {
            Ok(match answer.status {
                200..=299 => Progress::Done,
                407 => {
                    let offered = answer.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(OFFER));
                    let offered = offered.map(|header| header.value).collect::<Vec<_>>().join(&b", "[..]);
                    let offered = (!offered.is_empty()).then(|| shown(&offered));
                    Progress::Failed(ProxyError::Authentication { offered, given })
                }
                status => Progress::Failed(ProxyError::Status { status, reason: shown(answer.reason.as_bytes()) }),
            })
        });
        let progress = match judged {
            Ok(progress) => progress.unwrap_or(Progress::Incomplete),
            Err(violation) => Progress::Failed(ProxyError::Http(violation)),
        };
        if !matches!(progress, Progress::Incomplete) {
            self.over = true;
            self.head = Head::default();
        }
        progress
    }

    /// What it means that the stream ended before the answer was complete.
    #[must_use]
    pub fn ended(&self) -> Cause {
        self.truncated().map_or(Cause::Dial { stage: Stage::Proxy, kind: IoKind::Eof }, |error| error.cause())
    }

    /// What is wrong with an answer of which no more comes; `None` if nothing of it came.
    #[must_use]
    pub fn truncated(&self) -> Option<ProxyError> {
        match self.head.len() {
            0 => None,
            bytes => Some(ProxyError::Http(Violation::Truncated { bytes })),
        }
    }
}

impl fmt::Debug for HttpConnect {
    /// Without the request, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpConnect({} B of an answer)", self.head.len())
    }
}

/// Where a proxy says what credentials it accepts (RFC 9110 §11.7.1).
const OFFER: &str = "proxy-authenticate";
