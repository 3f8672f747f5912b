//! Endpoints from URLs.

use super::*;

fn field_of(url: &str) -> &'static str {
    Endpoint::parse(url).expect_err(url).field()
}

#[test]
fn a_url_is_taken_apart() {
    let endpoint = Endpoint::parse("ws://example.com:8080/a/b?c=d").expect("a good URL");
    assert_eq!((endpoint.host(), endpoint.port(), endpoint.target()), ("example.com", 8080, "/a/b?c=d"));
    assert_eq!(endpoint.to_string(), "ws://example.com:8080/a/b");
}

#[test]
fn what_the_url_leaves_out_has_defaults() {
    let endpoint = Endpoint::parse("WS://[::1]").expect("a good URL");
    assert_eq!((endpoint.host(), endpoint.port(), endpoint.target()), ("::1", 80, "/"));
    assert_eq!(endpoint.to_string(), "ws://[::1]/");
    assert_eq!(Endpoint::parse("ws://h?q=1").expect("a good URL").target(), "/?q=1");
}

#[test]
fn a_bad_url_is_refused_by_the_part_that_is_wrong() {
    assert_eq!(field_of("example.com"), "url");
    assert_eq!(field_of("http://example.com"), "scheme");
    assert_eq!(field_of("wsss://example.com"), "scheme");
    assert_eq!(field_of("ws://"), "host");
    assert_eq!(field_of("ws:///path"), "host");
    assert_eq!(field_of("ws://:80/"), "host");
    assert_eq!(field_of("ws://[::1/"), "port");
    assert_eq!(field_of("ws://[fe]/"), "host");
    assert_eq!(field_of("ws://h:0/"), "port");
    assert_eq!(field_of("ws://h:65536/"), "port");
    assert_eq!(field_of("ws://h:/"), "port");
    assert_eq!(field_of("ws://user:secret@h/"), "userinfo");
    assert_eq!(field_of("ws://h/#there"), "fragment");
    assert_eq!(field_of("ws://h:+1/"), "port");
    assert_eq!(field_of("ws://[::1]x/"), "host");
    assert_eq!(field_of("ws://h\\i/"), "host");
    assert_eq!(field_of("ws://h/a b"), "target");
}

#[test]
fn an_error_shows_no_secrets() {
    let error = Endpoint::parse("ws://user:secret@h/").expect_err("userinfo is refused");
    assert!(!error.to_string().contains("secret"), "{error}");
    for url in ["ws://user:sec/ret@h/", "ws://user:sec?ret@h/"] {
        let error = Endpoint::parse(url).expect_err("userinfo is refused");
        assert_eq!((error.field(), error.value()), ("userinfo", "…@h/"));
    }
    assert_eq!(Endpoint::parse("ws://h:8o/").expect_err("no number").value(), "8o");
    let error = Endpoint::parse("ws://h/?token=secret#x").expect_err("a fragment is refused");
    assert!(!error.to_string().contains("secret"), "{error}");
    let endpoint = Endpoint::parse("ws://h/").expect("a good URL");
    let error = endpoint.clone().header("X-Key", "secret\r\nX-Other: 1").expect_err("injection is refused");
    assert!(!error.to_string().contains("secret"), "{error}");
    let endpoint = endpoint.header("Authorization", "secret").expect("a good header");
    assert!(!format!("{endpoint:?} {endpoint}").contains("secret"));
}

#[test]
fn headers_of_the_handshake_cannot_be_set() {
    for name in ["Host", "upgrade", "Connection", "Sec-WebSocket-Key", "sec-websocket-protocol", "Content-Length"] {
        let error = Endpoint::parse("ws://h/").expect("a good URL").header(name, "x").expect_err(name);
        assert_eq!((error.field(), error.value()), ("header name", name));
    }
}

#[test]
fn credentials_need_a_place_of_their_own_whichever_comes_first() {
    let credentials = Credentials::fetched_by(|_| Ok(crate::Token::new("secret")));
    let endpoint = Endpoint::parse("ws://h/?token=1").expect("a good URL");
    let first = endpoint.clone().credentials(credentials.clone()).expect("room for a token");
    assert_eq!(first.header("authorization", "x").expect_err("taken").field(), "header name");
    let then = endpoint.clone().header("Authorization", "x").expect("a good header");
    assert_eq!(then.credentials(credentials.clone()).expect_err("taken").field(), "header name");
    let query = credentials.at(crate::Place::query("token").expect("a good name"));
    assert_eq!(endpoint.credentials(query).expect_err("taken").field(), "query parameter");
}

#[test]
fn a_session_of_an_endpoint_with_credentials_is_configured_for_them() {
    use steadfast_core::config::{Placement, Ready, Renewal};
    let endpoint = Endpoint::parse("ws://h/").expect("a good URL");
    assert_eq!(endpoint.configure(Config::default()).credentials, None);
    let message = |_: &crate::Secret| steadfast_core::Message::text("…");
    let credentials = Credentials::handed_in();
    for (credentials, expected) in [
        (credentials.clone(), (Placement::AtUpgrade, Renewal::NextConnection, Ready::Immediately)),
        (
            credentials.clone().first_message(message),
            (Placement::FirstMessage, Renewal::NextConnection, Ready::WhenTold),
        ),
        (credentials.renewed_by_message(message), (Placement::AtUpgrade, Renewal::Message, Ready::Immediately)),
    ] {
        let config = endpoint.clone().credentials(credentials).expect("room for a token").configure(Config::default());
        let wanted = config.credentials.as_ref().expect("credentials");
        assert_eq!((wanted.placement, wanted.renewal, config.ready), expected);
    }
}

#[test]
fn a_subprotocol_is_a_token_and_offered_once() {
    let endpoint = Endpoint::parse("ws://h/").expect("a good URL").subprotocol("a").expect("a token");
    assert!(endpoint.clone().subprotocol("a").is_err());
    assert!(endpoint.clone().subprotocol("a, b").is_err());
    assert!(endpoint.subprotocol("").is_err());
}

#[test]
fn a_unix_socket_is_a_path_and_a_target() {
    for (url, target) in [
        ("ws+unix:/run/a.sock", "/"),
        ("WS+UNIX:///run/a.sock:/chat?room=7", "/chat?room=7"),
        ("ws+unix:/run/a.sock:?room=7", "/?room=7"),
    ] {
        let endpoint = Endpoint::parse(url).expect("a good URL");
        assert_eq!(endpoint.unix_path(), Some(Path::new("/run/a.sock")));
        assert_eq!((endpoint.host(), endpoint.target()), ("localhost", target));
        assert!(endpoint.is_local() && !endpoint.to_string().contains("room"), "{endpoint}");
    }
    assert_eq!(field_of("ws+unix:run/a.sock"), "path");
    assert_eq!(field_of("ws+unix:"), "path");
    assert_eq!(field_of("ws+unix:/run/a.sock?room=7"), "path");
    assert_eq!(field_of("ws+unix:/run/a.sock:/chat#here"), "fragment");
    assert_eq!(field_of("ws+unix:/run/a.sock:/a b"), "target");
}

#[test]
fn a_strict_endpoint_is_encrypted_or_on_this_machine() {
    let strict = |url: &str| Endpoint::parse(url).expect("a good URL").secure_only();
    for url in ["ws://127.0.0.1/", "ws://127.9.9.9/", "ws://[::1]/", "ws://[::ffff:127.0.0.1]/", "ws://LocalHost/"] {
        assert!(strict(url).is_ok(), "{url}");
    }
    for url in ["ws://example.com/", "ws://10.0.0.1/", "ws://localhost.example.com/", "ws://[::]/", "ws://0.0.0.0/"] {
        assert_eq!(strict(url).map_err(|error| error.field()), Err("scheme"), "{url}");
    }
    #[cfg(feature = "_tls")]
    assert!(strict("wss://example.com/").is_ok());
}

#[test]
fn nothing_goes_to_a_proxy_in_the_clear_if_that_is_refused() {
    let local = Endpoint::parse("ws://localhost/").expect("a good URL").secure_only().expect("this machine");
    let proxy = Proxy::parse("http://me:secret@proxy.example").expect("a proxy");
    assert_eq!(local.obstacle(), None);
    let failure = local.proxy(proxy.clone()).obstacle().expect("a refusal");
    assert!(failure.to_string().contains("in the clear") && !failure.to_string().contains("secret"), "{failure}");
    assert_eq!(Endpoint::parse("ws://localhost/").expect("a good URL").proxy(proxy).obstacle(), None);
}

#[test]
#[cfg(feature = "_tls")]
fn a_redirect_to_where_the_environments_proxy_is_none_is_not_followed_without_it() {
    let variables = BTreeMap::from([("https_proxy", String::from("nonsense://proxy.example"))]);
    let first = Endpoint::parse("ws://example.com/").expect("a good URL").proxy_from(variables).expect("not its own");
    let mut next = first.clone();
    Arc::make_mut(&mut next.0).request = first.request().redirected(Scheme::Wss, "h", None, "/").expect("a request");
    assert_eq!(first.obstacle(), None);
    let failure = next.obstacle().expect("a refusal");
    assert!(failure.to_string().contains("https_proxy"), "{failure}");
}

#[test]
#[cfg(feature = "_tls")]
fn a_secure_url_has_another_port() {
    let endpoint = Endpoint::parse("wss://example.com/a").expect("a good URL");
    assert_eq!((endpoint.port(), endpoint.is_secure()), (443, true));
    assert_eq!(endpoint.to_string(), "wss://example.com/a");
    assert_eq!(Endpoint::parse("wss://example.com:80").expect("a good URL").to_string(), "wss://example.com:80/");
}

#[test]
#[cfg(not(feature = "_tls"))]
fn without_tls_a_secure_url_is_refused() {
    assert_eq!(field_of("wss://example.com"), "scheme");
}

#[test]
fn a_variable_that_names_no_proxy_is_told_with_what_it_says() {
    let endpoint = Endpoint::parse("ws://example.com/").expect("a good URL");
    let error =
        endpoint.proxy_from(BTreeMap::from([("http_proxy", "socks9://proxy".to_owned())])).expect_err("no proxy");
    assert_eq!(error.to_string(), "http_proxy `socks9`: expected `http`, `socks5` or `socks5h`");
}
