//! The target `location`: URLs of proxies, exceptions from them, redirects and cookies, which are all texts of others.

use steadfast_core::{
    dial::{
        cookies::Jar,
        environment::{NoProxy, proxy_for},
        proxy::Proxy,
        redirect::{RedirectError, Redirects},
    },
    wire::{
        Buffer,
        handshake::{Progress, Rejected, Request, Scheme},
    },
};

/// The first byte says what the others are.
///
/// # Panics
/// When a secret is shown, a header smuggled in, a bound passed, or a second reading comes to something else.
pub fn location(bytes: &[u8]) {
    let Some((&what, rest)) = bytes.split_first() else { return };
    match what % 4 {
        0 => proxy_url(&String::from_utf8_lossy(rest)),
        1 => exceptions(&String::from_utf8_lossy(rest)),
        2 => redirect(rest, what & 4 != 0),
        _ => cookies(rest),
    }
}

fn proxy_url(text: &str) {
    // A password that can be found again, where it is one and nowhere else.
    if text.contains("sEcReT") {
        return;
    }
    for text in [text.to_owned(), text.replacen('@', "sEcReT@", 1)] {
        let shown = match Proxy::parse(&text) {
            Ok(proxy) => {
                assert!(proxy.port() > 0 && !proxy.host().is_empty());
                let plain = proxy.to_string().replace("…@", "");
                let again = Proxy::parse(&plain).expect("as it is shown, it is one");
                assert_eq!((again.scheme(), again.host(), again.port()), (proxy.scheme(), proxy.host(), proxy.port()));
                let mut out = Buffer::new();
                proxy.tunnel("example.com", 443).expect("a server").begin(&mut out);
                if out.as_slice().starts_with(b"CONNECT") {
                    let lines = out.as_slice().split(|&byte| byte == b'\n').count();
                    assert_eq!(lines, 4 + usize::from(proxy.credentials().is_some()), "a header is smuggled in");
                }
                format!("{proxy} {proxy:?}")
            }
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains("sEcReT") && !shown.contains(char::is_control), "{shown}");
        let found = proxy_for(Scheme::Wss, "example.com", 443, |name| (name == "https_proxy").then(|| text.clone()));
        assert!(!format!("{found:?}").contains("sEcReT"));
    }
}

/// A host, and behind the first line's end a list.
fn exceptions(text: &str) {
    let (host, list) = text.split_once('\n').unwrap_or((text, "*"));
    let separates = |byte: char| byte == ',' || byte.is_ascii_whitespace();
    let each = list.split(separates).any(|entry| NoProxy::parse(entry).covers(host, 443));
    assert_eq!(NoProxy::parse(list).covers(host, 443), each, "one exception does not change another");
    assert!(NoProxy::parse("*").covers(host, 443));
}

/// A `Location`.
fn redirect(location: &[u8], secure: bool) {
    let scheme = if secure { Scheme::Wss } else { Scheme::Ws };
    let from = Request::new(scheme, "example.com", None, "/b/c/d;p?q").expect("a request");
    let from = from.header("Authorization", "sEcReT").expect("a header");
    // What ends the header is not of it.
    let location = location.split(|byte| b"\r\n".contains(byte)).next().unwrap_or_default();
    let Some(rejected) = rejected(&[b"Location: ", location].concat()) else { return };
    let follow = Redirects::Follow { max: 1 };
    assert!(matches!(
        follow.judge(&from, &rejected, 1),
        Err(RedirectError::TooMany { max: 1 } | RedirectError::NoLocation { .. })
    ));
    match follow.judge(&from, &rejected, 0) {
        Ok(redirect) => {
            let redirect = redirect.expect("a redirect");
            let to = redirect.request();
            assert!(!secure || to.scheme() == Scheme::Wss, "what was secret is not");
            assert!(to.target().starts_with('/') && !to.target().contains('#'));
            let path = to.target().split('?').next().unwrap_or_default();
            assert!(path.split('/').all(|segment| segment != "." && segment != ".."), "{path}");
            let mut out = Buffer::new();
            let _ = to.begin([0; 16], &mut out);
            let lines = out.as_slice().split(|&byte| byte == b'\n').count();
            assert_eq!(lines, 8 + usize::from(redirect.is_same_origin()), "headers are as many as they should be");
            assert_eq!(to.headers().count(), usize::from(redirect.is_same_origin()));
            if let Some(target) = plain_target(location) {
                assert_eq!(to.target(), target, "by the letter of RFC 3986");
                assert!(redirect.is_same_origin());
            }
        }
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(char::is_control), "{shown}");
            assert!(!shown.contains("sEcReT") || is_visible(location), "{shown}");
        }
    }
}

/// Whether what is planted as a secret is where none should be: neither in a query nor before a host.
fn is_visible(location: &[u8]) -> bool {
    let text = String::from_utf8_lossy(location);
    let path = text.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('@').next().is_some_and(|behind| behind.contains("sEcReT"))
}

fn rejected(header: &[u8]) -> Option<Rejected> {
    let request = Request::new(Scheme::Ws, "h", None, "/").expect("a request");
    let answer = [b"HTTP/1.1 302 Found\r\n", header, b"\r\n\r\n"].concat();
    match request.begin([0; 16], &mut Buffer::new()).receive(&mut &answer[..]) {
        Progress::Rejected(rejected) if rejected.headers().len() == 1 => Some(rejected),
        _ => None,
    }
}

/// What a relative path means behind `/b/c/d;p?q`, as RFC 3986 §5.2.4 says it: with two buffers.
fn plain_target(location: &[u8]) -> Option<String> {
    let location = std::str::from_utf8(location).ok()?.trim_matches([' ', '\t']);
    let text = location.split('#').next()?;
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    if path.is_empty() || text.starts_with("//") || path.split('/').next().is_some_and(|first| first.contains(':')) {
        return None;
    }
    let mut input = if path.starts_with('/') { path.to_owned() } else { format!("/b/c/{path}") };
    let mut output = String::new();
    while !input.is_empty() {
        if input.starts_with("/./") {
            input.replace_range(..2, "");
        } else if input == "/." {
            input = String::from("/");
        } else if input.starts_with("/../") || input == "/.." {
            input = format!("/{}", input.get(4..).unwrap_or_default());
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.push_str(&input[..end]);
            input.replace_range(..end, "");
        }
    }
    Some(query.map_or_else(|| output.clone(), |query| format!("{output}?{query}")))
}

/// `Set-Cookie` headers, a line each, behind a line that is asked for.
fn cookies(bytes: &[u8]) {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let target = lines.next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or("/");
    let (mut jar, mut now) = (Jar::new(), 1_700_000_000);
    for line in lines {
        now += u64::from(line.first().copied().unwrap_or_default());
        jar.set(Scheme::Wss, "chat.example.com", 443, target, line, now);
        assert!(jar.len() <= 50);
    }
    let header = jar.header_for(Scheme::Wss, "chat.example.com", 443, target, now).unwrap_or_default();
    assert!(header.len() <= (16 << 10) + 50 * 3 && !header.contains(&b'\n'));
    for pair in header.split(|&byte| byte == b';').map(<[u8]>::trim_ascii).filter(|_| !header.is_empty()) {
        let name = pair.split(|&byte| byte == b'=').next().unwrap_or_default();
        let said = bytes.windows(name.len().max(1)).any(|window| window == name);
        assert!(said && !name.is_empty(), "{}", pair.escape_ascii());
    }
    for (scheme, host, port) in [
        (Scheme::Ws, "chat.example.com", 443),
        (Scheme::Wss, "example.com", 443),
        (Scheme::Wss, "chat.example.com", 444),
    ] {
        assert_eq!(jar.header_for(scheme, host, port, target, now), None, "that is another origin");
    }
    if let Ok(request) = Request::new(Scheme::Wss, "chat.example.com", None, target) {
        let with = jar.apply(&request, now);
        assert_eq!(with.headers().count(), usize::from(!header.is_empty()), "no cookie is in the way of a request");
    }
}
