//! Redirects of the upgrade (RFC 9110 §15.4, RFC 3986 §5).

use steadfast_core::{
    dial::redirect::{Redirect, RedirectError, Redirects},
    wire::{
        Buffer,
        handshake::{Progress, Rejected, Request, Scheme},
    },
};

const FOLLOW: Redirects = Redirects::Follow { max: 3 };

fn request(url: &str) -> Request {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let scheme = if scheme == "wss" { Scheme::Wss } else { Scheme::Ws };
    let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Request::new(scheme, host, None, target).expect("a request")
}

fn rejected(status: u16, headers: &str) -> Rejected {
    let answer = format!("HTTP/1.1 {status} Elsewhere\r\n{headers}\r\n");
    match request("ws://h").begin([0; 16], &mut Buffer::new()).receive(&mut answer.as_bytes()) {
        Progress::Rejected(rejected) => rejected,
        other => panic!("{other:?}"),
    }
}

fn judge(from: &Request, location: &str) -> Result<Redirect, RedirectError> {
    let rejected = rejected(302, &format!("Location: {location}\r\n"));
    FOLLOW.judge(from, &rejected, 0).map(|redirect| redirect.expect("a redirect"))
}

/// Where a redirect goes, as a URL with its port.
fn goes(from: &str, location: &str) -> String {
    let redirect = judge(&request(from), location).expect(location);
    let to = redirect.request();
    format!("{}://{}:{}{}", to.scheme().as_str(), to.host(), to.port(), to.target())
}

fn refused(from: &str, location: &str) -> RedirectError {
    judge(&request(from), location).expect_err(location)
}

#[test]
fn only_four_statuses_are_redirects() {
    for status in 200..=999 {
        let judged = FOLLOW.judge(&request("ws://h"), &rejected(status, "Location: /x\r\n"), 0);
        let is_redirect = matches!(status, 301 | 302 | 307 | 308);
        assert_eq!(judged.map(|redirect| redirect.is_some()), Ok(is_redirect), "{status}");
    }
}

#[test]
fn a_location_may_be_absolute() {
    for (location, to) in [
        ("ws://other/x?y", "ws://other:80/x?y"),
        ("http://other", "ws://other:80/"),
        ("HTTPS://other:8443/", "wss://other:8443/"),
        ("wss://[2001:db8::1]/a/../b", "wss://2001:db8::1:443/b"),
        ("//other:81/x", "ws://other:81/x"),
        ("http://other:/x", "ws://other:80/x"),
        ("http://other?q", "ws://other:80/?q"),
        ("http://other/x#fragment", "ws://other:80/x"),
    ] {
        assert_eq!(goes("ws://h/a/b?c", location), to, "{location}");
    }
}

/// RFC 3986 §5.2; all of its examples are tested beside the code.
#[test]
fn a_location_may_be_relative() {
    for (location, to) in [
        ("/x", "wss://h:443/x"),
        ("x?y", "wss://h:443/a/x?y"),
        ("../x", "wss://h:443/x"),
        ("?y", "wss://h:443/a/b?y"),
        ("#f", "wss://h:443/a/b?c"),
        ("./x:y", "wss://h:443/a/x:y"),
    ] {
        assert_eq!(goes("wss://h/a/b?c", location), to, "{location}");
    }
}

#[test]
fn what_is_secret_stays_secret() {
    for location in ["ws://h/x", "http://h/x", "http://other:443/", "HTTP://h"] {
        let error = refused("wss://h/", location);
        assert!(matches!(error, RedirectError::Insecure { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("a redirect to `{location}`, in the clear: expected `wss`"));
    }
    assert_eq!(goes("ws://h/", "https://h/"), "wss://h:443/");
}

#[test]
fn where_no_websocket_can_be_is_refused() {
    for location in [
        "ftp://h/",
        "mailto:x",
        "localhost:8080/x",
        "http:/h",
        "http:h",
        "http://",
        "http:///x",
        "http://u:p@h/",
        "//u@h/",
        "http://h:0/",
        "http://h:65536/",
        "http://h:x/",
        "http://[::1/",
        "http://a b/",
        "/a b",
        "/\u{e9}",
    ] {
        let error = refused("ws://h/", location);
        assert!(matches!(error, RedirectError::Location { .. }), "{location}: {error:?}");
    }
}

#[test]
fn a_user_in_a_location_is_refused_as_such() {
    let said = "a redirect to `…@h/`: expected no user and no password";
    assert_eq!(refused("ws://h/", "http://user:secret@h/").to_string(), said);
}

#[test]
fn a_redirect_has_one_location() {
    for (headers, found) in [("", 0), ("Location: /a\r\nlocation: /b\r\n", 2)] {
        let judged = FOLLOW.judge(&request("ws://h"), &rejected(301, headers), 0);
        assert_eq!(judged, Err(RedirectError::NoLocation { found }));
    }
}

#[test]
fn circles_end_at_the_bound() {
    let (mut from, mut followed) = (request("ws://h/a"), 0);
    let last = loop {
        match FOLLOW.judge(&from, &rejected(307, "Location: /a\r\n"), followed) {
            Ok(redirect) => from = redirect.expect("a redirect").into_request(),
            Err(error) => break error,
        }
        followed += 1;
    };
    assert_eq!((followed, last), (3, RedirectError::TooMany { max: 3 }));
}

#[test]
fn none_is_followed_unless_asked_for() {
    let judged = Redirects::default().judge(&request("ws://h"), &rejected(301, "Location: /x?token=secret\r\n"), 0);
    let error = judged.expect_err("not allowed");
    assert_eq!(error.to_string(), "a redirect to `/x`: redirects are not followed");
    let none = Redirects::Follow { max: 0 }.judge(&request("ws://h"), &rejected(301, "Location: /x\r\n"), 0);
    assert_eq!(none, Err(RedirectError::TooMany { max: 0 }));
}

#[test]
fn no_refusal_shows_a_secret() {
    for location in ["http://u:secret@h/", "ftp://h/?secret", "/a b?secret", "http://h:x/#secret"] {
        let error = refused("wss://h/", location);
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}

mod credentials {
    use super::*;

    fn with_secrets() -> Request {
        let mut request =
            request("ws://h/").subprotocol("chat").expect("a token").host_header("virtual").expect("a host");
        for name in ["Authorization", "COOKIE", "proxy-authorization", "Origin", "X-Trace"] {
            request = request.header(name, "v").expect("a header");
        }
        request
    }

    fn names(request: &Request) -> Vec<&str> {
        request.headers().map(|(name, _)| name).collect()
    }

    #[test]
    fn they_go_along_within_one_origin() {
        for location in ["/x", "http://h/x", "ws://H:80/x"] {
            let redirect = judge(&with_secrets(), location).expect(location);
            assert!(redirect.is_same_origin());
            assert_eq!(
                names(redirect.request()),
                ["Authorization", "COOKIE", "proxy-authorization", "Origin", "X-Trace"]
            );
            assert_eq!(redirect.request().authority(), "virtual");
        }
    }

    #[test]
    fn they_are_dropped_across_origins() {
        for location in ["http://other/", "http://h:81/", "https://h/", "https://h:80/", "http://sub.h/"] {
            let redirect = judge(&with_secrets(), location).expect(location);
            assert!(!redirect.is_same_origin());
            assert_eq!(names(redirect.request()), ["Origin", "X-Trace"]);
            assert_ne!(redirect.request().authority(), "virtual");
            assert_eq!(redirect.request().subprotocols(), ["chat"]);
        }
    }

    #[test]
    fn they_do_not_come_back_with_the_first_origin() {
        let away = judge(&with_secrets(), "http://other/").expect("elsewhere").into_request();
        let back = judge(&away, "http://h/").expect("back").into_request();
        assert_eq!(names(&back), ["Origin", "X-Trace"]);
    }
}
