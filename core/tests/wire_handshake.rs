//! The judgement of a server's answer, clause by clause.
#![cfg(feature = "wire")]

mod handshake;

use std::time::Duration;

use handshake::{GOOD, Outcome, begin, feed, judge_with, request};
use steadfast_core::{
    Cause, HandshakeKind, IoKind, Stage,
    wire::handshake::{BodyState, Limits, Progress, Violation},
};

/// What becomes of an answer to a plain request.
fn judge(answer: impl AsRef<[u8]>) -> Outcome {
    judge_with(&request(), Limits::default(), answer)
}

/// What is wrong with an answer that would be good without these headers.
fn with(headers: &str) -> Violation {
    judge(format!("{GOOD}{headers}\r\n")).failed()
}

/// What is wrong with a good answer in which this is replaced by that.
fn replaced(this: &str, that: &str) -> Violation {
    assert!(GOOD.contains(this));
    judge(format!("{}\r\n", GOOD.replace(this, that))).failed()
}

mod rfc_6455_section_4_1_the_answer {
    use super::*;

    #[test]
    fn a_good_answer_is_accepted_with_its_headers() {
        let accepted = judge(format!("{GOOD}X-One: 1\r\nx-one:\t2 \r\nX-Bytes: \u{e4}\r\n\r\n")).accepted();
        assert_eq!(accepted.subprotocol(), None);
        assert_eq!(accepted.headers().len(), 6);
        assert_eq!(accepted.headers().get_all("x-one").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(accepted.headers().get("x-bytes"), Some("\u{e4}".as_bytes()));
    }

    #[test]
    fn what_follows_the_head_is_left_alone() {
        let head = format!("{GOOD}\r\n");
        let answer = format!("{head}\n\r\n\u{81}rest");
        assert!(matches!(judge(&answer), Outcome::Accepted(_, taken) if taken == head.len()));
    }

    #[test]
    fn another_status_is_a_rejection() {
        for status in [200, 204, 301, 400, 401, 403, 404, 426, 429, 500, 503, 600, 999] {
            let rejected = judge(format!("HTTP/1.1 {status} No\r\nX: y\r\n\r\n")).rejected();
            assert_eq!((rejected.status(), rejected.reason()), (status, "No"));
            assert_eq!(rejected.headers().get("x"), Some(&b"y"[..]));
        }
    }

    #[test]
    fn a_rejection_may_be_http_1_0_and_without_words() {
        let rejected = judge("HTTP/1.0 502\r\n\r\n").rejected();
        assert_eq!((rejected.status(), rejected.reason(), rejected.headers().is_empty()), (502, "", true));
    }

    #[test]
    fn acceptance_is_http_1_1() {
        assert_eq!(replaced("HTTP/1.1", "HTTP/1.0").kind(), HandshakeKind::NotHttp);
    }

    #[test]
    fn upgrade_is_websocket_in_any_case() {
        for value in ["WebSocket", "WEBSOCKET", "websocket,", ", websocket", "websocket, WebSocket"] {
            judge(format!("{}\r\n", GOOD.replace("websocket", value))).accepted();
        }
        for value in ["", "h2c", "websocket2", "websocket/13", "web socket", "websocket, h2c", "\"websocket\""] {
            let found = Some(value.escape_default().to_string());
            assert_eq!(replaced("websocket", value), Violation::Upgrade { found });
        }
        assert_eq!(replaced("Upgrade: websocket\r\n", ""), Violation::Upgrade { found: None });
        assert_eq!(with("Upgrade: h2c\r\n"), Violation::Upgrade { found: Some("websocket, h2c".into()) });
    }

    #[test]
    fn connection_has_upgrade_among_its_tokens_in_any_case() {
        for value in ["upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade\t,keep-alive", "close,upgrade"] {
            judge(format!("{}\r\n", GOOD.replace("Connection: Upgrade", &format!("Connection: {value}")))).accepted();
        }
        let lines = GOOD.replace("Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade");
        judge(format!("{lines}\r\n")).accepted();
        for value in ["", "keep-alive", "Upgrades", "Up grade", "keep-alive; Upgrade"] {
            let found = Some(value.to_owned());
            assert_eq!(
                replaced("Connection: Upgrade", &format!("Connection: {value}")),
                Violation::Connection { found }
            );
        }
        assert_eq!(replaced("Connection: Upgrade\r\n", ""), Violation::Connection { found: None });
    }

    #[test]
    fn the_accept_key_is_what_the_nonce_calls_for() {
        let good = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        // White space around it means nothing.
        judge(format!("{}\r\n", GOOD.replace(good, &format!(" \t{good} ")))).accepted();
        for bad in ["", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", "dGhlIHNhbXBsZSBub25jZQ=="] {
            assert_eq!(replaced(good, bad), Violation::AcceptKey { found: Some(bad.to_owned()) });
        }
        assert_eq!(replaced("Sec-WebSocket-Accept", "X"), Violation::AcceptKey { found: None });
    }

    #[test]
    fn the_accept_key_is_there_once() {
        let good = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert_eq!(with(&format!("Sec-WebSocket-Accept: {good}\r\n")).kind(), HandshakeKind::BadAcceptKey);
        assert_eq!(replaced(good, &format!("{good}, {good}")).kind(), HandshakeKind::BadAcceptKey);
    }

    #[test]
    fn an_extension_that_was_not_offered_is_refused() {
        for (value, found) in [
            ("permessage-deflate", "permessage-deflate"),
            (" , x; a=\"1,2\", y", "x; a=\\\"1,2\\\""),
            ("\u{e4}", "\\xc3\\xa4"),
        ] {
            let violation = with(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
            assert_eq!(violation, Violation::Extension { found: found.to_owned() });
        }
    }

    #[test]
    fn an_empty_list_of_extensions_is_none() {
        judge(format!("{GOOD}Sec-WebSocket-Extensions: , \r\n\r\n")).accepted();
    }

    #[test]
    fn a_subprotocol_is_chosen_among_those_offered() {
        let request = request().subprotocol("a").and_then(|request| request.subprotocol("b")).expect("two tokens");
        let with = |headers: &str| judge_with(&request, Limits::default(), format!("{GOOD}{headers}\r\n"));
        for name in ["a", "b"] {
            let accepted = with(&format!("Sec-WebSocket-Protocol: {name}\r\n")).accepted();
            assert_eq!(accepted.subprotocol(), Some(name));
        }
        for (headers, found) in [
            ("", None),
            ("Sec-WebSocket-Protocol:\r\n", Some("")),
            ("Sec-WebSocket-Protocol: c\r\n", Some("c")),
            ("Sec-WebSocket-Protocol: A\r\n", Some("A")),
            ("Sec-WebSocket-Protocol: a, b\r\n", Some("a, b")),
            ("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n", Some("a, a")),
        ] {
            assert_eq!(with(headers).failed(), Violation::Subprotocol { found: found.map(str::to_owned) });
        }
    }

    #[test]
    fn a_subprotocol_that_nobody_asked_for_is_refused() {
        assert_eq!(with("Sec-WebSocket-Protocol: chat\r\n"), Violation::Subprotocol { found: Some("chat".into()) });
    }

    #[test]
    fn every_violation_has_a_cause_and_a_clause() {
        let wrong = with("Sec-WebSocket-Protocol: chat\r\n");
        assert_eq!(wrong.cause(), Cause::Handshake(HandshakeKind::Subprotocol));
        assert!(wrong.to_string().contains("`chat`") && wrong.to_string().ends_with("(RFC 6455 §4.1)"), "{wrong}");
    }
}

#[cfg(feature = "deflate")]
mod rfc_7692_section_5_the_answer {
    use steadfast_core::wire::{
        Buffer,
        deflate::{Offer, Options, Refusal},
    };

    use super::*;

    fn judge(headers: &str) -> Outcome {
        let request = request().deflate(Offer::new(Options::default()).expect("valid options"));
        judge_with(&request, Limits::default(), format!("{GOOD}{headers}\r\n"))
    }

    #[test]
    fn the_offer_is_written() {
        let mut out = Buffer::new();
        let _ = request().deflate(Offer::new(Options::default()).expect("valid options")).begin([0; 16], &mut out);
        let written = String::from_utf8(out.into_vec()).expect("ASCII");
        let line = "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
        assert!(written.contains(line), "{written}");
    }

    #[test]
    fn what_was_agreed_on_is_said() {
        let accepted =
            judge("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"12\"\r\n").accepted();
        assert_eq!(accepted.deflate().expect("agreed").client_max_window_bits(), 12);
    }

    #[test]
    fn a_server_may_do_without() {
        assert_eq!(judge("").accepted().deflate(), None);
    }

    #[test]
    fn an_answer_to_another_offer_is_refused() {
        let violation = judge("Sec-WebSocket-Extensions: permessage-deflate, mux\r\n").failed();
        assert_eq!(violation, Violation::Deflate(Refusal::OtherExtension("mux".into())));
        assert_eq!(violation.kind(), HandshakeKind::Extension);
        let twice = "Sec-WebSocket-Extensions: permessage-deflate\r\n".repeat(2);
        assert_eq!(judge(&twice).failed(), Violation::Deflate(Refusal::Twice));
        assert_eq!(judge("Sec-WebSocket-Extensions: \u{e4}\r\n").failed().kind(), HandshakeKind::Extension);
    }
}

mod rfc_9112_section_2_the_head {
    use super::*;

    #[test]
    fn what_does_not_begin_as_http_fails_at_its_first_wrong_byte() {
        for (answer, found) in [
            ("<html>", "<"),
            ("\x15\x03\x03\0\x02", "\\x15"),
            ("HTTP/2 101 Go\r\n\r\n", "HTTP/2"),
            ("http/1.1 101 Go\r\n\r\n", "h"),
            ("\r\nHTTP/1.1 101 Go\r\n\r\n", "\\r"),
        ] {
            let Violation::NotHttp { found: shown, .. } = judge(answer).failed() else { panic!("{answer}") };
            assert_eq!(shown, found);
        }
    }

    #[test]
    fn what_http_does_not_allow_in_a_head_is_not_http() {
        for line in ["X: a\r\n folded", "X: a\0b", "X: a\rb", "X : a", " X: a", "no colon", ": a", "\u{e4}: a"] {
            assert_eq!(with(&format!("{line}\r\n")).kind(), HandshakeKind::NotHttp, "{line:?}");
        }
        for line in
            ["HTTP/1.2 101 Go", "HTTP/1.1 1 Go", "HTTP/1.1 099 Go", "HTTP/1.1 1010 Go", "HTTP/1.1  101", "HTTP/1."]
        {
            assert_eq!(judge(format!("{line}\r\n\r\n")).failed().kind(), HandshakeKind::NotHttp, "{line:?}");
        }
    }

    #[test]
    fn lines_may_end_without_a_carriage_return() {
        judge(format!("{GOOD}\r\n").replace("\r\n", "\n")).accepted();
    }

    #[test]
    fn a_stream_that_ends_before_the_head_is_told_from_one_that_ends_within() {
        assert_eq!(judge(""), Outcome::Ended(Cause::Dial { stage: Stage::Upgrade, kind: IoKind::Eof }));
        for length in 1..GOOD.len() {
            let truncated = Outcome::Ended(Cause::Handshake(HandshakeKind::Truncated));
            assert_eq!(feed(begin(&request()), [&GOOD.as_bytes()[..length]]), truncated);
        }
    }
}

mod rfc_9110_section_15_2_interim_answers {
    use super::*;

    const HINTS: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Odd\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

    #[test]
    fn interim_answers_are_passed_over() {
        let head = format!("{HINTS}{GOOD}\r\n");
        let outcome = judge(format!("{head}rest"));
        assert!(matches!(&outcome, Outcome::Accepted(_, taken) if *taken == head.len()), "{outcome:?}");
        assert_eq!(outcome.accepted().headers().get("link"), None);
        assert_eq!(judge(format!("{HINTS}HTTP/1.1 404 No\r\n\r\n")).rejected().status(), 404);
    }

    #[test]
    fn interim_answers_are_no_answer() {
        assert_eq!(judge(HINTS), Outcome::Ended(Cause::Handshake(HandshakeKind::Truncated)));
    }
}

mod a_rejections_body {
    use super::*;

    #[test]
    fn what_came_with_the_head_is_there_at_once() {
        let mut input = &b"HTTP/1.1 403 No\r\nContent-Length: 11\r\n\r\nno token"[..];
        let Progress::Rejected(mut rejected) = begin(&request()).receive(&mut input) else { panic!("not rejected") };
        assert_eq!((rejected.body(), rejected.body_state()), (&b"no token"[..], BodyState::Pending));
        assert_eq!(rejected.receive(&mut &b", no entry"[..]), BodyState::Whole);
        assert_eq!(rejected.into_body(), b"no token, n");
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_stream() {
        let mut rejected = judge("HTTP/1.1 403 No\r\n\r\nno token").rejected();
        assert_eq!((rejected.body(), rejected.body_state()), (&b"no token"[..], BodyState::Pending));
        assert_eq!(rejected.ended(), BodyState::Whole);
    }

    #[test]
    fn a_body_that_ends_too_early_is_cut() {
        let mut rejected = judge("HTTP/1.1 403 No\r\nContent-Length: 11\r\n\r\nno token").rejected();
        assert_eq!(rejected.ended(), BodyState::Cut);
    }

    #[test]
    fn chunks_are_joined() {
        let answer = "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno \r\n5;a=b\r\ntoken\r\n0\r\n\r\n";
        let rejected = judge(answer).rejected();
        assert_eq!((rejected.body(), rejected.body_state()), (&b"no token"[..], BodyState::Whole));
    }

    #[test]
    fn no_more_is_kept_than_the_limit_allows() {
        for (length, state) in [(9, BodyState::Whole), (10, BodyState::Whole), (11, BodyState::Cut)] {
            let body = "0123456789x";
            let answer = format!("HTTP/1.1 403 No\r\nContent-Length: {length}\r\n\r\n{}", &body[..length]);
            let limits = Limits { max_body_bytes: 10, ..Limits::default() };
            let rejected = judge_with(&request(), limits, answer).rejected();
            assert_eq!((rejected.body(), rejected.body_state()), (&body.as_bytes()[..length.min(10)], state));
        }
    }

    #[test]
    fn a_rejection_says_when_to_come_back() {
        let rejected = judge("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n").rejected();
        assert_eq!(rejected.cause(0), Cause::Rejected { status: 503, retry_after: Some(Duration::from_secs(7)) });
    }
}

mod after_the_outcome {
    use super::*;

    #[test]
    fn nothing_more_is_taken() {
        for answer in [format!("{GOOD}\r\n"), "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".into(), "<html>".into()] {
            let mut handshake = begin(&request());
            assert_ne!(handshake.receive(&mut answer.as_bytes()), Progress::Incomplete);
            let mut input = &b"HTTP/1.1 404 No\r\n\r\n"[..];
            assert_eq!(handshake.receive(&mut input), Progress::Incomplete);
            assert_eq!(input.len(), 19);
        }
    }
}
