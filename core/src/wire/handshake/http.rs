//! Requests and answers as types of the crate `http`.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use http::{Error, Method, Response, StatusCode, Version, header};

use super::{
    headers::Headers,
    judge::Accepted,
    list::elements,
    part::{RequestError, RequestPart, quoted},
    rejected::Rejected,
    request::{Request, Scheme},
};

/// The URI's scheme is `ws` or `wss` or, as browsers have it, `http` or `https`. A `Host` header replaces what the URI
/// says; `Sec-WebSocket-Protocol` becomes the offer of subprotocols. All else that belongs to the handshake must not be
/// there (see [`Request::header`]): it writes its own.
impl<T> TryFrom<&http::Request<T>> for Request {
    type Error = RequestError;

    fn try_from(request: &http::Request<T>) -> Result<Self, RequestError> {
        if request.method() != Method::GET {
            return Err(RequestError::new(RequestPart::Method, quoted(request.method().as_str()), "GET"));
        }
        if request.version() != Version::HTTP_11 {
            let found = alloc::format!("{:?}", request.version());
            return Err(RequestError::new(RequestPart::Version, found, "HTTP/1.1"));
        }
        let mut converted = from_uri(request.uri())?;
        for (name, value) in request.headers() {
            converted = match *name {
                header::HOST => converted.host_header(&String::from_utf8_lossy(value.as_bytes()))?,
                header::SEC_WEBSOCKET_PROTOCOL => elements(value.as_bytes())
                    .try_fold(converted, |request, name| request.subprotocol(&String::from_utf8_lossy(name)))?,
                _ => converted.header(name.as_str(), value.as_bytes())?,
            };
        }
        Ok(converted)
    }
}

/// As from a reference.
impl<T> TryFrom<http::Request<T>> for Request {
    type Error = RequestError;

    fn try_from(request: http::Request<T>) -> Result<Self, RequestError> {
        Self::try_from(&request)
    }
}

/// The answer, without what was agreed on.
///
/// It fails only for a name of more than 64 KiB or more than 24,000 headers, which the default limits refuse.
impl TryFrom<Accepted> for Response<()> {
    type Error = Error;

    fn try_from(accepted: Accepted) -> Result<Self, Error> {
        response(StatusCode::SWITCHING_PROTOCOLS, accepted.headers(), ())
    }
}

/// The answer, with what came of its body.
///
/// It fails only for a name of more than 64 KiB or more than 24,000 headers, which the default limits refuse.
impl TryFrom<Rejected> for Response<Vec<u8>> {
    type Error = Error;

    fn try_from(rejected: Rejected) -> Result<Self, Error> {
        let status = StatusCode::from_u16(rejected.status())?;
        let headers = rejected.headers().clone();
        response(status, &headers, rejected.into_body())
    }
}

fn from_uri(uri: &http::Uri) -> Result<Request, RequestError> {
    let scheme = match uri.scheme_str().unwrap_or_default() {
        ws if ["ws", "http"].iter().any(|name| name.eq_ignore_ascii_case(ws)) => Scheme::Ws,
        wss if ["wss", "https"].iter().any(|name| name.eq_ignore_ascii_case(wss)) => Scheme::Wss,
        other => return Err(RequestError::new(RequestPart::Scheme, quoted(other), "`ws` or `wss`")),
    };
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    if authority.contains('@') {
        return Err(RequestError::new(RequestPart::Host, "a user", "none: send credentials in a header"));
    }
    let host = uri.host().unwrap_or("");
    let port = match &authority[host.len()..] {
        "" => None,
        rest => match rest.strip_prefix(':').map(str::parse) {
            Some(Ok(port)) => Some(port),
            _ => return Err(RequestError::new(RequestPart::Port, quoted(rest), "`:` and 1 to 65535")),
        },
    };
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Request::new(scheme, host, port, target)
}

fn response<T>(status: StatusCode, headers: &Headers, body: T) -> Result<Response<T>, Error> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers.iter() {
        response = response.header(name.to_owned(), value);
    }
    response.body(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Buffer, handshake::Progress};

    fn refused(request: http::request::Builder) -> RequestPart {
        let request = request.body(()).expect("a request");
        Request::try_from(request).expect_err("not for a WebSocket").part()
    }

    fn answered(answer: &[u8]) -> Progress {
        let request = Request::new(Scheme::Ws, "h", None, "/").expect("a request");
        request.begin(*b"the sample nonce", &mut Buffer::new()).receive(&mut &answer[..])
    }

    #[test]
    fn a_request_becomes_one_for_a_websocket() {
        let request = http::Request::get("wss://[::1]:8443/chat?room=7")
            .header("Sec-WebSocket-Protocol", "a, b")
            .header("Sec-WebSocket-Protocol", "c")
            .header("Origin", "https://example.com")
            .header("X-Twice", "1")
            .header("X-Twice", "2");
        let request = Request::try_from(request.body(()).expect("a request")).expect("one for a WebSocket");
        assert_eq!((request.scheme(), request.host(), request.port()), (Scheme::Wss, "::1", 8443));
        assert_eq!((request.target(), request.authority()), ("/chat?room=7", "[::1]:8443"));
        assert_eq!(request.subprotocols(), ["a", "b", "c"]);
        let expected = [("origin", &b"https://example.com"[..]), ("x-twice", b"1"), ("x-twice", b"2")];
        assert_eq!(request.headers().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn schemes_are_those_of_browsers_in_any_case() {
        for (uri, scheme, port) in [
            ("ws://h", Scheme::Ws, 80),
            ("WSS://h/", Scheme::Wss, 443),
            ("http://h/", Scheme::Ws, 80),
            ("https://h/", Scheme::Wss, 443),
        ] {
            let request = Request::try_from(http::Request::get(uri).body(()).expect("a request")).expect(uri);
            assert_eq!((request.scheme(), request.port(), request.target()), (scheme, port, "/"), "{uri}");
        }
    }

    #[test]
    fn a_host_header_replaces_what_the_uri_says() {
        let request = http::Request::get("ws://127.0.0.1/").header("Host", "example.com").body(()).expect("a request");
        let request = Request::try_from(&request).expect("one for a WebSocket");
        assert_eq!((request.host(), request.authority()), ("127.0.0.1", "example.com"));
    }

    #[test]
    fn a_request_that_cannot_ask_for_a_websocket_is_refused_by_the_part_that_is_wrong() {
        let get = http::Request::get;
        assert_eq!(refused(http::Request::post("ws://h/")), RequestPart::Method);
        assert_eq!(refused(get("ws://h/").version(Version::HTTP_2)), RequestPart::Version);
        assert_eq!(refused(get("ftp://h/")), RequestPart::Scheme);
        assert_eq!(refused(get("/chat")), RequestPart::Scheme);
        assert_eq!(refused(get("ws://user:secret@h/")), RequestPart::Host);
        assert_eq!(refused(get("ws://h:0/")), RequestPart::Port);
        assert_eq!(refused(get("ws://h:65536/")), RequestPart::Port);
        assert_eq!(refused(get("ws://h:/")), RequestPart::Port);
        assert_eq!(refused(get("ws://h/").header("Host", "a b")), RequestPart::HostHeader);
        assert_eq!(refused(get("ws://h/").header("Sec-WebSocket-Protocol", "a, a")), RequestPart::Subprotocol);
        assert_eq!(refused(get("ws://h/").header("Sec-WebSocket-Key", "mine")), RequestPart::HeaderName);
        assert_eq!(refused(get("ws://h/").header("Upgrade", "websocket")), RequestPart::HeaderName);
    }

    #[test]
    fn answers_become_responses() {
        let good = b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX: 1\r\nX: \xff\r\n\r\n";
        let Progress::Accepted(accepted) = answered(good) else { panic!("not accepted") };
        let response = Response::<()>::try_from(accepted).expect("a response");
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers().get_all("x").iter().collect::<Vec<_>>(), [&b"1"[..], b"\xff"]);
        let Progress::Rejected(rejected) = answered(b"HTTP/1.1 999 No\r\nX: 1\r\nContent-Length: 2\r\n\r\nhi") else {
            panic!("not rejected")
        };
        let response = Response::<Vec<u8>>::try_from(rejected).expect("a response");
        assert_eq!((response.status().as_u16(), response.body().as_slice()), (999, &b"hi"[..]));
    }
}
