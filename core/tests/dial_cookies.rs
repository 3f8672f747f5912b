//! Cookies from one connection to the next (RFC 6265).

use steadfast_core::{
    dial::cookies::Jar,
    wire::{
        Buffer,
        handshake::{Progress, Request, Scheme},
    },
};

const NOW: u64 = 1_700_000_000;

fn jar(cookies: &[&str]) -> Jar {
    jar_for("/chat/room", cookies)
}

/// Of `wss://example.com`, set in answer to a request for this.
fn jar_for(target: &str, cookies: &[&str]) -> Jar {
    let mut jar = Jar::new();
    for cookie in cookies {
        jar.set(Scheme::Wss, "example.com", 443, target, cookie.as_bytes(), NOW);
    }
    jar
}

fn header(jar: &Jar, target: &str) -> String {
    header_at(jar, target, NOW)
}

fn header_at(jar: &Jar, target: &str, now: u64) -> String {
    let header = jar.header_for(Scheme::Wss, "example.com", 443, target, now).unwrap_or_default();
    String::from_utf8(header).expect("text")
}

mod origins {
    use super::*;

    #[test]
    fn a_cookie_goes_back_to_where_it_came_from_and_nowhere_else() {
        let jar = jar(&["a=1; Path=/"]);
        for (scheme, host, port, goes) in [
            (Scheme::Wss, "example.com", 443, true),
            (Scheme::Wss, "EXAMPLE.com", 443, true),
            (Scheme::Wss, "example.com", 8_443, false),
            (Scheme::Ws, "example.com", 443, false),
            (Scheme::Wss, "sub.example.com", 443, false),
            (Scheme::Wss, "com", 443, false),
        ] {
            assert_eq!(jar.header_for(scheme, host, port, "/", NOW).is_some(), goes, "{host}:{port}");
        }
    }

    /// RFC 6265 §5.3, steps 5 and 6, but for hosts alone.
    #[test]
    fn a_domain_has_to_be_that_of_the_host_and_widens_nothing() {
        let sets = |host: &str, domain: &str| {
            let mut jar = Jar::new();
            jar.set(Scheme::Wss, host, 443, "/", format!("a=1; Domain={domain}").as_bytes(), NOW);
            assert!(jar.header_for(Scheme::Wss, "other.example.com", 443, "/", NOW).is_none());
            jar.header_for(Scheme::Wss, host, 443, "/", NOW).is_some()
        };
        for domain in ["example.com", ".example.com", "Example.COM", "com", "", "chat.example.com"] {
            assert!(sets("chat.example.com", domain), "{domain}");
        }
        for domain in ["other.com", "x.chat.example.com", "ample.com", "example.co", "..example.com"] {
            assert!(!sets("chat.example.com", domain), "{domain}");
        }
        assert!(sets("192.0.2.1", "192.0.2.1") && !sets("192.0.2.1", "2.1") && !sets("192.0.2.1", "0.2.1"));
    }

    #[test]
    fn a_secure_cookie_is_for_wss_alone() {
        let mut jar = Jar::new();
        jar.set(Scheme::Ws, "h", 80, "/", b"a=1; Secure", NOW);
        jar.set(Scheme::Ws, "h", 80, "/", b"b=2", NOW);
        jar.set(Scheme::Wss, "h", 443, "/", b"c=3; Secure", NOW);
        assert_eq!(jar.header_for(Scheme::Ws, "h", 80, "/", NOW).as_deref(), Some(&b"b=2"[..]));
        assert_eq!(jar.header_for(Scheme::Wss, "h", 443, "/", NOW).as_deref(), Some(&b"c=3"[..]));
    }
}

mod paths {
    use super::*;

    /// RFC 6265 §5.1.4.
    #[test]
    fn without_a_path_it_is_the_directory_of_the_request() {
        for (target, fits, misses) in
            [("/chat/room?x=/y/z", "/chat/other", "/"), ("/chat/room", "/chat", "/chatter"), ("/chat/", "/chat/x", "/")]
        {
            let jar = jar_for(target, &["a=1"]);
            assert_eq!((header(&jar, fits), header(&jar, misses)), ("a=1".into(), String::new()), "{target}");
        }
        for target in ["/chat", "/", "/?x=/y/z", "", "?x=/y/z"] {
            assert_eq!(header(&jar_for(target, &["a=1"]), "/anywhere"), "a=1", "{target}");
        }
    }

    #[test]
    fn an_empty_target_is_the_root() {
        let jar = jar(&["a=1; Path=/"]);
        assert_eq!((header(&jar, ""), header(&jar, "?q")), ("a=1".into(), "a=1".into()));
    }

    #[test]
    fn a_path_covers_what_is_below_it() {
        let jar = jar(&["a=1; Path=/x"]);
        for (target, goes) in [("/x", true), ("/x/", true), ("/x/y?z", true), ("/xy", false), ("/", false)] {
            assert_eq!(!header(&jar, target).is_empty(), goes, "{target}");
        }
        assert_eq!(header(&super::jar(&["a=1; Path=/x/"]), "/x"), "");
    }

    /// RFC 6265 §5.4, step 2.
    #[test]
    fn longer_paths_come_first_and_then_older_cookies() {
        let jar = jar(&["a=1; Path=/", "b=2; Path=/x/y", "c=3; Path=/", "d=4; Path=/x", "a=5; Path=/"]);
        assert_eq!(header(&jar, "/x/y/z"), "b=2; d=4; a=5; c=3");
    }
}

mod time {
    use super::*;

    #[test]
    fn a_cookie_without_an_end_stays() {
        assert_eq!(header_at(&jar(&["a=1; Path=/"]), "/", u64::MAX), "a=1");
    }

    #[test]
    fn max_age_counts_from_when_it_came() {
        let jar = jar(&["a=1; Path=/; Max-Age=60"]);
        assert_eq!((header_at(&jar, "/", NOW + 59), header_at(&jar, "/", NOW + 60)), ("a=1".into(), String::new()));
    }

    #[test]
    fn a_date_ends_it() {
        // 2023-11-14T22:13:21Z, a second after now.
        let jar = jar(&["a=1; Path=/; Expires=Tue, 14 Nov 2023 22:13:21 GMT"]);
        assert_eq!((header(&jar, "/"), header_at(&jar, "/", NOW + 1)), ("a=1".into(), String::new()));
    }

    #[test]
    fn one_that_has_expired_takes_the_other_away() {
        for end in ["Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
            let jar = jar(&["a=1; Path=/", "b=2; Path=/", &format!("a=; Path=/; {end}")]);
            assert_eq!((header(&jar, "/"), jar.len()), ("b=2".into(), 1));
        }
    }
}

mod bounds {
    use super::*;

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let many: Vec<String> = (0..60).map(|number| format!("n{number}=1; Path=/")).collect();
        let jar = jar(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(jar.len(), 50);
        assert!(header(&jar, "/").starts_with("n10=1; n11=1"));
    }

    #[test]
    fn the_oldest_go_when_they_are_too_large() {
        let many: Vec<String> = (0..10).map(|number| format!("n{number}={}; Path=/", "x".repeat(4_000))).collect();
        let jar = jar(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(jar.len(), 4);
        assert!(header(&jar, "/").len() <= 16 << 10);
    }

    #[test]
    fn one_that_is_too_large_is_ignored() {
        assert!(jar(&[&format!("a={}", "x".repeat(4_096))]).is_empty());
    }

    #[test]
    fn expired_ones_make_room() {
        let mut jar = jar(&["a=1; Max-Age=1", "b=2"]);
        jar.set(Scheme::Wss, "example.com", 443, "/", b"c=3", NOW + 1);
        assert_eq!(jar.len(), 2);
    }
}

#[test]
fn a_cookie_cannot_smuggle_in_a_header() {
    assert!(jar(&["a=1\r\nX: 2; Path=/", "b\n=2; Path=/", "c=3; Path=/\r\nX: 2"]).is_empty());
}

#[test]
fn values_are_not_shown() {
    let shown = format!("{:?}", jar(&["name=secret; Path=/x"]));
    assert_eq!(shown, "[name for wss://example.com:443/x]");
}

mod requests {
    use super::*;

    fn request() -> Request {
        Request::new(Scheme::Wss, "example.com", None, "/chat").expect("a request")
    }

    fn written(request: &Request) -> String {
        let mut out = Buffer::new();
        let _ = request.begin([0; 16], &mut out);
        String::from_utf8(out.into_vec()).expect("text")
    }

    #[test]
    fn an_answer_is_stored_and_the_next_request_says_it() {
        let answer = b"HTTP/1.1 503 Busy\r\nSet-Cookie: node=7; Path=/\r\nset-cookie: x=y; Path=/\r\n\r\n";
        let progress = request().begin([0; 16], &mut Buffer::new()).receive(&mut &answer[..]);
        let Progress::Rejected(rejected) = progress else { panic!("{progress:?}") };
        let mut jar = Jar::new();
        jar.store(&request(), rejected.headers(), NOW);
        assert!(written(&jar.apply(&request(), NOW)).contains("\r\nCookie: node=7; x=y\r\n"));
    }

    /// RFC 6265 §5.4: no more than one `Cookie` header.
    #[test]
    fn they_are_added_to_those_that_the_caller_sends() {
        let own = request().header("cookie", "mine=1").expect("a header");
        let said = written(&jar(&["a=2; Path=/"]).apply(&own, NOW));
        assert!(said.contains("\r\ncookie: mine=1; a=2\r\n"), "{said}");
        assert_eq!(said.to_ascii_lowercase().matches("cookie:").count(), 1);
    }

    #[test]
    fn a_jar_with_nothing_to_say_adds_no_header() {
        assert_eq!(Jar::new().apply(&request(), NOW), request());
    }
}
