//! An answer that says no.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{mem, time::Duration};

use super::{
    body::{Body, BodyState},
    headers::Headers,
    judge::Answer,
};
use crate::Cause;

/// An answer with another status than 101: what the server says instead, and why.
///
/// It is complete, but for its body, as soon as its head is: who is in a hurry asks for what came with it
/// ([`body`](Self::body)) and drops the connection. Who wants the rest hands on what comes ([`receive`](Self::receive),
/// [`ended`](Self::ended)) until the body's [state](Self::body_state) is no longer [`Pending`](BodyState::Pending), or
/// for as long as there is patience.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    status: u16,
    reason: String,
    headers: Headers,
    body: Body,
}

impl Rejected {
    pub(super) fn new(answer: &Answer<'_>, max_body_bytes: usize) -> Self {
        let headers = Headers::new(&answer.headers);
        let body = Body::new(answer.status, &headers, max_body_bytes);
        Self { status: answer.status, reason: answer.reason.to_string(), headers, body }
    }

    /// The status: 100 to 999, and never 101.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The words behind the status; often empty, and never to be relied on (RFC 9112 §4).
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// What came of the body, as it was sent, chunks joined: perhaps compressed, if `Content-Encoding` says so.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.body.bytes()
    }

    /// How far the body has come.
    #[must_use]
    pub const fn body_state(&self) -> BodyState {
        self.body.state()
    }

    /// The body, and nothing else.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body.into_bytes()
    }

    /// Lets `blot` change what the server said, in place: the reason, the name and the value of each header, the body. For
    /// whoever knows what must not be shown of it, as a server may quote what it was sent. A reason that is no text any
    /// more is left empty, and names that are none are all `*`.
    pub fn redact(&mut self, mut blot: impl FnMut(&mut [u8])) {
        let mut reason = mem::take(&mut self.reason).into_bytes();
        blot(&mut reason);
        self.reason = String::from_utf8(reason).unwrap_or_default();
        self.headers.redact(&mut blot);
        blot(self.body.bytes_mut());
    }

    /// Takes more of the body from the front of `input`; what lies behind it is left.
    pub fn receive(&mut self, input: &mut &[u8]) -> BodyState {
        self.body.receive(input);
        self.body.state()
    }

    /// The stream ended: so did the body, one way or the other.
    pub fn ended(&mut self) -> BodyState {
        self.body.ended();
        self.body.state()
    }

    /// `Retry-After`, as a span from now (RFC 9110 §10.2.3).
    ///
    /// A date is compared with the server's own, so that a wrong clock here does no harm; where the server says none, with
    /// `unix_now`, in seconds since 1970. One that has passed means now. Without the feature `std`, dates are not read.
    #[must_use]
    pub fn retry_after(&self, unix_now: u64) -> Option<Duration> {
        let text = |name| self.headers.get(name).and_then(|value| core::str::from_utf8(value).ok()).map(str::trim);
        let after = text("retry-after")?;
        if !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit()) {
            // More than fits is very long: the session caps it.
            return Some(Duration::from_secs(after.parse().unwrap_or(u64::MAX)));
        }
        let at = date(after)?;
        let now = text("date").and_then(date).unwrap_or(unix_now);
        Some(Duration::from_secs(at.saturating_sub(now)))
    }

    /// What the session is told; `unix_now` as for [`retry_after`](Self::retry_after).
    #[must_use]
    pub fn cause(&self, unix_now: u64) -> Cause {
        Cause::Rejected { status: self.status, retry_after: self.retry_after(unix_now) }
    }
}

/// A date of any form that HTTP knows (RFC 9110 §5.6.7), in seconds since 1970.
#[cfg(feature = "std")]
fn date(text: &str) -> Option<u64> {
    // The library's type of time begins where its dates begin.
    let parse = |text| httpdate::parse_http_date(text).ok();
    let since = parse(text)?.duration_since(parse("Thu, 01 Jan 1970 00:00:00 GMT")?).ok()?;
    Some(since.as_secs())
}

#[cfg(not(feature = "std"))]
const fn date(_: &str) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(headers: &str) -> Rejected {
        let head = alloc::format!("HTTP/1.1 503 Busy\r\n{headers}\r\n");
        Rejected::new(&Answer::parse(head.as_bytes(), 100).expect("a head"), 0)
    }

    /// The seconds to wait, on Tue, 15 Nov 1994 08:12:31 GMT.
    fn after(headers: &str) -> Option<u64> {
        rejected(headers).retry_after(784_887_151).map(|after| after.as_secs())
    }

    #[test]
    fn a_rejection_says_for_how_long_to_wait() {
        assert_eq!(after("Retry-After: 7\r\n"), Some(7));
        assert_eq!(after("retry-after:  0 \r\n"), Some(0));
        assert_eq!(after(&alloc::format!("Retry-After: {}\r\n", "9".repeat(40))), Some(u64::MAX));
        for none in ["", "Retry-After: \r\n", "Retry-After: soon\r\n", "Retry-After: -1\r\n", "Retry-After: +1\r\n"] {
            assert_eq!(after(none), None, "{none}");
        }
    }

    #[test]
    fn whoever_knows_what_must_not_be_shown_can_overwrite_it() {
        let head = b"HTTP/1.1 401 no, x\r\nx-token: x!\r\nY: 1\r\n\r\n";
        let mut rejected = Rejected::new(&Answer::parse(head, 100).expect("a head"), 9);
        rejected.receive(&mut &b"not x"[..]);
        rejected.redact(|bytes| bytes.iter_mut().filter(|byte| **byte == b'x').for_each(|byte| *byte = b'*'));
        assert_eq!((rejected.reason(), rejected.body()), ("no, *", &b"not *"[..]));
        let headers: Vec<_> = rejected.headers().iter().collect();
        assert_eq!(headers, [("*-token", &b"*!"[..]), ("Y", b"1")]);
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_date_is_compared_with_the_servers_own() {
        let date = "Date: Tue, 15 Nov 1994 08:00:00 GMT\r\nRetry-After: Tue, 15 Nov 1994 08:01:00 GMT\r\n";
        assert_eq!(after(date), Some(60));
        let passed = "Date: Tue, 15 Nov 1994 09:00:00 GMT\r\nRetry-After: Tue, 15 Nov 1994 08:01:00 GMT\r\n";
        assert_eq!(after(passed), Some(0));
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_date_without_another_is_compared_with_the_callers_clock() {
        assert_eq!(after("Retry-After: Tue, 15 Nov 1994 08:13:31 GMT\r\n"), Some(60));
        assert_eq!(after("Date: today\r\nRetry-After: Tue, 15 Nov 1994 08:13:31 GMT\r\n"), Some(60));
        assert_eq!(after("Retry-After: Tue, 15 Nov 1994 08:12:30 GMT\r\n"), Some(0));
    }

    #[cfg(feature = "std")]
    #[test]
    fn every_form_of_a_date_is_read() {
        for date in ["Tue, 15 Nov 1994 08:12:33 GMT", "Tuesday, 15-Nov-94 08:12:33 GMT", "Tue Nov 15 08:12:33 1994"] {
            assert_eq!(after(&alloc::format!("Retry-After: {date}\r\n")), Some(2), "{date}");
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_date_that_is_none_says_nothing() {
        for date in ["Tue, 31 Feb 1994 08:12:33 GMT", "Fri, 31 Dec 1600 00:00:00 GMT", "Tue, 15 Nov 1994 08:12:33 CET"]
        {
            assert_eq!(after(&alloc::format!("Retry-After: {date}\r\n")), None, "{date}");
        }
    }

    #[test]
    fn the_session_is_told_the_status_and_when_to_come_back() {
        let cause = rejected("Retry-After: 7\r\n").cause(0);
        assert_eq!(cause, Cause::Rejected { status: 503, retry_after: Some(Duration::from_secs(7)) });
    }
}
