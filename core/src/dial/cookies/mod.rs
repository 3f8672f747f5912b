//! Cookies between one connection and the next: sticky sessions live on them.

mod date;
mod received;

use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};
use core::fmt;

use self::received::Received;
use crate::wire::handshake::{Headers, Request, Scheme};

/// What servers have asked to be told on the next connection (RFC 6265).
///
/// It is meant for reconnects, and stricter than a browser's: a cookie goes back to the scheme, host and port that it came
/// from, and nowhere else, whatever its `Domain` would allow. It holds at most 50 cookies in 16 KiB; for a new one, the
/// oldest go.
///
/// ```
/// use steadfast_core::{dial::cookies::Jar, wire::handshake::Scheme};
///
/// let (mut jar, now) = (Jar::new(), 1_700_000_000); // seconds since 1970
/// jar.set(Scheme::Wss, "example.com", 443, "/chat", b"node=b7; Path=/; Secure; Max-Age=3600", now);
/// let cookies = jar.header_for(Scheme::Wss, "example.com", 443, "/chat?room=7", now + 60);
/// assert_eq!(cookies.as_deref(), Some(&b"node=b7"[..]));
/// assert_eq!(jar.header_for(Scheme::Wss, "example.com", 443, "/chat", now + 3600), None);
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Jar {
    /// The oldest first.
    cookies: Vec<Cookie>,
}

#[derive(Clone, PartialEq, Eq)]
struct Cookie {
    scheme: Scheme,
    /// In lower case.
    host: String,
    port: u16,
    path: String,
    name: Box<[u8]>,
    value: Box<[u8]>,
    /// For `wss` alone.
    secure: bool,
    /// From when on it is none any more; `None`: it stays as long as the jar.
    expires: Option<u64>,
}

impl Jar {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { cookies: Vec::new() }
    }

    /// Takes what the answer to a request sets: that of a 101, a rejection or a redirect. `unix_now` is in seconds since
    /// 1970.
    pub fn store(&mut self, request: &Request, headers: &Headers, unix_now: u64) {
        for value in headers.get_all("set-cookie") {
            self.set(request.scheme(), request.host(), request.port(), request.target(), value, unix_now);
        }
    }

    /// Takes one `Set-Cookie` header (RFC 6265 §5.3), sent in answer to a request for `target`. One that has expired already
    /// takes away the one of its name and path. What is none, is too large (4 KiB) or names another domain is ignored.
    pub fn set(&mut self, scheme: Scheme, host: &str, port: u16, target: &str, set_cookie: &[u8], unix_now: u64) {
        let Some(received) = Received::parse(set_cookie) else { return };
        if received.domain.is_some_and(|domain| !domain_matches(host, domain)) {
            return;
        }
        let cookie = Cookie {
            scheme,
            host: host.to_ascii_lowercase(),
            port,
            path: received.path.map_or_else(|| default_path(target).to_owned(), ToOwned::to_owned),
            name: received.name.into(),
            value: received.value.into(),
            secure: received.secure,
            expires: received.expires(unix_now),
        };
        self.cookies.retain(|kept| !kept.is_over(unix_now));
        let known = self.cookies.iter().position(|kept| kept.is_replaced_by(&cookie));
        match (known, cookie.is_over(unix_now)) {
            (Some(at), true) => drop(self.cookies.remove(at)),
            // It keeps its place: by its age, cookies are sorted (§5.3, step 11.3).
            (Some(at), false) => self.cookies[at] = cookie,
            (None, true) => {}
            (None, false) => self.cookies.push(cookie),
        }
        while self.cookies.len() > MAX_COOKIES || self.bytes() > MAX_BYTES {
            self.cookies.remove(0);
        }
    }

    /// The value of the `Cookie` header for a request (RFC 6265 §5.4): longer paths first, then older cookies; `None` if there
    /// is nothing to say.
    #[must_use]
    pub fn header_for(&self, scheme: Scheme, host: &str, port: u16, target: &str, unix_now: u64) -> Option<Vec<u8>> {
        let path = path_of(target);
        let mut fitting: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| (cookie.scheme, cookie.port) == (scheme, port))
            .filter(|cookie| cookie.host.eq_ignore_ascii_case(host) && path_matches(path, &cookie.path))
            .filter(|cookie| !cookie.is_over(unix_now) && (!cookie.secure || scheme == Scheme::Wss))
            .collect();
        fitting.sort_by_key(|cookie| core::cmp::Reverse(cookie.path.len()));
        let pairs = fitting.iter().map(|cookie| [&cookie.name[..], b"=", &cookie.value[..]].concat());
        let header = pairs.collect::<Vec<_>>().join(&b"; "[..]);
        (!header.is_empty()).then_some(header)
    }

    /// The request with the cookies that are for it, behind those that it has already.
    #[must_use]
    pub fn apply(&self, request: &Request, unix_now: u64) -> Request {
        let (host, target) = (request.host(), request.target());
        let header = self.header_for(request.scheme(), host, request.port(), target, unix_now).unwrap_or_default();
        // No cookie is kept that a header could not hold.
        request.clone().cookies(header).unwrap_or_else(|_| request.clone())
    }

    /// How many cookies it holds, those that have expired since included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cookies.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }

    fn bytes(&self) -> usize {
        self.cookies.iter().map(Cookie::bytes).sum()
    }
}

impl Cookie {
    fn is_over(&self, unix_now: u64) -> bool {
        self.expires.is_some_and(|at| at <= unix_now)
    }

    /// Same origin, path and name (RFC 6265 §5.3, step 11).
    fn is_replaced_by(&self, newer: &Self) -> bool {
        (self.scheme, &self.host, self.port, &self.path, &self.name)
            == (newer.scheme, &newer.host, newer.port, &newer.path, &newer.name)
    }

    fn bytes(&self) -> usize {
        self.host.len() + self.path.len() + self.name.len() + self.value.len()
    }
}

impl fmt::Debug for Jar {
    /// Values are the keys to a session: they are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for Cookie { scheme, host, port, path, name, .. } in &self.cookies {
            list.entry(&format_args!("{} for {}://{host}:{port}{path}", name.escape_ascii(), scheme.as_str()));
        }
        list.finish()
    }
}

/// An empty one is the root, as a request has it.
fn path_of(target: &str) -> &str {
    target.split('?').next().filter(|path| path.starts_with('/')).unwrap_or("/")
}

/// The directory of the request (RFC 6265 §5.1.4).
fn default_path(target: &str) -> &str {
    let path = path_of(target);
    match path.rfind('/') {
        Some(last) if last > 0 => &path[..last],
        _ => "/",
    }
}

/// RFC 6265 §5.1.4.
fn path_matches(path: &str, cookie_path: &str) -> bool {
    match path.strip_prefix(cookie_path) {
        Some(rest) => rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

/// RFC 6265 §5.1.3.
fn domain_matches(host: &str, domain: &str) -> bool {
    let (host_bytes, domain_bytes) = (host.as_bytes(), domain.as_bytes());
    host_bytes.len().checked_sub(domain_bytes.len()).is_some_and(|at| {
        let ends = host_bytes[at..].eq_ignore_ascii_case(domain_bytes);
        ends && (at == 0 || host_bytes[at - 1] == b'.' && super::hop::literal(host).is_none())
    })
}

/// At least so many a domain are asked for (RFC 6265 §6.1).
const MAX_COOKIES: usize = 50;
/// As much as a server lets a head have.
const MAX_BYTES: usize = 16 << 10;
