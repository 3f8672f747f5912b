//! Everything that a hostile server can send: it ends in a typed error that says what was wrong, in the close code that
//! RFC 6455 demands, in bounded memory, and in a session that goes on by its policy.

use std::time::Duration;

use super::{
    frames::frame,
    victim::{Course, Harm, LIMIT, Then, judge_all, meet, small},
};
use steadfast_mio::{
    EngineKind,
    core::{Cause, CloseCode, CloseFrame, HandshakeKind, config::ConfigBuilder},
};

/// What is done, and what has to come of it.
#[derive(Debug)]
pub(crate) struct Case {
    harm: Harm,
    cause: Cause,
    /// The code that the server is told.
    told: Option<u16>,
    /// A part of what the application is told.
    says: &'static str,
}

/// The server breaks the protocol with these frames, and is told so.
pub(crate) fn told(code: u16, says: &'static str, harm: Harm) -> Case {
    Case { harm, cause: Cause::Protocol(CloseCode(code)), told: Some(code), says }
}

/// The answer to the upgrade is none.
pub(crate) fn refused(kind: HandshakeKind, says: &'static str, harm: Harm) -> Case {
    Case { harm, cause: Cause::Handshake(kind), told: None, says }
}

impl Case {
    pub(crate) fn judge(&self, engine: &EngineKind, config: &ConfigBuilder) -> Result<(), String> {
        let Course { cause, failure, told, heap, stopped } = meet(&self.harm, engine, config);
        let text = failure.map_or_else(String::new, |failure| failure.to_string());
        let native = matches!(engine, EngineKind::Native(_));
        let policy = Cause::Handshake(HandshakeKind::Subprotocol) == cause
            || Cause::Handshake(HandshakeKind::Extension) == cause;
        let wrong = if cause != self.cause {
            format!("{cause:?} ({text}), and not {:?}", self.cause)
        } else if told != self.told {
            format!("it was told {told:?}, and not {:?}", self.told)
        } else if text.is_empty() != self.says.is_empty() || native && !text.contains(self.says) {
            format!("`{text}` does not say `{}`", self.says)
        } else if stopped != policy {
            format!("stopped: {stopped}")
        } else if heap > HEAP {
            format!("{heap} B of heap")
        } else {
            return Ok(());
        };
        Err(wrong)
    }
}

/// Judges on the engine that is tested.
fn judge(cases: &[(&str, Case)]) {
    judge_all(cases, |case| case.judge(&crate::engine(), &small()));
}

/// The head without the lines that begin like this.
fn without(head: &str, name: &str) -> String {
    head.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect()
}

/// The head with one more header.
fn with(head: &str, line: &str) -> String {
    format!("{}\r\n{line}\r\n\r\n", head.trim_end_matches("\r\n"))
}

#[test]
fn an_answer_that_is_not_http_is_refused() {
    use HandshakeKind::{NotHttp, TooLarge, Truncated};
    let filler = "X-Filler: nothing to see here\r\n";
    judge(&[
        ("another protocol", refused(NotHttp, "found `S`", Harm::bytes("SSH-2.0-OpenSSH_9.9\r\n"))),
        ("a TLS alert", refused(NotHttp, "TLS?", Harm::bytes([0x15, 3, 1, 0, 2, 2, 70]))),
        ("half a head", refused(Truncated, "after 30 B", Harm::bytes("HTTP/1.1 101 Go\r\nUpgrade: webs"))),
        ("HTTP/1.0", refused(NotHttp, "HTTP/1.0", Harm::changed(|head| head.replace("1.1", "1.0")))),
        ("HTTP/2", refused(NotHttp, "HTTP/1.", Harm::bytes("HTTP/2 101 Go\r\n\r\n"))),
        ("a status of two digits", refused(NotHttp, "status", Harm::bytes("HTTP/1.1 99 Go\r\n\r\n"))),
        ("a NUL in a header", refused(NotHttp, "value", Harm::changed(|head| with(&head, "X: a\0b")))),
        ("a folded header", refused(NotHttp, "a header's name", Harm::changed(|head| with(&head, "X: a\r\n b")))),
        ("a head without end", refused(TooLarge, "16384 B", Harm::bytes("HTTP/1.1 101 Go\r\n").again(filler))),
        ("a line without end", refused(TooLarge, "16384 B", Harm::bytes("HTTP/1.1 101 Go\r\nX: ").again("x"))),
        ("hints without end", refused(TooLarge, "16384 B", Harm::bytes("").again("HTTP/1.1 103 Hints\r\n\r\n"))),
        (
            "too many headers",
            refused(TooLarge, "100 headers", Harm::changed(|head| with(&head, &["X: y"; 101].join("\r\n")))),
        ),
    ]);
}

#[test]
fn an_answer_that_does_not_upgrade_as_it_should_is_refused() {
    use HandshakeKind::{BadAcceptKey, Extension, NotUpgraded, Subprotocol};
    let key = "Sec-WebSocket-Accept";
    judge(&[
        ("no Upgrade", refused(NotUpgraded, "`Upgrade` is missing", Harm::changed(|head| without(&head, "Upgrade")))),
        ("another Upgrade", refused(NotUpgraded, "`h2c`", Harm::changed(|head| head.replace("websocket", "h2c")))),
        (
            "no Connection",
            refused(NotUpgraded, "`Connection` is missing", Harm::changed(|head| without(&head, "Connection"))),
        ),
        (
            "another Connection",
            refused(NotUpgraded, "`close`", Harm::changed(|head| head.replace(": Upgrade", ": close"))),
        ),
        ("no key", refused(BadAcceptKey, key, Harm::changed(|head| without(&head, "Sec-WebSocket-Accept")))),
        ("another key", refused(BadAcceptKey, "`AAAA", Harm::changed(|head| head.replace("Accept: ", "Accept: AAAA")))),
        ("the key twice", refused(BadAcceptKey, "once", Harm::changed(|head| with(&head, "Sec-WebSocket-Accept: x")))),
        (
            "a subprotocol",
            refused(Subprotocol, "`chat`", Harm::changed(|head| with(&head, "Sec-WebSocket-Protocol: chat"))),
        ),
        (
            "an extension",
            refused(Extension, "`x-zip`", Harm::changed(|head| with(&head, "Sec-WebSocket-Extensions: x-zip"))),
        ),
        (
            "a rejection without end",
            Case {
                harm: Harm::bytes("HTTP/1.1 500 Oh\r\n\r\n").again("no "),
                cause: Cause::Rejected { status: 500, retry_after: None },
                told: None,
                says: "`500 Oh`",
            },
        ),
    ]);
}

#[test]
fn a_frame_that_is_none_is_told_so() {
    judge(&[
        ("RSV1 without an extension", told(1002, "reserved bits 100", Harm::frames([0xc2, 0]))),
        ("RSV2", told(1002, "reserved bits 010", Harm::frames([0xa1, 0]))),
        ("RSV3 on a ping", told(1002, "reserved bits 001", Harm::frames([0x99, 0]))),
        ("opcode 3", told(1002, "opcode 0x3", Harm::frames([0x83, 0]))),
        ("opcode 7", told(1002, "opcode 0x7", Harm::frames([0x07, 0]))),
        ("opcode 11", told(1002, "opcode 0xb", Harm::frames([0x8b, 0]))),
        ("opcode 15", told(1002, "opcode 0xf", Harm::frames([0x8f, 0]))),
        ("a mask", told(1002, "masked", Harm::frames([0x82, 0x81, 1, 2, 3, 4, 5]))),
        ("a fragment of a ping", told(1002, "§5.5", Harm::frames([0x09, 0]))),
        ("a ping of 126 bytes", told(1002, "§5.5", Harm::frames(frame(0x89, &[1; 126])))),
        ("a continuation of nothing", told(1002, "§5.4", Harm::frames([0x80, 0]))),
        ("a message within a message", told(1002, "§5.4", Harm::frames([0x02, 1, 0, 0x82, 0]))),
        ("a text that is none", told(1007, "§8.1", Harm::frames([0x81, 2, 0xc3, 0x28]))),
        ("a text that is none across frames", told(1007, "§8.1", Harm::frames([0x01, 1, 0xc3, 0x80, 1, 0x28]))),
        ("a text that ends too early", told(1007, "§8.1", Harm::frames([0x81, 1, 0xc3]))),
        ("half a close code", told(1002, "§5.5.1", Harm::frames([0x88, 1, 3]))),
        ("a close reason that is none", told(1007, "§5.5.1", Harm::frames([0x88, 3, 3, 0xe8, 0xff]))),
    ]);
}

#[test]
fn what_is_too_large_is_told_so_and_costs_no_more_than_the_limit() {
    let header = [&[0x82, 127][..], &(LIMIT as u64 + 1).to_be_bytes()].concat();
    let (first, more) = (frame(0x02, &[1; 1_000]), frame(0x00, &[1; 1_000]));
    judge(&[
        ("a length above the limit", told(1009, "more than 65536 B", Harm::frames(header))),
        ("fragments without end", told(1009, "more than 65536 B", Harm::frames(first).again(more))),
    ]);
}

#[test]
fn what_comes_behind_a_close_frame_is_not_looked_at() {
    let closed = |code, reason: &str| Cause::Closed(CloseFrame { code: CloseCode(code), reason: reason.to_owned() });
    let case = |harm, cause, told| Case { harm, cause, told, says: "" };
    judge(&[
        (
            "a text and a violation",
            case(
                Harm::frames([&frame(0x88, b"\x03\xe9bye")[..], &frame(0x81, b"late"), &[0x83, 0]].concat()),
                closed(1001, "bye"),
                Some(1001),
            ),
        ),
        (
            "noise without end",
            case(Harm::frames([0x88, 2, 0x0b, 0xb8]).again([0xff; 1_000]), closed(3000, ""), Some(3000)),
        ),
    ]);
}

#[test]
fn a_server_that_pings_and_takes_no_pong_is_left_and_fills_no_memory() {
    let bound = Duration::from_millis(300);
    let config = small().write_timeout(bound).answer_timeout(Some(bound)).heartbeat_interval(bound / 4);
    let harm = Harm::frames("").again(frame(0x89, &[b'x'; 125]).repeat(100)).then(Then::Deaf);
    let Course { cause, heap, .. } = meet(&harm, &crate::engine(), &config);
    assert!([Cause::WriteTimeout, Cause::AnswerTimeout].contains(&cause), "{cause:?}");
    // tungstenite answers every ping, up to 4 MiB that are not taken.
    let bound = if matches!(crate::engine(), EngineKind::Native(_)) { HEAP } else { 16 << 20 };
    assert!(heap <= bound, "{heap} B of heap");
}

/// What a client may need at the most, its read buffer of 128 KiB and a message at the limit included.
const HEAP: u64 = 464 << 10;
