//! What the end of a connection means: the whole table, the presets, and the rules that come before them.

use std::time::Duration;

use steadfast_core::{
    Cause, CauseKind, CloseCode, CloseFrame, Decided, DecidedBy, Decision, DnsKind, HandshakeKind, IoKind, ProxyKind,
    Stage, TlsKind,
    config::{CleanClose, ClosePolicy, Failures, Match, Rule},
};

const MOST: Duration = Duration::from_mins(10);

fn closed(code: u16) -> Cause {
    Cause::Closed(CloseFrame { code: CloseCode(code), reason: String::new() })
}

fn rejected(status: u16) -> Cause {
    Cause::Rejected { status, retry_after: None }
}

fn decide(cause: &Cause) -> Decision {
    ClosePolicy::default().decide(cause, MOST).decision
}

const fn five_to_thirty() -> Decision {
    Decision::RetryAfter { floor: Duration::from_secs(5), spread: Duration::from_secs(25) }
}

#[test]
fn close_codes_mean_what_the_table_says() {
    let table = [
        (1000, Decision::Terminal),
        (1001, Decision::Retry),
        (1002, Decision::Retry),
        (1003, Decision::Retry),
        (1005, Decision::Retry),
        (1007, Decision::Retry),
        (1008, Decision::RefreshCredentials),
        (1009, Decision::Retry),
        (1011, Decision::Retry),
        (1012, five_to_thirty()),
        (1013, five_to_thirty()),
        (1014, Decision::Retry),
        (3000, Decision::Retry),
        (4999, Decision::Retry),
    ];
    for (code, expected) in table {
        assert_eq!(decide(&closed(code)), expected, "{code}");
    }
}

#[test]
fn statuses_mean_what_the_table_says() {
    for status in [300, 301, 302, 307, 308, 400, 402, 405, 406, 407, 410, 426, 431, 451] {
        assert_eq!(decide(&rejected(status)), Decision::Terminal, "{status}");
    }
    for status in [401, 403] {
        assert_eq!(decide(&rejected(status)), Decision::RefreshCredentials, "{status}");
    }
    assert_eq!(decide(&Cause::Tls(TlsKind::ClientCertificate)), Decision::RefreshCredentials);
    for status in [200, 204, 404, 408, 409, 421, 423, 425, 429, 500, 502, 503, 504, 599] {
        assert_eq!(decide(&rejected(status)), Decision::Retry, "{status}");
    }
}

#[test]
fn only_what_no_retry_can_mend_is_terminal_among_failures() {
    let terminal = [
        Cause::Proxy(ProxyKind::Authentication),
        Cause::Proxy(ProxyKind::Unsupported),
        Cause::Tls(TlsKind::WrongName),
        Cause::Tls(TlsKind::PinMismatch),
        Cause::Handshake(HandshakeKind::Subprotocol),
        Cause::Handshake(HandshakeKind::Extension),
    ];
    for cause in terminal {
        assert_eq!(decide(&cause), Decision::Terminal, "{cause}");
    }
    let retried = [
        Cause::Io(IoKind::Refused),
        Cause::Io(IoKind::Reset),
        Cause::Io(IoKind::Eof),
        Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused },
        Cause::Dial { stage: Stage::Tls, kind: IoKind::Eof },
        Cause::Proxy(ProxyKind::Forbidden),
        Cause::Proxy(ProxyKind::Refused),
        Cause::Proxy(ProxyKind::Unreachable),
        Cause::Proxy(ProxyKind::Failed),
        Cause::Proxy(ProxyKind::Protocol),
        Cause::Dns(DnsKind::NotFound),
        Cause::Dns(DnsKind::Unavailable),
        Cause::Tls(TlsKind::Expired),
        Cause::Tls(TlsKind::UnknownIssuer),
        Cause::Tls(TlsKind::Certificate),
        Cause::Tls(TlsKind::Protocol),
        Cause::Handshake(HandshakeKind::NotHttp),
        Cause::Handshake(HandshakeKind::Truncated),
        Cause::Handshake(HandshakeKind::BadAcceptKey),
        Cause::Protocol(CloseCode::PROTOCOL_ERROR),
        Cause::ConnectTimeout { stage: Stage::Upgrade },
        Cause::HeartbeatTimeout,
        Cause::AnswerTimeout,
        Cause::IdleTimeout,
        Cause::WriteTimeout,
        Cause::CloseTimeout,
        Cause::NetworkLost,
    ];
    for cause in retried {
        assert_eq!(decide(&cause), Decision::Retry, "{cause}");
    }
}

#[test]
fn the_servers_word_is_heard_and_capped() {
    let asked = |seconds| Cause::Rejected { status: 503, retry_after: Some(Duration::from_secs(seconds)) };
    let floor = |seconds| Decision::RetryAfter {
        floor: Duration::from_secs(seconds),
        spread: Duration::from_secs(seconds) / 10,
    };
    let policy = ClosePolicy::default();
    assert_eq!(policy.decide(&asked(7), MOST), Decided { decision: floor(7), by: DecidedBy::RetryAfter });
    assert_eq!(policy.decide(&asked(86_400), MOST).decision, floor(600));
}

#[test]
fn the_servers_word_does_not_make_a_final_status_worth_a_retry() {
    let cause = Cause::Rejected { status: 410, retry_after: Some(Duration::from_secs(1)) };
    assert_eq!(decide(&cause), Decision::Terminal);
}

#[test]
fn the_servers_word_holds_under_a_rule_that_retries() {
    let rule = Rule { when: Match::Status { from: 500, to: 599 }, then: Decision::Retry };
    let policy = ClosePolicy { rules: vec![rule], ..ClosePolicy::default() };
    let cause = Cause::Rejected { status: 503, retry_after: Some(Duration::from_secs(20)) };
    let decided = policy.decide(&cause, MOST);
    assert!(matches!(decided.decision, Decision::RetryAfter { floor, .. } if floor == Duration::from_secs(20)));
    assert_eq!(decided.by, DecidedBy::Rule(0));
}

#[test]
fn presets_for_clean_closes_differ_in_what_is_final() {
    let decide = |clean, code| ClosePolicy { clean, ..ClosePolicy::default() }.decide(&closed(code), MOST).decision;
    assert_eq!(decide(CleanClose::UncleanOnly, 1012), Decision::Terminal);
    assert_eq!(decide(CleanClose::Every, 1000), Decision::Retry);
    assert_eq!(decide(CleanClose::Every, 1012), five_to_thirty());
}

#[test]
fn failures_can_all_be_retried() {
    let policy = ClosePolicy { failures: Failures::RetryAll, ..ClosePolicy::default() };
    for cause in [rejected(400), rejected(401), Cause::Tls(TlsKind::WrongName)] {
        let decided = policy.decide(&cause, MOST);
        assert_eq!(decided, Decided { decision: Decision::Retry, by: DecidedBy::Failures }, "{cause}");
    }
    assert_eq!(policy.decide(&closed(1000), MOST).decision, Decision::Terminal, "closes have a preset of their own");
}

#[test]
fn what_a_captive_portal_says_can_be_retried() {
    let policy = ClosePolicy { failures: Failures::RetryPortals, ..ClosePolicy::default() };
    for cause in [rejected(302), rejected(307), Cause::Tls(TlsKind::WrongName)] {
        let decided = policy.decide(&cause, MOST);
        assert_eq!(decided, Decided { decision: Decision::Retry, by: DecidedBy::Failures }, "{cause}");
    }
    for cause in [rejected(400), Cause::Tls(TlsKind::PinMismatch), Cause::Proxy(ProxyKind::Authentication)] {
        assert_eq!(policy.decide(&cause, MOST).decision, Decision::Terminal, "{cause}");
    }
    assert_eq!(policy.decide(&rejected(401), MOST).decision, Decision::RefreshCredentials);
}

#[test]
fn every_failure_of_an_attempt_names_its_stage() {
    for (cause, stage) in [
        (Cause::Dns(DnsKind::NotFound), Some(Stage::Resolve)),
        (Cause::Dial { stage: Stage::Proxy, kind: IoKind::Eof }, Some(Stage::Proxy)),
        (Cause::Proxy(ProxyKind::Refused), Some(Stage::Proxy)),
        (Cause::Tls(TlsKind::Expired), Some(Stage::Tls)),
        (Cause::Handshake(HandshakeKind::NotHttp), Some(Stage::Upgrade)),
        (rejected(503), Some(Stage::Upgrade)),
        (Cause::ConnectTimeout { stage: Stage::Connect }, Some(Stage::Connect)),
        (Cause::Io(IoKind::Eof), None),
        (Cause::HeartbeatTimeout, None),
        (closed(1000), None),
    ] {
        assert_eq!(cause.stage(), stage, "{cause}");
    }
}

#[test]
fn the_first_rule_that_fits_decides() {
    let rule = |when, then| Rule { when, then };
    let policy = ClosePolicy {
        rules: vec![
            rule(Match::Code { from: CloseCode(4100), to: CloseCode(4199) }, Decision::Retry),
            rule(Match::Code { from: CloseCode(4000), to: CloseCode(4999) }, Decision::Terminal),
            rule(Match::Status { from: 404, to: 404 }, Decision::NextEndpoint),
            rule(Match::Io(IoKind::Refused), Decision::Terminal),
            rule(Match::Dns(DnsKind::NotFound), Decision::Terminal),
            rule(Match::Tls(TlsKind::Expired), Decision::Terminal),
            rule(Match::Handshake(HandshakeKind::NotHttp), Decision::Terminal),
            rule(Match::Kind(CauseKind::ConnectTimeout), Decision::NextEndpoint),
            rule(Match::Proxy(ProxyKind::Forbidden), Decision::Terminal),
            rule(Match::Stage(Stage::Upgrade), Decision::NextEndpoint),
        ],
        ..ClosePolicy::default()
    };
    let expectations = [
        (closed(4150), 0, Decision::Retry),
        (closed(4200), 1, Decision::Terminal),
        (rejected(404), 2, Decision::NextEndpoint),
        (Cause::Io(IoKind::Refused), 3, Decision::Terminal),
        (Cause::Dns(DnsKind::NotFound), 4, Decision::Terminal),
        (Cause::Tls(TlsKind::Expired), 5, Decision::Terminal),
        (Cause::Handshake(HandshakeKind::NotHttp), 6, Decision::Terminal),
        (Cause::ConnectTimeout { stage: Stage::Upgrade }, 7, Decision::NextEndpoint),
        (Cause::Proxy(ProxyKind::Forbidden), 8, Decision::Terminal),
        (Cause::Dial { stage: Stage::Upgrade, kind: IoKind::Reset }, 9, Decision::NextEndpoint),
        (rejected(500), 9, Decision::NextEndpoint),
        // An I/O error is one in every stage.
        (Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused }, 3, Decision::Terminal),
    ];
    for (cause, rule, decision) in expectations {
        let expected = Decided { decision, by: DecidedBy::Rule(rule) };
        assert_eq!(policy.decide(&cause, MOST), expected, "{cause}");
    }
    assert_eq!(policy.decide(&Cause::Io(IoKind::Reset), MOST).by, DecidedBy::Table);
}
