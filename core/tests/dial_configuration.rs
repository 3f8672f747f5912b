//! Which proxy: URLs, and the environment.

use steadfast_core::{
    dial::{
        Hop,
        environment::{EnvironmentError, NoProxy, proxy_for},
        proxy::{Proxy, ProxyPart, ProxyScheme, Tunnel},
    },
    wire::handshake::Scheme,
};

mod urls {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, scheme, host, port) in [
            ("http://proxy", ProxyScheme::Http, "proxy", 80),
            ("HTTP://proxy/", ProxyScheme::Http, "proxy", 80),
            ("http://proxy.example:3128", ProxyScheme::Http, "proxy.example", 3_128),
            ("socks5://127.0.0.1", ProxyScheme::Socks5, "127.0.0.1", 1_080),
            ("socks5h://[::1]:9050/", ProxyScheme::Socks5, "::1", 9_050),
        ] {
            let proxy = Proxy::parse(url).expect(url);
            assert_eq!((proxy.scheme(), proxy.host(), proxy.port()), (scheme, host, port), "{url}");
            assert_eq!(proxy.credentials(), None);
        }
    }

    #[test]
    fn user_and_password_are_percent_decoded() {
        for (url, user, password) in [
            ("http://u:p@h", &b"u"[..], &b"p"[..]),
            ("http://u@h", b"u", b""),
            ("http://u:@h", b"u", b""),
            ("http://:p@h", b"", b"p"),
            ("http://u:a:b@h", b"u", b"a:b"),
            ("http://u:p@ss@h", b"u", b"p@ss"),
            ("http://u%40x:%2F%3a%e2%82%AC@h", b"u@x", b"/:\xe2\x82\xac"),
            ("socks5://u:%00%ff@h", b"u", b"\0\xff"),
        ] {
            let proxy = Proxy::parse(url).expect(url);
            let credentials = proxy.credentials().expect(url);
            assert_eq!((credentials.user(), credentials.password()), (user, password), "{url}");
            assert_eq!(proxy.host(), "h");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        for (url, part) in [
            ("", ProxyPart::Scheme),
            ("proxy:3128", ProxyPart::Scheme),
            ("https://proxy", ProxyPart::Scheme),
            ("socks4://proxy", ProxyPart::Scheme),
            ("socks://proxy", ProxyPart::Scheme),
            ("ftp://proxy", ProxyPart::Scheme),
            ("://proxy", ProxyPart::Scheme),
            ("http://", ProxyPart::Host),
            ("http://:80", ProxyPart::Host),
            ("http://u:p@", ProxyPart::Host),
            ("http://a b", ProxyPart::Host),
            ("http://[::1", ProxyPart::Host),
            ("http://[::1]x", ProxyPart::Host),
            ("http://::1", ProxyPart::Host),
            ("http://h\r\nX: 1", ProxyPart::Port),
            ("http://h:", ProxyPart::Port),
            ("http://h:0", ProxyPart::Port),
            ("http://h:65536", ProxyPart::Port),
            ("http://h:+1", ProxyPart::Port),
            ("http://h/path", ProxyPart::Url),
            ("http://h?query", ProxyPart::Url),
            ("http://h#fragment", ProxyPart::Url),
            ("http://u:p%@h", ProxyPart::Credentials),
            ("http://u:p%4@h", ProxyPart::Credentials),
            ("http://u:p%gg@h", ProxyPart::Credentials),
            ("http://u:p/w@h", ProxyPart::Credentials),
            ("http://u:p#w@h", ProxyPart::Credentials),
            ("http://u%3a:p@h", ProxyPart::Credentials),
            ("http://u:%0d%0aX@h", ProxyPart::Credentials),
            ("socks5://u@h", ProxyPart::Credentials),
            ("socks5://:p@h", ProxyPart::Credentials),
        ] {
            assert_eq!(Proxy::parse(url).expect_err(url).part(), part, "{url}");
        }
    }

    #[test]
    fn an_error_reads_as_a_sentence() {
        for (url, said) in [
            (
                "https://p",
                "proxy scheme: found `https`, expected `http`, `socks5` or `socks5h`: TLS to a proxy is not supported",
            ),
            ("proxy:3128", "proxy scheme: found none, expected `http://`, `socks5://` or `socks5h://` before the host"),
            ("http://p:0", "proxy port: found `0`, expected 1 to 65535"),
            ("http://u:pa/ss@p", "proxy credentials: found `/` before the `@`, expected it percent-encoded"),
        ] {
            assert_eq!(Proxy::parse(url).expect_err(url).to_string(), said);
        }
    }

    #[test]
    fn no_error_shows_a_password() {
        for url in [
            "https://u:secret@h",
            "http://u:secret@",
            "http://u:secret@h:0",
            "http://u:secret@h:x",
            "http://u:secret@a b",
            "http://u:secret@h/path",
            "http://u:secret%@h",
            "http://u:secret\n@h",
            "http://u:/secret@h",
            "http://u:?secret@h",
            "http://secret#secret@h",
            "socks5://:secret@h",
        ] {
            let error = Proxy::parse(url).expect_err(url);
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_proxy_is_shown_as_a_url_without_its_credentials() {
        for (url, shown) in [("http://h", "http://h:80"), ("socks5://user:secret@[::1]", "socks5h://…@[::1]:1080")] {
            let proxy: Proxy = url.parse().expect(url);
            assert_eq!((proxy.to_string(), format!("{proxy:?}")), (shown.into(), format!("Proxy({shown})")));
        }
    }

    #[test]
    fn the_first_hop_is_the_proxy_and_the_tunnel_speaks_its_language() {
        let proxy = Proxy::parse("socks5://proxy.example").expect("a proxy");
        assert_eq!(proxy.hop(), Hop::Name { host: "proxy.example".into(), port: 1_080 });
        assert!(matches!(proxy.tunnel("h", 1), Ok(Tunnel::Socks5(_))));
        let proxy = Proxy::parse("http://[::1]").expect("a proxy");
        assert_eq!(proxy.hop(), Hop::Address("[::1]:80".parse().expect("an address")));
        assert!(matches!(proxy.tunnel("h", 1), Ok(Tunnel::Http(_))));
    }
}

mod environment {
    use super::*;

    /// The proxy for this server, as it is shown.
    fn proxy(url: &str, variables: &[(&str, &str)]) -> Result<Option<String>, EnvironmentError> {
        let (scheme, host) = url.split_once("://").expect("a URL");
        let scheme = if scheme == "wss" { Scheme::Wss } else { Scheme::Ws };
        let read = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).into());
        proxy_for(scheme, host, scheme.default_port(), read).map(|proxy| proxy.map(|proxy| proxy.to_string()))
    }

    fn named(url: &str, variables: &[(&str, &str)]) -> String {
        proxy(url, variables).expect("no bad variable").unwrap_or_default()
    }

    #[test]
    fn each_scheme_has_its_variables() {
        let both = [("http_proxy", "http://a"), ("https_proxy", "http://b")];
        assert_eq!((named("ws://h", &both), named("wss://h", &both)), ("http://a:80".into(), "http://b:80".into()));
        assert_eq!(named("wss://h", &[("HTTPS_PROXY", "http://b")]), "http://b:80");
        assert_eq!(named("wss://h", &[("http_proxy", "http://a")]), "");
        assert_eq!(named("ws://h", &[]), "");
    }

    #[test]
    fn the_variable_that_clients_of_a_cgi_script_can_set_is_not_read() {
        assert_eq!(named("ws://h", &[("HTTP_PROXY", "http://a")]), "");
    }

    #[test]
    fn lower_case_counts_first_and_the_one_for_all_last() {
        let upper = ("HTTPS_PROXY", "http://upper");
        assert_eq!(named("wss://h", &[upper, ("https_proxy", "http://lower")]), "http://lower:80");
        assert_eq!(named("wss://h", &[upper, ("all_proxy", "http://all")]), "http://upper:80");
        assert_eq!(named("ws://h", &[upper, ("ALL_PROXY", "socks5://all")]), "socks5h://all:1080");
    }

    #[test]
    fn an_empty_variable_is_none() {
        assert_eq!(named("wss://h", &[("https_proxy", " "), ("HTTPS_PROXY", "b")]), "http://b:80");
        assert_eq!(named("wss://h", &[("https_proxy", "b"), ("no_proxy", ""), ("NO_PROXY", "h")]), "");
    }

    #[test]
    fn this_machine_is_not_reached_through_a_proxy() {
        let variables = [("all_proxy", "http://a"), ("no_proxy", "")];
        for host in ["localhost", "LocalHost.", "app.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(named(&format!("ws://{host}"), &variables), "", "{host}");
        }
        for host in ["notlocalhost", "localhost.example", "10.0.0.1", "::", "0.0.0.0", "128.0.0.1"] {
            assert_eq!(named(&format!("ws://{host}"), &variables), "http://a:80", "{host}");
        }
    }

    #[test]
    fn a_value_without_a_scheme_means_http() {
        assert_eq!(named("wss://h", &[("https_proxy", "u:p@proxy:3128")]), "http://…@proxy:3128");
    }

    #[test]
    fn a_value_that_is_no_proxy_is_an_error_that_names_the_variable() {
        let error = proxy("wss://h", &[("HTTPS_PROXY", "https://u:secret@p")]).expect_err("no proxy");
        assert_eq!((error.variable(), error.error().part()), ("HTTPS_PROXY", ProxyPart::Scheme));
        assert!(error.to_string().starts_with("environment variable HTTPS_PROXY: proxy scheme: found `https`"));
        assert!(!error.to_string().contains("secret"));
        let variables = [("HTTPS_PROXY", "https://p"), ("NO_PROXY", "h")];
        assert_eq!(proxy("wss://h", &variables), Ok(None));
    }
}

mod exceptions {
    use super::*;

    fn covers(list: &str, host: &str) -> bool {
        NoProxy::parse(list).covers(host, 443)
    }

    #[test]
    fn a_name_means_itself_and_all_below_it() {
        for list in
            ["example.com", ".example.com", "*.example.com", "EXAMPLE.com.", "x, example.com ,y", "x example.com"]
        {
            for host in ["example.com", "a.example.com", "a.b.Example.COM", "example.com."] {
                assert!(covers(list, host), "{list} {host}");
            }
            for host in ["notexample.com", "example.org", "com", "example.com.evil"] {
                assert!(!covers(list, host), "{list} {host}");
            }
        }
    }

    #[test]
    fn a_star_means_everything() {
        for host in ["h", "127.0.0.1", "[::1]"] {
            assert!(covers("*", host) && covers("x, *", host));
        }
    }

    #[test]
    fn a_port_narrows_it() {
        for (list, host) in [("h:443", "h"), ("192.0.2.1:443", "192.0.2.1"), ("[::1]:443", "::1"), (".x:443", "a.x")] {
            assert!(NoProxy::parse(list).covers(host, 443), "{list}");
            assert!(!NoProxy::parse(list).covers(host, 80), "{list}");
        }
    }

    #[test]
    fn addresses_are_compared_by_their_value() {
        assert!(covers("2001:db8:0::1", "2001:db8::1") && covers("[2001:db8::1]", "[2001:DB8::1]"));
        assert!(covers("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(!covers("0.0.2.1", "192.0.2.1") && !covers("2.1", "192.0.2.1"));
    }

    /// RFC 4632 §3.1.
    #[test]
    fn networks_cover_their_addresses_and_no_names() {
        for (list, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "203.0.113.7", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("::1/128", "::1", "::2"),
        ] {
            assert!(covers(list, inside), "{inside} in {list}");
            assert!(!covers(list, outside), "{outside} in {list}");
        }
        assert!(!covers("0.0.0.0/0, ::/0", "localhost"));
    }

    #[test]
    fn what_is_none_of_these_is_passed_over() {
        for list in ["", ",", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10/8", "h:port", ".", "*.", ":", "/"] {
            for host in ["h", "10.0.0.1", "::1"] {
                assert!(!covers(list, host), "{list} {host}");
            }
        }
    }
}
