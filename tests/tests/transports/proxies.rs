//! Proxies on the way.

use std::time::Duration;

use steadfast_core::{Cause, IoKind, ProxyKind, Stage, StateKind, dial::proxy};
use steadfast_sim::mock::{Cut, Proxy, ProxyBuilder, Refusal};

use crate::{
    case::{Case, SOON, config},
    client::{Client, End},
};

over_everything!(
    a_proxy_makes_way_and_resolves_the_name,
    a_proxy_that_wants_credentials_is_given_them,
    a_proxy_that_refuses_the_credentials_ends_the_session,
    what_a_proxy_says_of_the_server_is_told_and_it_is_tried_again,
    a_proxy_that_answers_garbage_is_named,
    a_proxy_that_says_nothing_runs_into_the_timeout,
    a_proxy_that_goes_away_is_named_by_stage,
    a_proxy_that_cuts_the_connection_is_a_break_like_others,
    a_proxy_where_nobody_listens_is_a_failed_connect,
);

fn a_proxy_makes_way_and_resolves_the_name(case: Case) {
    for kind in KINDS {
        let server = case.by_hand();
        let port = server.address().expect("a port").port();
        let proxy = kind().resolve("localhost", server.address().expect("a port")).start();
        let client = through(case, &proxy.url(), &format!("{}://localhost:{port}/chat", case.scheme()));
        let conn = server.accept();
        let receipt = client.send("x".repeat(200_000));
        assert_eq!(conn.expect_message().payload().len(), 200_000);
        assert!(receipt.wait().is_confirmed());
        let requests = proxy.requests();
        assert_eq!((requests.len(), &*requests[0].host, requests[0].port), (1, "localhost", port));
        assert!(requests[0].by_name && requests[0].credentials.is_none());
        // And again, the same way.
        conn.reset();
        server.accept().expect_silence(Duration::ZERO);
        assert_eq!(proxy.requests().len(), 2);
    }
}

fn a_proxy_that_wants_credentials_is_given_them(case: Case) {
    for kind in KINDS {
        let server = case.by_hand();
        let proxy = kind().credentials("me", "p@ss:word").start();
        let url = with_user(&proxy, "me:p%40ss%3Aword");
        let client = through(case, &url, &server.url());
        let _conn = server.accept();
        client.wait_for(StateKind::Open);
        assert_eq!(proxy.requests()[0].credentials, Some((String::from("me"), String::from("p@ss:word"))));
    }
}

fn a_proxy_that_refuses_the_credentials_ends_the_session(case: Case) {
    for kind in KINDS {
        let server = case.by_hand();
        let proxy = kind().credentials("me", "right").start();
        for url in [with_user(&proxy, "me:wrong-secret"), with_user(&proxy, "").replace('@', "")] {
            let end = through(case, &url, &server.url()).end();
            assert_eq!((&end.cause, end.last), (&Cause::Proxy(ProxyKind::Authentication), true), "{}", end.text());
            assert!(end.text().starts_with("proxy: ") && !end.text().contains("secret"), "{}", end.text());
        }
        assert_eq!(server.accepted(), 0);
    }
}

fn what_a_proxy_says_of_the_server_is_told_and_it_is_tried_again(case: Case) {
    let refused = [(HTTP, 503, ProxyKind::Unreachable), (HTTP, 403, ProxyKind::Forbidden)];
    let socks =
        [(SOCKS5, 5, ProxyKind::Refused), (SOCKS5, 4, ProxyKind::Unreachable), (SOCKS5, 2, ProxyKind::Forbidden)];
    for (kind, code, expected) in refused.into_iter().chain(socks) {
        let server = case.by_hand();
        let proxy = kind().start();
        proxy.refuse(Some(Refusal::Code(code)));
        let client = through(case, &proxy.url(), &server.url());
        let end = client.end();
        assert_eq!((&end.cause, end.last), (&Cause::Proxy(expected), false), "{}", end.text());
        proxy.refuse(None);
        let _conn = server.accept();
        client.wait_for(StateKind::Open);
    }
}

fn a_proxy_that_answers_garbage_is_named(case: Case) {
    for kind in KINDS {
        let end = refused(case, kind, Refusal::Raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()), SOON);
        assert_eq!(end.cause, Cause::Proxy(ProxyKind::Protocol), "{}", end.text());
        assert!(end.text().starts_with("proxy: "), "{}", end.text());
    }
}

fn a_proxy_that_says_nothing_runs_into_the_timeout(case: Case) {
    for kind in KINDS {
        let end = refused(case, kind, Refusal::Hang, Duration::from_millis(200));
        assert_eq!(end.cause, Cause::ConnectTimeout { stage: Stage::Proxy });
    }
}

fn a_proxy_that_goes_away_is_named_by_stage(case: Case) {
    for kind in KINDS {
        for (refusal, io) in [(Refusal::Fin, IoKind::Eof), (Refusal::Reset, IoKind::Reset)] {
            let end = refused(case, kind, refusal, SOON);
            let expected = [Cause::Dial { stage: Stage::Proxy, kind: io }, Cause::Proxy(ProxyKind::Protocol)];
            assert!(expected.contains(&end.cause), "{:?}: {}", end.cause, end.text());
        }
    }
}

fn a_proxy_that_cuts_the_connection_is_a_break_like_others(case: Case) {
    let server = case.by_hand();
    let proxy = Proxy::http().start();
    let client = through(case, &proxy.url(), &server.url());
    let _first = server.accept();
    client.wait_for(StateKind::Open);
    assert_eq!(proxy.strike(Cut::Reset), 1);
    assert_eq!(client.end().cause, Cause::Io(IoKind::Reset));
    let conn = server.accept();
    let receipt = client.send("after the cut");
    conn.expect_text("after the cut");
    assert!(receipt.wait().is_confirmed());
}

fn a_proxy_where_nobody_listens_is_a_failed_connect(case: Case) {
    let server = case.by_hand();
    let proxy = Proxy::socks5().start();
    proxy.set_door(steadfast_sim::mock::Door::Refusing);
    let end = through(case, &proxy.url(), &server.url()).end();
    assert_eq!(end.cause, Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused });
    assert!(end.text().contains(&proxy.address().to_string()), "{}", end.text());
}

fn refused(case: Case, kind: fn() -> ProxyBuilder, refusal: Refusal, timeout: Duration) -> End {
    let server = case.by_hand();
    let proxy = kind().start();
    proxy.refuse(Some(refusal));
    let proxy = proxy::Proxy::parse(&proxy.url()).expect("a proxy");
    let config = config().connect_timeout(timeout);
    case.connect_to(case.endpoint(&server.url()).proxy(proxy), config).end()
}

fn through(case: Case, proxy: &str, url: &str) -> Client {
    let proxy = proxy::Proxy::parse(proxy).expect("a proxy");
    case.connect_to(case.endpoint(url).proxy(proxy), config())
}

fn with_user(proxy: &Proxy, user: &str) -> String {
    let url = proxy.url();
    let (scheme, _) = url.split_once("://").expect("a URL");
    format!("{scheme}://{user}@{}", proxy.address())
}

const HTTP: fn() -> ProxyBuilder = Proxy::http;
const SOCKS5: fn() -> ProxyBuilder = Proxy::socks5;
const KINDS: [fn() -> ProxyBuilder; 2] = [HTTP, SOCKS5];
