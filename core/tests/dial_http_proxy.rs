//! A way through an HTTP proxy: `CONNECT` (RFC 9110 §9.3.6).

use proptest::prelude::*;
use steadfast_core::{
    Cause, IoKind, ProxyKind, Stage,
    dial::proxy::{Credentials, HttpConnect, Progress, Proxy, ProxyError, ProxyPart},
    wire::Buffer,
};

fn request(host: &str, port: u16, credentials: Option<&Credentials>) -> String {
    let mut out = Buffer::new();
    HttpConnect::new(host, port, credentials).expect("a server").begin(&mut out);
    String::from_utf8(out.into_vec()).expect("ASCII")
}

/// What an answer comes to, and what is left of it; the same in any pieces.
fn judged(answer: &[u8]) -> (Progress, &[u8]) {
    let whole = in_pieces(answer, answer.len().max(1));
    for size in [1, 2, 7] {
        assert_eq!(in_pieces(answer, size), whole, "{size} bytes at a time");
    }
    whole
}

fn in_pieces(answer: &[u8], size: usize) -> (Progress, &[u8]) {
    let (mut connect, mut out) = (HttpConnect::new("example.com", 443, None).expect("a server"), Buffer::new());
    connect.begin(&mut out);
    out.clear();
    let mut taken = 0;
    for piece in answer.chunks(size) {
        let mut input = piece;
        let progress = connect.receive(&mut input, &mut out);
        assert!(out.is_empty(), "there is nothing more to say");
        taken += piece.len() - input.len();
        if progress != Progress::Incomplete {
            assert_eq!(connect.receive(&mut &b"HTTP/1.1 200 OK\r\n\r\n"[..], &mut out), Progress::Incomplete);
            // Behind a failure there is nothing to go on with.
            let left = if progress == Progress::Done { &answer[taken..] } else { &[] };
            return (progress, left);
        }
        assert!(input.is_empty(), "what is not taken would come again");
    }
    (Progress::Incomplete, &answer[taken..])
}

fn failed(answer: &[u8]) -> ProxyError {
    match judged(answer).0 {
        Progress::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

mod the_request {
    use super::*;

    #[test]
    fn it_names_the_server_twice_and_nothing_else() {
        let expected = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
        assert_eq!(request("example.com", 443, None), expected);
    }

    /// RFC 9112 §3.2.3: the port is always there, and IPv6 is in brackets.
    #[test]
    fn addresses_are_in_the_form_of_a_url() {
        assert!(request("192.0.2.1", 80, None).starts_with("CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n"));
        for host in ["2001:db8::1", "[2001:db8::1]"] {
            assert!(
                request(host, 80, None).starts_with("CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n")
            );
        }
    }

    /// RFC 7617 §2, its example.
    #[test]
    fn credentials_are_in_base64() {
        let credentials = Credentials::new("Aladdin", "open sesame");
        let line = "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
        assert!(request("example.com", 443, Some(&credentials)).ends_with(line));
    }

    #[test]
    fn it_is_written_once() {
        let (mut connect, mut out) = (HttpConnect::new("h", 1, None).expect("a server"), Buffer::new());
        connect.begin(&mut out);
        let length = out.len();
        connect.begin(&mut out);
        assert_eq!(out.len(), length);
    }

    #[test]
    fn a_host_cannot_smuggle_in_a_header() {
        for host in ["", "h\r\nX: 1", "h x", "h:80", "u@h", "h/", "[::1", "h\0", "bücher.example"] {
            assert_eq!(HttpConnect::new(host, 80, None).expect_err(host).part(), ProxyPart::Target);
        }
        assert_eq!(HttpConnect::new("h", 0, None).expect_err("no port").part(), ProxyPart::Target);
    }

    /// RFC 7617 §2.
    #[test]
    fn credentials_that_cannot_be_said_are_refused_without_showing_them() {
        for (user, password) in [("se:cret", "x"), ("secret\n", "x"), ("x", "secret\r\nX: 1"), ("x", "secret\u{7f}")] {
            let error = HttpConnect::new("h", 80, Some(&Credentials::new(user, password))).expect_err("credentials");
            assert_eq!(error.part(), ProxyPart::Credentials);
            assert!(!error.to_string().contains("cret"), "{error}");
        }
        assert!(HttpConnect::new("h", 80, Some(&Credentials::new("", ""))).is_ok());
    }

    #[test]
    fn the_password_is_never_shown() {
        let credentials = Credentials::new("secret", "secret");
        let connect = HttpConnect::new("h", 80, Some(&credentials)).expect("a server");
        let proxy = Proxy::parse("http://p").and_then(|proxy| proxy.with_credentials(credentials.clone()));
        let proxy = proxy.expect("a proxy");
        let tunnel = proxy.tunnel("h", 80).expect("a server");
        let shown = format!("{connect:?} {credentials:?} {proxy:?} {proxy} {tunnel:?}");
        assert!(!shown.contains("secret") && !shown.contains("c2VjcmV0"), "{shown}");
    }
}

mod an_answer_that_says_yes {
    use super::*;

    #[test]
    fn any_status_from_200_to_299_makes_way() {
        for status in [200, 201, 204, 299] {
            let answer = format!("HTTP/1.1 {status} OK\r\n\r\n");
            assert_eq!(judged(answer.as_bytes()), (Progress::Done, &[][..]), "{status}");
        }
        assert_eq!(judged(b"HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n").0, Progress::Done);
    }

    #[test]
    fn what_follows_the_head_is_the_servers_whatever_length_it_claims() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\x16\x03\x01hello";
        assert_eq!(judged(answer), (Progress::Done, &b"\x16\x03\x01hello"[..]));
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx";
        assert_eq!(judged(answer), (Progress::Done, &b"x"[..]));
    }
}

mod an_answer_that_says_no {
    use super::*;

    #[test]
    fn credentials_that_are_missing_or_wrong_are_told_apart() {
        let answer =
            b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: Basic realm=\"x\"\r\n\r\n";
        let error = failed(answer);
        let offered = Some(String::from("Negotiate, Basic realm=\\\"x\\\""));
        assert_eq!(error, ProxyError::Authentication { offered, given: false });
        assert_eq!(error.cause(), Cause::Proxy(ProxyKind::Authentication));
        assert!(error.to_string().starts_with("it wants credentials (407, offering `Negotiate, Basic"), "{error}");
        let mut connect = HttpConnect::new("h", 1, Some(&Credentials::new("u", "p"))).expect("a server");
        let progress = connect.receive(&mut &b"HTTP/1.1 407 \r\n\r\n"[..], &mut Buffer::new());
        let Progress::Failed(error) = progress else { panic!("{progress:?}") };
        assert_eq!(error.to_string(), "it does not accept the credentials (407) (RFC 9110 §15.5.8)");
    }

    #[test]
    fn every_other_status_has_a_kind() {
        for (status, kind) in [
            (300, ProxyKind::Failed),
            (302, ProxyKind::Failed),
            (400, ProxyKind::Failed),
            (401, ProxyKind::Authentication),
            (403, ProxyKind::Forbidden),
            (404, ProxyKind::Failed),
            (405, ProxyKind::Unsupported),
            (451, ProxyKind::Forbidden),
            (500, ProxyKind::Failed),
            (501, ProxyKind::Unsupported),
            (502, ProxyKind::Unreachable),
            (503, ProxyKind::Unreachable),
            (504, ProxyKind::Unreachable),
            (101, ProxyKind::Failed),
            (999, ProxyKind::Failed),
        ] {
            let error = failed(format!("HTTP/1.1 {status} Words\r\nContent-Length: 3\r\n\r\nbad").as_bytes());
            assert_eq!(error, ProxyError::Status { status, reason: "Words".into() });
            assert_eq!(error.kind(), kind, "{status}");
        }
    }

    #[test]
    fn its_words_are_shown_in_part_and_nothing_unprintable() {
        let answer = [&b"HTTP/1.1 500 "[..], &[b'x'; 100], b"\r\n\r\n"].concat();
        let error = failed(&answer).to_string();
        let expected = format!("expected a status of 200 to 299, found `500 {}…` (RFC 9110 §9.3.6)", "x".repeat(64));
        assert_eq!(error, expected);
    }
}

mod no_answer {
    use super::*;

    #[test]
    fn what_is_not_http_is_told_with_its_first_wrong_byte() {
        for garbage in [&b"SSH-2.0-x\r\n"[..], b"\x05\x00", b"\x15\x03\x01", b"HTTP/2 200\r\n\r\n", b"<html>", b"\n"] {
            let error = failed(garbage);
            assert!(matches!(error, ProxyError::Http(_)), "{error:?}");
            assert_eq!(error.kind(), ProxyKind::Protocol);
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
        assert!(failed(b"\x15").to_string().starts_with("not HTTP/1.1"));
    }

    #[test]
    fn a_head_without_end_is_refused_at_its_limit() {
        let endless = [&b"HTTP/1.1 200 OK\r\nX: "[..], &vec![b'x'; 20 << 10]].concat();
        assert_eq!(failed(&endless).kind(), ProxyKind::Protocol);
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000);
        assert_eq!(failed(&interim).kind(), ProxyKind::Protocol);
        let headers = [&b"HTTP/1.1 200 OK\r\n"[..], &b"a:b\r\n".repeat(101), b"\r\n"].concat();
        assert_eq!(failed(&headers).kind(), ProxyKind::Protocol);
    }

    #[test]
    fn a_stream_that_ends_early_says_how_far_it_came() {
        let mut connect = HttpConnect::new("h", 1, None).expect("a server");
        assert_eq!(connect.ended(), Cause::Dial { stage: Stage::Proxy, kind: IoKind::Eof });
        let _ = connect.receive(&mut &b"HTTP/1.1 2"[..], &mut Buffer::new());
        assert_eq!(connect.ended(), Cause::Proxy(ProxyKind::Protocol));
        let said = connect.truncated().map(|error| error.to_string());
        assert_eq!(said.as_deref(), Some("the stream ended after 10 B of a head (RFC 9112 §2.1)"));
    }
}

proptest! {
    /// Whatever comes, in whatever pieces, comes to the same, and no byte behind the head is taken.
    #[test]
    fn how_an_answer_is_cut_never_matters(
        status in prop_oneof![Just("200"), Just("407"), Just("502"), Just("100"), Just("20")],
        headers in prop::collection::vec("[A-Za-z-]{1,8}: [ -~]{0,12}", 0..4),
        rest in prop::collection::vec(any::<u8>(), 0..40),
        noise in prop::option::of((0..200usize, any::<u8>())),
        size in 1..50usize,
    ) {
        let mut answer = format!("HTTP/1.1 {status} Words\r\n").into_bytes();
        for header in headers {
            answer.extend_from_slice(header.as_bytes());
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"\r\n");
        let head = answer.len();
        answer.extend_from_slice(&rest);
        if let Some((at, byte)) = noise && let Some(place) = answer.get_mut(at) {
            *place = byte;
        }
        let whole = in_pieces(&answer, answer.len());
        prop_assert_eq!(in_pieces(&answer, size), whole.clone());
        if whole.0 == Progress::Done && noise.is_none() {
            prop_assert_eq!(whole.1, &answer[head..]);
        }
    }
}
