//! The request for a WebSocket: what is written, and what nobody can make it write.
#![cfg(feature = "wire")]

use proptest::prelude::*;
use steadfast_core::wire::{
    Buffer,
    handshake::{Request, RequestError, RequestPart, Scheme},
};

fn request() -> Request {
    Request::new(Scheme::Ws, "example.com", None, "/chat").expect("a request")
}

fn written(request: &Request) -> String {
    let mut out = Buffer::new();
    let _ = request.begin(*b"the sample nonce", &mut out);
    String::from_utf8(out.into_vec()).expect("UTF-8")
}

/// What the line of this header says.
fn line<'w>(written: &'w str, name: &str) -> Option<&'w str> {
    written.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

mod rfc_6455_section_4_1_the_request {
    use super::*;

    #[test]
    fn a_request_is_written_as_asked_for() {
        let request = Request::new(Scheme::Wss, "example.com", Some(8443), "/chat?room=7")
            .and_then(|request| request.header("X-First", "1"))
            .and_then(|request| request.subprotocol("chat.v2"))
            .and_then(|request| request.origin("https://example.com"))
            .and_then(|request| request.subprotocol("chat.v1"))
            .and_then(|request| request.header("x-FIRST", "\t2 "))
            .expect("a request");
        let expected = "GET /chat?room=7 HTTP/1.1\r\n\
            Host: example.com:8443\r\n\
            Upgrade: websocket\r\n\
            Connection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Protocol: chat.v2, chat.v1\r\n\
            X-First: 1\r\n\
            Origin: https://example.com\r\n\
            x-FIRST: \t2 \r\n\
            \r\n";
        assert_eq!(written(&request), expected);
    }

    #[test]
    fn a_request_can_be_written_again_with_another_nonce() {
        let mut out = Buffer::new();
        out.extend_from_slice(b"before ");
        let _ = request().begin([0; 16], &mut out);
        let text = String::from_utf8(out.into_vec()).expect("ASCII");
        assert!(text.starts_with("before GET /chat HTTP/1.1\r\n"), "{text}");
        assert_eq!(line(&text, "Sec-WebSocket-Key"), Some("AAAAAAAAAAAAAAAAAAAAAA=="));
    }

    #[test]
    fn the_host_header_names_the_port_only_if_it_is_not_the_schemes_own() {
        use Scheme::{Ws, Wss};
        for (scheme, host, port, said) in [
            (Ws, "h", None, "h"),
            (Ws, "h", Some(80), "h"),
            (Ws, "h", Some(443), "h:443"),
            (Wss, "h", None, "h"),
            (Wss, "h", Some(443), "h"),
            (Wss, "h", Some(80), "h:80"),
            (Ws, "127.0.0.1", Some(9001), "127.0.0.1:9001"),
            (Ws, "::1", None, "[::1]"),
            (Wss, "[::1]", Some(443), "[::1]"),
            (Wss, "::1", Some(65_535), "[::1]:65535"),
        ] {
            let request = Request::new(scheme, host, port, "").expect(said);
            assert_eq!(line(&written(&request), "Host"), Some(said));
            assert_eq!(request.port(), port.unwrap_or(scheme.default_port()));
        }
    }

    #[test]
    fn the_host_header_can_be_another() {
        let request = request().host_header("virtual.example:81").expect("a host");
        assert_eq!(line(&written(&request), "Host"), Some("virtual.example:81"));
        assert_eq!((request.host(), request.port(), request.authority()), ("example.com", 80, "virtual.example:81"));
    }

    #[test]
    fn nothing_is_offered_that_was_not_asked_for() {
        let text = written(&request());
        for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Origin"] {
            assert_eq!(line(&text, name), None, "{text}");
        }
    }

    #[test]
    fn subprotocols_are_unique_and_tokens() {
        let request = request().subprotocol("a").expect("a token");
        let refused = |name| request.clone().subprotocol(name).expect_err(name).part();
        for name in ["a", "", "a b", "a,b", "b;", "\"b\"", "b\r\nX: 1", "b\0", "\u{fc}"] {
            assert_eq!(refused(name), RequestPart::Subprotocol, "{name}");
        }
        // They are told apart by case, too.
        assert_eq!(request.clone().subprotocol("A").expect("another").subprotocols(), ["a", "A"]);
    }

    #[test]
    fn a_second_origin_is_refused() {
        let request = request().header("ORIGIN", "https://a").expect("an origin");
        assert_eq!(request.clone().origin("https://b").expect_err("a second").part(), RequestPart::Origin);
        assert_eq!(line(&written(&request), "ORIGIN"), Some("https://a"));
    }

    #[test]
    fn headers_of_the_handshake_cannot_be_set() {
        for name in [
            "Host",
            "host",
            "UPGRADE",
            "Connection",
            "Sec-WebSocket-Key",
            "sec-websocket-version",
            "SEC-WEBSOCKET-PROTOCOL",
            "Sec-WebSocket-Extensions",
            "Sec-WebSocket-Accept",
            "Sec-WebSocket-",
            "Content-Length",
            "transfer-encoding",
        ] {
            let error = request().header(name, "x").expect_err(name);
            assert_eq!((error.part(), error.found()), (RequestPart::HeaderName, format!("`{name}`").as_str()));
        }
        request().header("Sec-WebSocke", "x").expect("a name of its own");
    }
}

mod injection {
    use super::*;

    /// Puts the same text into each part in turn.
    fn everywhere(text: &str) -> [(&'static str, Result<Request, RequestError>); 8] {
        [
            ("host", Request::new(Scheme::Ws, text, None, "/")),
            ("target", Request::new(Scheme::Ws, "h", None, text)),
            ("target behind a slash", Request::new(Scheme::Ws, "h", None, &format!("/{text}"))),
            ("host header", request().host_header(text)),
            ("origin", request().origin(text)),
            ("subprotocol", request().subprotocol(text)),
            ("header name", request().header(text, "x")),
            ("header value", request().header("X", text)),
        ]
    }

    #[test]
    fn no_part_can_end_its_line() {
        for end in
            ["\r", "\n", "\r\n", "\0", "\r\nX: y", "\n\nGET / HTTP/1.1\n\n", "\u{b}", "\u{c}", "\u{7f}", "\u{1b}[2J"]
        {
            for text in [end.to_owned(), format!("a{end}"), format!("{end}a"), format!("/a{end}b")] {
                for (part, made) in everywhere(&text) {
                    assert!(made.is_err(), "{text:?} as {part}");
                }
            }
        }
    }

    #[test]
    fn errors_show_no_control_characters() {
        for (part, made) in everywhere("a\r\n\u{1b}[2J") {
            let shown = made.expect_err(part).to_string();
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_accepted_is_one_request_with_the_headers_asked_for(text in "[ -~\\t\\r\\n\\x00\\x7f\u{e4}]{0,6}") {
            for (part, made) in everywhere(&text) {
                let Ok(request) = made else { continue };
                let written = written(&request);
                let lines: Vec<_> = written.split("\r\n").collect();
                let added = usize::from(["origin", "subprotocol", "header name", "header value"].contains(&part));
                prop_assert_eq!(lines.len(), 1 + 5 + added + 2, "{:?}", written);
                prop_assert_eq!(&lines[lines.len() - 2..], &["", ""]);
                prop_assert!(!lines.concat().contains(['\r', '\n', '\0']), "{:?}", written);
                prop_assert_eq!(lines[0].split(' ').count(), 3, "{:?}", written);
                prop_assert!(lines[1..6 + added].iter().all(|line| line.contains(": ")), "{:?}", written);
            }
        }
    }
}

#[test]
fn what_may_be_secret_is_not_shown() {
    let request = Request::new(Scheme::Ws, "h", None, "/chat?token=secret")
        .and_then(|request| request.header("Authorization", "secret"))
        .expect("a request");
    let shown = format!("{request:?}");
    assert!(shown.contains("/chat") && shown.contains("Authorization") && !shown.contains("secret"), "{shown}");
}
