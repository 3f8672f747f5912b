//! The proxy's side of HTTP CONNECT.

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use socket2::Socket;

use super::{Asked, ProxyRequest, Rules, read_exact};
use crate::mock::record::Request;

/// The answer to a request that is granted.
pub(super) const GRANTED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// Reads a request, byte by byte: what comes behind it is not the proxy's.
pub(super) fn ask(client: &Socket, rules: &Rules) -> io::Result<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_MAX {
            return Ok(Asked::Refused(None, 431));
        }
        head.extend(read_exact::<1>(client)?);
    }
    let request = Request::parse(&head);
    let mut words = request.line().split(' ');
    let (method, authority) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != "CONNECT" {
        return Ok(Asked::Refused(None, 405));
    }
    let Some((host, Ok(port))) = authority.rsplit_once(':').map(|(host, port)| (host, port.parse())) else {
        return Ok(Asked::Refused(None, 400));
    };
    // RFC 3986 §3.2.2: an IPv6 address stands in brackets.
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let asked = ProxyRequest {
        host: host.to_owned(),
        port,
        by_name: host.parse::<std::net::IpAddr>().is_err(),
        credentials: request.header("proxy-authorization").and_then(basic),
        head: String::from_utf8_lossy(&head).into_owned(),
    };
    let allowed = rules.credentials.is_none() || asked.credentials == rules.credentials;
    Ok(if allowed { Asked::Granted(asked) } else { Asked::Refused(Some(asked), 407) })
}

/// The answer to a request that is not granted.
pub(super) fn refusal(status: u16) -> Vec<u8> {
    let wanted = if status == 407 { "Proxy-Authenticate: Basic realm=\"mock\"\r\n" } else { "" };
    let body = "The proxy does not want to.\n";
    format!("HTTP/1.1 {status} No\r\n{wanted}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()))?.ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

const HEAD_MAX: usize = 16 << 10;
