//! A proxy from a URL.

use alloc::{format, string::String, vec::Vec};

use super::{
    config::{Proxy, ProxyScheme},
    credentials::Credentials,
    error::{ProxyConfigError, ProxyPart},
};
use crate::{dial::hop::split_port, wire::handshake::quoted};

type Checked<T> = Result<T, ProxyConfigError>;

pub(super) fn parse(text: &str) -> Checked<Proxy> {
    let refuse = |part, found: &str, expected| Err(ProxyConfigError::new(part, found, expected));
    let Some((name, rest)) = text.split_once("://") else {
        return refuse(ProxyPart::Scheme, "none", "`http://`, `socks5://` or `socks5h://` before the host");
    };
    let scheme = scheme(name)?;
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if tail.contains('@') {
        // A part of the password, most likely: whatever is shown of it would be too much.
        let found = format!("{} before the `@`", quoted(&tail[..1]));
        return refuse(ProxyPart::Credentials, &found, "it percent-encoded");
    }
    if !matches!(tail, "" | "/") {
        return refuse(ProxyPart::Url, &quoted(tail), "nothing behind the host and the port");
    }
    let (userinfo, address) = match authority.rsplit_once('@') {
        Some((userinfo, address)) => (Some(userinfo), address),
        None => (None, authority),
    };
    let (host, port) = split_port(address);
    if host.is_empty() {
        return refuse(ProxyPart::Host, "none", "a name or an address");
    }
    let port = match port.map(self::port) {
        None => None,
        Some(Some(port)) => Some(port),
        Some(None) => return refuse(ProxyPart::Port, &quoted(port.unwrap_or_default()), "1 to 65535"),
    };
    let proxy = Proxy::new(scheme, host, port)?;
    match userinfo {
        None => Ok(proxy),
        Some(userinfo) => {
            let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            proxy.with_credentials(Credentials::new(decoded(user)?, decoded(password)?))
        }
    }
}

fn scheme(name: &str) -> Checked<ProxyScheme> {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    // What is no scheme at all may be anything, and so a password.
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let found = if plain { quoted(name) } else { String::from("something else") };
    let refuse = |expected| Err(ProxyConfigError::new(ProxyPart::Scheme, found, expected));
    match () {
        () if is("http") => Ok(ProxyScheme::Http),
        () if is("socks5") || is("socks5h") => Ok(ProxyScheme::Socks5),
        () if is("https") => refuse("`http`, `socks5` or `socks5h`: TLS to a proxy is not supported"),
        () if is("socks") || is("socks4") || is("socks4a") => {
            refuse("`http`, `socks5` or `socks5h`: of SOCKS, version 5 is supported")
        }
        () => refuse("`http`, `socks5` or `socks5h`"),
    }
}

/// Digits, and nothing else that `parse` would take.
fn port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&port: &u16| plain && port > 0)
}

/// Percent-encoded bytes as what they stand for (RFC 3986 §2.1).
fn decoded(text: &str) -> Checked<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let digit = |byte: Option<u8>| match byte? {
        byte @ b'0'..=b'9' => Some(byte - b'0'),
        byte => Some(byte.to_ascii_lowercase().checked_sub(b'a').filter(|&letter| letter < 6)? + 10),
    };
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            let expected = "two hexadecimal digits behind it, or `%25`";
            return Err(ProxyConfigError::new(ProxyPart::Credentials, "a `%`", expected));
        };
        bytes.push(high << 4 | low);
    }
    Ok(bytes)
}
