//! Servers that send the client elsewhere, and cookies that they want back.

use steadfast_core::{Cause, StateKind, dial::redirect::Redirects};
use steadfast_sim::mock::{Accept, Answer};

use crate::case::{Case, config};

over_everything!(
    a_redirect_is_followed_if_that_is_allowed,
    a_redirect_is_news_if_it_is_not_allowed,
    redirects_that_go_in_circles_end,
    nothing_secret_goes_where_it_was_not_meant_to,
    a_cookie_comes_back_to_its_origin_and_only_there,
    cookies_are_not_kept_unless_asked_for,
    within_an_origin_each_cookie_goes_along_once_and_only_to_its_path,
    what_follows_a_redirect_is_not_taken_for_the_next_answer,
);

mod only_tls {
    use super::nothing_goes_from_tls_to_the_clear;

    over_everything!(only over tls: nothing_goes_from_tls_to_the_clear);
}

fn a_redirect_is_followed_if_that_is_allowed(case: Case) {
    for status in [301, 302, 307, 308] {
        let (first, second) = (case.by_hand(), case.by_hand());
        let endpoint = case.endpoint(&first.url()).redirects(Redirects::Follow { max: 3 });
        let client = case.connect_to(endpoint, config());
        first.incoming().answer(&Answer::redirect(status, "/elsewhere?x=1"));
        let mut incoming = first.incoming();
        assert_eq!(incoming.request().target(), "/elsewhere?x=1");
        let location = format!("{}chat", second.url().replacen("ws", "http", 1));
        incoming.answer(&Answer::redirect(status, &location));
        let conn = second.accept();
        let receipt = client.send("found you");
        conn.expect_text("found you");
        assert!(receipt.wait().is_confirmed());
        // The attempts of the session begin where it was told to connect.
        conn.reset();
        let _back = first.accept();
        client.wait_for(StateKind::Open);
    }
}

fn a_redirect_is_news_if_it_is_not_allowed(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    server.incoming().answer(&Answer::redirect(302, "/elsewhere?token=secret"));
    let end = client.end();
    assert_eq!(end.cause, Cause::Rejected { status: 302, retry_after: None });
    assert!(end.text().contains("/elsewhere") && !end.text().contains("secret"), "{}", end.text());
}

fn redirects_that_go_in_circles_end(case: Case) {
    let server = case.by_hand();
    let client = case.connect_to(case.endpoint(&server.url()).redirects(Redirects::Follow { max: 3 }), config());
    for _ in 0..4 {
        server.incoming().answer(&Answer::redirect(307, "/round"));
    }
    assert_eq!(client.end().cause, Cause::Rejected { status: 307, retry_after: None });
}

fn nothing_secret_goes_where_it_was_not_meant_to(case: Case) {
    let (first, second) = (case.by_hand(), case.by_hand());
    let endpoint = case.endpoint(&first.url()).redirects(Redirects::Follow { max: 1 });
    let endpoint = endpoint.header("Authorization", "Bearer secret").expect("a header");
    let endpoint = endpoint.header("Cookie", "session=secret").expect("a header");
    let endpoint = endpoint.header("X-Room", "7").expect("a header");
    let _client = case.connect_to(endpoint, config());
    let mut incoming = first.incoming();
    assert_eq!(incoming.request().header("authorization"), Some("Bearer secret"));
    incoming.answer(&Answer::redirect(307, &second.url()));
    let mut incoming = second.incoming();
    let request = incoming.request();
    assert_eq!((request.header("authorization"), request.header("cookie")), (None, None));
    assert_eq!(request.header("x-room"), Some("7"));
}

fn nothing_goes_from_tls_to_the_clear(case: Case) {
    let (first, second) = (case.by_hand(), Case { tls: false, ..case }.by_hand());
    let client = case.connect_to(case.endpoint(&first.url()).redirects(Redirects::Follow { max: 3 }), config());
    first.incoming().answer(&Answer::redirect(307, &second.url()));
    assert_eq!(client.end().cause, Cause::Rejected { status: 307, retry_after: None });
    assert_eq!(second.accepted(), 0);
}

fn a_cookie_comes_back_to_its_origin_and_only_there(case: Case) {
    let (server, other) = (case.by_hand(), case.by_hand());
    let endpoint = case.endpoint(&server.url()).keep_cookies(true).redirects(Redirects::Follow { max: 1 });
    let endpoint = endpoint.header("Cookie", "own=1").expect("a header");
    let _client = case.connect_to(endpoint, config());
    let conn = server.accept_with(&Accept::new().set_cookie("node=7; Path=/").set_cookie("gone=1; Max-Age=0"));
    assert_eq!(conn.record().header("cookie"), Some("own=1"));
    conn.reset();
    let mut incoming = server.incoming();
    assert_eq!(incoming.request().header("cookie"), Some("own=1; node=7"));
    // Another port is another origin.
    incoming.answer(&Answer::redirect(307, &other.url()));
    assert_eq!(other.incoming().request().header("cookie"), None);
}

fn cookies_are_not_kept_unless_asked_for(case: Case) {
    let server = case.by_hand();
    let _client = case.connect(&server);
    server.accept_with(&Accept::new().set_cookie("node=7")).reset();
    assert_eq!(server.accept().record().header("cookie"), None);
}

fn within_an_origin_each_cookie_goes_along_once_and_only_to_its_path(case: Case) {
    let server = case.by_hand();
    let endpoint = case.endpoint(&format!("{}chat", server.url()));
    let endpoint = endpoint.keep_cookies(true).redirects(Redirects::Follow { max: 1 });
    let _client = case.connect_to(endpoint, config());
    server.accept_with(&Accept::new().set_cookie("node=7; Path=/").set_cookie("room=1; Path=/chat")).reset();
    let mut incoming = server.incoming();
    assert_eq!(incoming.request().header("cookie"), Some("room=1; node=7"));
    incoming.answer(&Answer::redirect(307, "/elsewhere"));
    assert_eq!(server.incoming().request().header("cookie"), Some("node=7"));
}

fn what_follows_a_redirect_is_not_taken_for_the_next_answer(case: Case) {
    let server = case.by_hand();
    let client = case.connect_to(case.endpoint(&server.url()).redirects(Redirects::Follow { max: 1 }), config());
    let head = "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n";
    server.incoming().answer(&Answer::raw(format!("{head}HTTP/1.1 500 No\r\n\r\n")));
    let conn = server.accept();
    let receipt = client.send("found you");
    conn.expect_text("found you");
    assert!(receipt.wait().is_confirmed());
}
