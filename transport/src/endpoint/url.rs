//! The URL of a `WebSocket`, taken apart (RFC 6455 §3).

use std::path::PathBuf;

use steadfast_core::wire::handshake::{Request, Scheme};

use super::error::{EndpointError, refuse};

/// What a URL says.
#[derive(Debug)]
pub(super) struct Url {
    pub(super) request: Request,
    /// The Unix domain socket, if it names one.
    pub(super) unix: Option<PathBuf>,
}

impl Url {
    pub(super) fn parse(url: &str) -> Result<Self, EndpointError> {
        let lower = url.get(..UNIX.len()).map(str::to_ascii_lowercase);
        if lower.as_deref() == Some(UNIX) {
            return unix(&url[UNIX.len()..]);
        }
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| refuse("url", shown(url), "ws://host[:port][/path] or wss://…"))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "ws" => Scheme::Ws,
            "wss" if cfg!(feature = "_tls") => Scheme::Wss,
            "wss" => return Err(refuse("scheme", scheme, "`ws`: this build is without TLS")),
            _ => return Err(refuse("scheme", scheme.escape_debug(), "`ws`, `wss` or `ws+unix`")),
        };
        if rest.contains('#') {
            return Err(refuse("fragment", shown(url), "none: RFC 6455 §3 forbids fragments"));
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if let Some((_, host)) = authority.rsplit_once('@') {
            return Err(refuse("userinfo", format!("…@{host}"), "none: send credentials in a header"));
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err(refuse("host", shown(url), "a name or an address"));
        }
        let (host, port) = host_and_port(authority).map_err(|wrong| match target.rsplit_once('@') {
            // What looks like a port is a part of a password with a slash in it.
            Some((_, host)) => refuse("userinfo", format!("…@{host}"), "none: send credentials in a header"),
            None => wrong,
        })?;
        Ok(Self { request: Request::new(scheme, host, port, target)?, unix: None })
    }
}

/// What follows `ws+unix:`: a path, and behind a colon the target. Two slashes before the path mean nothing.
fn unix(rest: &str) -> Result<Url, EndpointError> {
    if !cfg!(unix) {
        return Err(refuse("scheme", "ws+unix", "`ws` or `wss`: this system has no Unix domain sockets"));
    }
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, target) = rest.split_once(':').unwrap_or((rest, ""));
    if !path.starts_with('/') || path.contains(['?', '#', '\0']) {
        let shown: String = without_query(path).escape_debug().collect();
        return Err(refuse("path", shown, "the absolute path of a socket, as in `ws+unix:/run/server.sock:/target`"));
    }
    if target.contains('#') {
        return Err(refuse("fragment", without_query(path), "none: RFC 6455 §3 forbids fragments"));
    }
    // As others do: a name is needed, and it is this machine.
    let request = Request::new(Scheme::Ws, "localhost", None, target)?;
    Ok(Url { request, unix: Some(PathBuf::from(path)) })
}

/// The host, IPv6 in its brackets, and the port, if there is one.
fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), EndpointError> {
    let end = authority.find(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = authority[end..].find(':') else { return Ok((authority, None)) };
    let (host, digits) = (&authority[..end + colon], &authority[end + colon + 1..]);
    match digits.parse() {
        Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok((host, Some(port))),
        _ => Err(refuse("port", digits.escape_debug(), "1 to 65535")),
    }
}

pub(super) fn without_query(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// The URL as an error may show it: no user, no password, no query.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let rest = without_query(rest);
    let end = rest.find('/').unwrap_or(rest.len());
    let rest = rest[..end].rfind('@').map_or(rest, |at| &rest[at + 1..]);
    let separator = if url.contains("://") { "://" } else { "" };
    format!("{scheme}{separator}{rest}").escape_debug().collect()
}

/// How a URL of a Unix domain socket begins.
const UNIX: &str = "ws+unix:";
