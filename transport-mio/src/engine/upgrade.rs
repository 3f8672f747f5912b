//! The upgrade (RFC 6455 §4): the request, and the judgement of the answer.
//!
//! tungstenite's own judge refuses `Connection: keep-alive, Upgrade`, accepts extensions that nobody asked for, and
//! does not tell causes apart as finely as the session's policy does.

use std::time::{Duration, SystemTime};

use httparse::{EMPTY_HEADER, Header, Response, Status};
use steadfast_core::{Cause, HandshakeKind, IoKind, wire::Buffer};
use tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::Accepted;
use crate::endpoint::Endpoint;

/// An upgrade that was asked for.
#[derive(Debug)]
pub(super) struct Upgrade {
    /// What `Sec-WebSocket-Accept` must say.
    accept: String,
    endpoint: Endpoint,
    /// The head of the answer, as far as it came in.
    head: Vec<u8>,
    /// The bytes of the interim answers before it.
    interim: usize,
}

/// How the answer was judged.
#[derive(Debug)]
pub(super) enum Judgement {
    /// The head is not complete.
    Incomplete,
    /// The connection is a WebSocket now. All that was taken belonged to the head.
    Accepted(Accepted),
    /// It is not.
    Refused(Cause),
}

impl Upgrade {
    /// Appends the request (RFC 6455 §4.1).
    pub(super) fn request(endpoint: &Endpoint, out: &mut Buffer) -> Self {
        let key = generate_key();
        let mut line = |parts: &[&[u8]]| {
            for part in parts {
                out.extend_from_slice(part);
            }
            out.extend_from_slice(b"\r\n");
        };
        line(&[b"GET ", endpoint.target().as_bytes(), b" HTTP/1.1"]);
        line(&[b"Host: ", endpoint.host_header().as_bytes()]);
        line(&[b"Upgrade: websocket"]);
        line(&[b"Connection: Upgrade"]);
        line(&[b"Sec-WebSocket-Key: ", key.as_bytes()]);
        line(&[b"Sec-WebSocket-Version: 13"]);
        if !endpoint.subprotocols().is_empty() {
            line(&[b"Sec-WebSocket-Protocol: ", endpoint.subprotocols().join(", ").as_bytes()]);
        }
        for (name, value) in endpoint.headers() {
            line(&[name.as_bytes(), b": ", value.as_bytes()]);
        }
        line(&[]);
        Self { accept: derive_accept_key(key.as_bytes()), endpoint: endpoint.clone(), head: Vec::new(), interim: 0 }
    }

    /// Takes the head of the answer from the front of `input`, and judges it once it is complete. Interim answers before
    /// it are passed over (RFC 9110 §15.2), and count as part of it.
    pub(super) fn receive(&mut self, input: &mut &[u8]) -> Judgement {
        loop {
            let before = self.head.len();
            let room = MAX_HEAD - self.interim - before;
            let taken = input.len().min(room);
            self.head.extend_from_slice(&input[..taken]);
            // Only a line's end can change what the parser says, but for the first bytes, which tell what is not HTTP at
            // all: a head that trickles in is not parsed once a byte.
            if before > STATUS_LINE && taken < room && !input[..taken].contains(&b'\n') {
                *input = &input[taken..];
                return Judgement::Incomplete;
            }
            let mut headers = [EMPTY_HEADER; MAX_HEADERS];
            let mut response = Response::new(&mut headers);
            match response.parse(&self.head) {
                Ok(Status::Complete(length)) => {
                    *input = &input[length - before..];
                    if !matches!(response.code, Some(100 | 102..=199)) {
                        return self.judge(&response);
                    }
                    self.interim += length;
                    self.head.clear();
                }
                Ok(Status::Partial) if taken < room => {
                    *input = &input[taken..];
                    return Judgement::Incomplete;
                }
                Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => return refuse(HandshakeKind::TooLarge),
                Err(_) => return refuse(HandshakeKind::NotHttp),
            }
        }
    }

    /// What it means that the stream ended before the head was complete.
    pub(super) fn ended(&self) -> Cause {
        if self.head.is_empty() && self.interim == 0 {
            Cause::Io(IoKind::Eof)
        } else {
            Cause::Handshake(HandshakeKind::Truncated)
        }
    }

    /// Judges a complete head (RFC 6455 §4.1, the list after "the client MUST validate the server's response").
    fn judge(&self, response: &Response<'_, '_>) -> Judgement {
        let headers = &*response.headers;
        let status = response.code.unwrap_or(0);
        // 1. The status code.
        if status != 101 {
            return Judgement::Refused(Cause::Rejected { status, retry_after: retry_after(headers) });
        }
        if response.version != Some(1) {
            return refuse(HandshakeKind::NotHttp);
        }
        // 2. and 3. Upgrade and Connection, lists of tokens in any case.
        if !tokens(headers, "upgrade").any(|token| token.eq_ignore_ascii_case("websocket"))
            || !tokens(headers, "connection").any(|token| token.eq_ignore_ascii_case("upgrade"))
        {
            return refuse(HandshakeKind::NotUpgraded);
        }
        // 4. The accept key.
        let mut accepts = values(headers, "sec-websocket-accept");
        if accepts.next().map(<[u8]>::trim_ascii) != Some(self.accept.as_bytes()) || accepts.next().is_some() {
            return refuse(HandshakeKind::BadAcceptKey);
        }
        // 5. No extension was offered, so none may be accepted.
        if tokens(headers, "sec-websocket-extensions").next().is_some() {
            return refuse(HandshakeKind::Extension);
        }
        // 6. One of the subprotocols offered. None at all is refused as browsers do: who offers one speaks no other.
        let mut chosen = tokens(headers, "sec-websocket-protocol");
        let (subprotocol, another) = (chosen.next(), chosen.next());
        let offered = self.endpoint.subprotocols();
        let fits = match subprotocol {
            None => offered.is_empty(),
            Some(chosen) => another.is_none() && offered.iter().any(|name| name == chosen),
        };
        if !fits {
            return refuse(HandshakeKind::Subprotocol);
        }
        Judgement::Accepted(Accepted {
            subprotocol: subprotocol.map(str::to_owned),
            headers: headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect(),
        })
    }
}

fn refuse(kind: HandshakeKind) -> Judgement {
    Judgement::Refused(Cause::Handshake(kind))
}

fn values<'h>(headers: &'h [Header<'h>], name: &'static str) -> impl Iterator<Item = &'h [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// The elements of all headers of this name (RFC 9110 §5.6.1); what is not UTF-8 is no token.
fn tokens<'h>(headers: &'h [Header<'h>], name: &'static str) -> impl Iterator<Item = &'h str> {
    values(headers, name)
        .filter_map(|value| std::str::from_utf8(value).ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3). A date is compared with the server's own where it says
/// one, so that a wrong clock here does no harm.
fn retry_after(headers: &[Header<'_>]) -> Option<Duration> {
    let text = |name| values(headers, name).next().and_then(|value| std::str::from_utf8(value).ok()).map(str::trim);
    let after = text("retry-after")?;
    if !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is very long: the session caps it.
        return Some(Duration::from_secs(after.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(after).ok()?;
    let now = text("date").and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(SystemTime::now);
    Some(at.duration_since(now).unwrap_or_default())
}

/// The largest head that is accepted, in bytes; servers and proxies limit requests to 8 KiB or 16 KiB.
const MAX_HEAD: usize = 16 << 10;
/// By this length, `HTTP/1.1 101` has come in or something else has.
const STATUS_LINE: usize = 16;
/// The most headers in it.
const MAX_HEADERS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn upgrade(endpoint: &Endpoint) -> Upgrade {
        Upgrade::request(endpoint, &mut Buffer::new())
    }

    fn endpoint() -> Endpoint {
        Endpoint::parse("ws://example.com/path").expect("a good URL")
    }

    /// Judges an answer in which `{accept}` stands for the right key, byte by byte; what is left must be left alone.
    fn judge(endpoint: &Endpoint, answer: &str) -> Result<Accepted, Cause> {
        let mut upgrade = upgrade(endpoint);
        let answer = answer.replace("{accept}", &upgrade.accept);
        for byte in answer.as_bytes() {
            let mut input = std::slice::from_ref(byte);
            match upgrade.receive(&mut input) {
                Judgement::Incomplete => assert!(input.is_empty()),
                Judgement::Accepted(accepted) => return Ok(accepted),
                Judgement::Refused(cause) => return Err(cause),
            }
        }
        Err(upgrade.ended())
    }

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
                        Sec-WebSocket-Accept: {accept}\r\n";

    #[test]
    fn the_request_says_what_was_asked_for() {
        let endpoint =
            endpoint().subprotocol("a").and_then(|e| e.subprotocol("b")).and_then(|e| e.header("X-One", "1"));
        let mut out = Buffer::new();
        Upgrade::request(&endpoint.expect("a good endpoint"), &mut out);
        let request = String::from_utf8(out.into_vec()).expect("ASCII");
        assert!(request.starts_with("GET /path HTTP/1.1\r\nHost: example.com\r\n"), "{request}");
        assert!(request.contains("\r\nSec-WebSocket-Protocol: a, b\r\n"), "{request}");
        assert!(request.ends_with("\r\nX-One: 1\r\n\r\n"), "{request}");
    }

    #[test]
    fn connection_and_upgrade_are_lists_in_any_case() {
        assert_eq!(judge(&endpoint(), &format!("{GOOD}\r\n")).expect("accepted").subprotocol(), None);
    }

    #[test]
    fn what_follows_the_head_is_left_alone() {
        let mut upgrade = upgrade(&endpoint());
        let answer = format!("{GOOD}\r\nrest").replace("{accept}", &upgrade.accept);
        let mut input = answer.as_bytes();
        assert!(matches!(upgrade.receive(&mut input), Judgement::Accepted(_)));
        assert_eq!(input, b"rest");
    }

    #[test]
    fn each_wrong_answer_has_its_cause() {
        let with = |headers: &str| judge(&endpoint(), &format!("{GOOD}{headers}\r\n")).expect_err(headers);
        let kind = Cause::Handshake;
        assert_eq!(with("Sec-WebSocket-Extensions: permessage-deflate\r\n"), kind(HandshakeKind::Extension));
        assert_eq!(with("Sec-WebSocket-Protocol: chat\r\n"), kind(HandshakeKind::Subprotocol));
        assert_eq!(with(&"X: y\r\n".repeat(200)), kind(HandshakeKind::TooLarge));
        assert_eq!(with(&format!("X: {}\r\n", "y".repeat(20_000))), kind(HandshakeKind::TooLarge));
        let judge = |answer: &str| judge(&endpoint(), answer).expect_err(answer);
        assert_eq!(judge("<html>hello</html>"), kind(HandshakeKind::NotHttp));
        assert_eq!(judge("HTTP/1.1 101 Switch"), kind(HandshakeKind::Truncated));
        assert_eq!(judge(""), Cause::Io(IoKind::Eof));
        assert_eq!(judge(&format!("{}\r\n", GOOD.replace("{accept}", "no"))), kind(HandshakeKind::BadAcceptKey));
        assert_eq!(judge(&format!("{}\r\n", GOOD.replace("WebSocket\r", "h2c\r"))), kind(HandshakeKind::NotUpgraded));
        assert_eq!(
            judge(&format!("{}\r\n", GOOD.replace("alive, Upgrade", "alive"))),
            kind(HandshakeKind::NotUpgraded)
        );
        assert_eq!(judge(&format!("{}\r\n", GOOD.replace("HTTP/1.1", "HTTP/1.0"))), kind(HandshakeKind::NotHttp));
    }

    #[test]
    fn what_http_does_not_allow_in_a_head_is_not_http() {
        for headers in ["X: a\r\n folded\r\n", "X: a\0b\r\n", "X : a\r\n", "no colon\r\n"] {
            let cause = judge(&endpoint(), &format!("{GOOD}{headers}\r\n"));
            assert_eq!(cause, Err(Cause::Handshake(HandshakeKind::NotHttp)), "{headers:?}");
        }
    }

    #[test]
    fn interim_answers_are_passed_over_and_count_as_part_of_the_head() {
        const HINTS: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        assert!(judge(&endpoint(), &format!("{HINTS}{GOOD}\r\n")).is_ok());
        let rejected = judge(&endpoint(), &format!("{HINTS}HTTP/1.1 404 No\r\n\r\n"));
        assert_eq!(rejected, Err(Cause::Rejected { status: 404, retry_after: None }));
        assert_eq!(judge(&endpoint(), HINTS), Err(Cause::Handshake(HandshakeKind::Truncated)));
        let endless = HINTS.repeat(MAX_HEAD / HINTS.len() + 1);
        assert_eq!(judge(&endpoint(), &endless), Err(Cause::Handshake(HandshakeKind::TooLarge)));
        // All at once, with the first message behind it.
        let mut upgrade = upgrade(&endpoint());
        let answer = format!("{HINTS}{GOOD}\r\nrest").replace("{accept}", &upgrade.accept);
        let mut input = answer.as_bytes();
        assert!(matches!(upgrade.receive(&mut input), Judgement::Accepted(_)));
        assert_eq!(input, b"rest");
    }

    #[test]
    fn a_subprotocol_must_be_chosen_among_those_offered() {
        let endpoint = endpoint().subprotocol("a").expect("a token");
        let with = |headers: &str| judge(&endpoint, &format!("{GOOD}{headers}\r\n"));
        assert_eq!(with("Sec-WebSocket-Protocol: a\r\n").expect("accepted").subprotocol(), Some("a"));
        for headers in ["", "Sec-WebSocket-Protocol: b\r\n", "Sec-WebSocket-Protocol: a, a\r\n"] {
            assert_eq!(with(headers), Err(Cause::Handshake(HandshakeKind::Subprotocol)), "{headers}");
        }
    }

    #[test]
    fn a_rejection_says_when_to_come_back() {
        let reject = |headers: &str| judge(&endpoint(), &format!("HTTP/1.1 503 Busy\r\n{headers}\r\n"));
        let after = |seconds| Err(Cause::Rejected { status: 503, retry_after: Some(Duration::from_secs(seconds)) });
        assert_eq!(reject("Retry-After: 7\r\n"), after(7));
        let date = "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nRetry-After: Tue, 15 Nov 1994 08:13:31 GMT\r\n";
        assert_eq!(reject(date), after(60));
        assert_eq!(reject("Retry-After: Tue, 15 Nov 1994 08:13:31 GMT\r\n"), after(0));
        assert_eq!(reject(&format!("Retry-After: {}\r\n", "9".repeat(40))), after(u64::MAX));
        let garbage = ["", "Retry-After: \r\n", "Retry-After: soon\r\n", "Retry-After: -1\r\n", "Retry-After: +1\r\n"];
        for none in garbage {
            assert_eq!(reject(none), Err(Cause::Rejected { status: 503, retry_after: None }));
        }
    }
}
