//! Whether an answer is the one that RFC 6455 §4.1 demands.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::fmt;

use httparse::{EMPTY_HEADER, Header, Response, Status};

use super::{
    headers::Headers,
    list::elements,
    violation::{Violation, shown},
};
#[cfg(feature = "deflate")]
use crate::wire::deflate;

/// What the server agreed to: the connection is a WebSocket now.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    subprotocol: Option<String>,
    headers: Headers,
    #[cfg(feature = "deflate")]
    deflate: Option<deflate::Agreed>,
}

impl Accepted {
    /// The subprotocol it chose; one of those offered, `None` if none were.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// How messages are compressed; `None` if they are not.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(&self) -> Option<&deflate::Agreed> {
        self.deflate.as_ref()
    }

    /// The headers of its answer.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }
}

impl fmt::Debug for Accepted {
    /// Without the subprotocol, which may be a token: those who can set no header pass them there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut accepted = f.debug_struct("Accepted");
        #[cfg(feature = "deflate")]
        accepted.field("deflate", &self.deflate);
        accepted.field("has_subprotocol", &self.subprotocol.is_some()).field("headers", &self.headers).finish()
    }
}

/// What the request offered, and the answer may choose from.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Offer {
    pub(super) subprotocols: Vec<String>,
    #[cfg(feature = "deflate")]
    pub(super) deflate: Option<deflate::Offer>,
}

/// A complete head, as the parser took it apart.
#[derive(Debug)]
pub(crate) struct Answer<'h> {
    pub(crate) status: u16,
    /// The minor version: HTTP/1.0 or HTTP/1.1.
    version: u8,
    pub(crate) reason: &'h str,
    pub(crate) headers: Vec<Header<'h>>,
}

impl<'h> Answer<'h> {
    /// Parses `head`, which ends with an empty line.
    pub(super) fn parse(head: &'h [u8], max_headers: usize) -> Result<Self, Violation> {
        // Each line but the first and the last is a header: lines cannot be folded. Nothing is behind the last.
        let count = head.split(|&byte| byte == b'\n').count().saturating_sub(3);
        if count > max_headers {
            return Err(Violation::TooManyHeaders { limit: max_headers });
        }
        let mut headers = vec![EMPTY_HEADER; count];
        let mut response = Response::new(&mut headers);
        let parsed = response.parse(head);
        match (parsed, response) {
            (Ok(Status::Complete(_)), Response { version: Some(version), code: Some(status @ 100..), reason, .. }) => {
                Ok(Self { status, version, reason: reason.unwrap_or_default(), headers })
            }
            (Ok(_), _) => Err(not_http("a status from 100 on")),
            (Err(httparse::Error::Version), _) => Err(not_http("`HTTP/1.0` or `HTTP/1.1`")),
            (Err(httparse::Error::Status), _) => Err(not_http("a status line")),
            (Err(httparse::Error::HeaderValue), _) => Err(not_http("a header's value")),
            (Err(_), _) => Err(not_http("a header's name and a colon")),
        }
    }

    /// Whether another answer follows (RFC 9110 §15.2).
    pub(super) const fn is_interim(&self) -> bool {
        matches!(self.status, 100 | 102..=199)
    }

    /// Judges an answer with status 101, in the order of RFC 6455 §4.1, from "the client MUST validate the server's
    /// response" on. `accept` is what the key calls for.
    pub(super) fn judge(&self, accept: &[u8], offer: &Offer) -> Result<Accepted, Violation> {
        if self.version != 1 {
            return Err(Violation::NotHttp { expected: "HTTP/1.1 with status 101", found: "HTTP/1.0".to_string() });
        }
        // 2. `Upgrade` is `websocket`, in any case.
        let upgrades = |element: &[u8]| element.eq_ignore_ascii_case(b"websocket");
        if !self.list("upgrade").all(upgrades) || self.list("upgrade").next().is_none() {
            return Err(Violation::Upgrade { found: self.found("upgrade") });
        }
        // 3. `Connection` has the token `Upgrade` in it, in any case.
        if !self.list("connection").any(|element| element.eq_ignore_ascii_case(b"upgrade")) {
            return Err(Violation::Connection { found: self.found("connection") });
        }
        // 4. The accept key, which is one value and no list (§11.3.3).
        let mut keys = self.values("sec-websocket-accept");
        if keys.next().map(<[u8]>::trim_ascii) != Some(accept) || keys.next().is_some() {
            return Err(Violation::AcceptKey { found: self.found("sec-websocket-accept") });
        }
        // 5. Extensions, only as offered.
        #[cfg(feature = "deflate")]
        let deflate = match &offer.deflate {
            Some(offer) => self.judge_deflate(offer)?,
            None => self.judge_no_extension().map(|()| None)?,
        };
        #[cfg(not(feature = "deflate"))]
        self.judge_no_extension()?;
        Ok(Accepted {
            subprotocol: self.judge_subprotocol(offer)?,
            headers: Headers::new(&self.headers),
            #[cfg(feature = "deflate")]
            deflate,
        })
    }

    /// No extension was offered.
    fn judge_no_extension(&self) -> Result<(), Violation> {
        match self.list(EXTENSIONS).next() {
            Some(extension) => Err(Violation::Extension { found: shown(extension) }),
            None => Ok(()),
        }
    }

    /// permessage-deflate was offered, and nothing else.
    #[cfg(feature = "deflate")]
    fn judge_deflate(&self, offer: &deflate::Offer) -> Result<Option<deflate::Agreed>, Violation> {
        let value = self.values(EXTENSIONS).collect::<Vec<_>>().join(&b", "[..]);
        match core::str::from_utf8(&value) {
            Ok(value) => offer.judge(value).map_err(Violation::Deflate),
            Err(_) => Err(Violation::Extension { found: shown(&value) }),
        }
    }

    /// 6. One subprotocol (§11.3.4) among those offered.
    ///
    /// None at all is refused as browsers do: who offers some speaks no other.
    fn judge_subprotocol(&self, offer: &Offer) -> Result<Option<String>, Violation> {
        let mut chosen = self.list("sec-websocket-protocol");
        let fits = match (chosen.next(), chosen.next()) {
            (None, _) if offer.subprotocols.is_empty() => return Ok(None),
            (Some(one), None) => offer.subprotocols.iter().find(|name| name.as_bytes() == one),
            _ => None,
        };
        match fits {
            Some(name) => Ok(Some(name.clone())),
            None => Err(Violation::Subprotocol { found: self.found("sec-websocket-protocol") }),
        }
    }

    fn values(&self, name: &'static str) -> impl Iterator<Item = &'h [u8]> {
        self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }

    /// The elements of all headers of this name.
    fn list(&self, name: &'static str) -> impl Iterator<Item = &'h [u8]> {
        self.values(name).flat_map(elements)
    }

    /// All values of this name, for a violation.
    fn found(&self, name: &'static str) -> Option<String> {
        let values: Vec<_> = self.values(name).collect();
        if values.is_empty() { None } else { Some(shown(&values.join(&b", "[..]))) }
    }
}

fn not_http(expected: &'static str) -> Violation {
    Violation::NotHttp { expected, found: String::new() }
}

/// Where a server says which extensions it accepted (RFC 6455 §11.3.2).
const EXTENSIONS: &str = "sec-websocket-extensions";
