//! The way to a server: over TLS, through proxies, on either transport.

use std::{
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

use crate::running::{Running, Scratch, run, stderr, stdout};
use steadfast_sim::mock::{Authority, Certificate, Identity, MockServer, Proxy, Script, ServerTls};

const TRANSPORTS: [&str; 2] = ["mio", "async-std"];

/// Whoever issues the certificates of these tests, and the file with its own.
static AUTHORITY: LazyLock<(Authority, Scratch)> = LazyLock::new(|| {
    let authority = Authority::new();
    let file = Scratch::new("authority.pem", authority.pem());
    (authority, file)
});

/// An echo server with such a certificate; its URL.
fn secure_echo(certificate: Certificate) -> (MockServer, Identity, String) {
    let identity = AUTHORITY.0.issue(certificate);
    let server = MockServer::builder().tls(ServerTls::new(&identity)).start(Script::echoing());
    let url = format!("wss://localhost:{}/", server.address().expect("TCP").port());
    (server, identity, url)
}

/// Sends a line over a connection of these arguments, on each transport, and gets it back.
fn assert_echoes(arguments: &[&str]) {
    for transport in TRANSPORTS {
        let mut connect = Running::start(["connect", "--transport", transport].iter().chain(arguments));
        connect.say("there and back");
        connect.out_line(|line| line == "there and back");
        connect.end_input();
        let (code, _, err) = connect.end();
        assert_eq!(code, Some(0), "{transport}, {arguments:?}: {err}");
    }
}

/// The session gives up at once on each transport, and says these words.
fn assert_gives_up(arguments: &[&str], words: &[&str]) {
    for transport in TRANSPORTS {
        let connect = Running::start(["connect", "--transport", transport].iter().chain(arguments));
        let (code, out, err) = connect.end();
        assert_eq!((code, &*out), (Some(1), ""), "{transport}, {arguments:?}: {err}");
        for word in words {
            assert!(err.contains(word), "{transport}, {arguments:?}: {word:?} is missing in: {err}");
        }
    }
}

#[test]
fn a_server_with_a_certificate_of_a_trusted_authority_is_spoken_to() {
    let (_server, identity, url) = secure_echo(Certificate::Valid);
    assert_echoes(&[&url, "--ca", AUTHORITY.1.path()]);
    assert_echoes(&[&url, "--ca", AUTHORITY.1.path(), "--pin", &identity.spki_pin()]);
}

#[test]
fn a_server_that_nobody_vouches_for_is_not() {
    let (_server, _, url) = secure_echo(Certificate::Valid);
    let mut connect = Running::start(["connect", &url]);
    let line = connect.err_line(|line| line.contains("failed ") || line.contains("stopped "));
    assert!(line.contains("TLS") && line.contains("issuer"), "{line}");
}

#[test]
fn a_pin_that_does_not_match_is_final() {
    let (_server, _, url) = secure_echo(Certificate::Valid);
    let other = AUTHORITY.0.issue(Certificate::Valid).spki_pin();
    assert_gives_up(&[&url, "--ca", AUTHORITY.1.path(), "--pin", &other], &["stopped", "pin"]);
}

#[test]
fn a_certificate_for_another_name_is_final() {
    let (_server, _, url) = secure_echo(Certificate::WrongName);
    assert_gives_up(&[&url, "--ca", AUTHORITY.1.path()], &["stopped", "localhost"]);
}

#[test]
#[cfg(not(feature = "dangerous"))]
fn without_its_feature_nobody_accepts_any_certificate() {
    let output = run(["connect", "wss://localhost/", "--insecure-accept-any-certificate"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
#[cfg(feature = "dangerous")]
fn with_its_feature_any_certificate_is_accepted_where_that_is_asked_for() {
    let (_server, _, url) = secure_echo(Certificate::Expired);
    assert_echoes(&[&url, "--insecure-accept-any-certificate"]);
}

#[test]
fn proxies_carry_a_connection_and_are_told_who_asks() {
    let server = MockServer::echo();
    let address = server.address().expect("TCP");
    for proxy in [Proxy::http(), Proxy::socks5()] {
        let proxy = proxy.credentials("user", "pass word").resolve("chat.test", address).start();
        let url = proxy.url().replace("://", "://user:pass%20word@");
        let url = if proxy.url().contains('@') { proxy.url() } else { url };
        assert_echoes(&["ws://chat.test/", "--proxy", &url]);
        assert!(proxy.requests().iter().all(|request| request.host == "chat.test"), "{:?}", proxy.requests());
    }
}

#[test]
fn a_proxy_that_does_not_know_us_is_final_and_the_password_is_not_shown() {
    let proxy = Proxy::http().credentials("user", "right").start();
    let address = proxy.address();
    let url = format!("http://user:s3cret@{address}");
    assert_gives_up(&["ws://chat.test/", "--proxy", &url], &["stopped", "proxy"]);
    let output = run(["connect", "ws://chat.test/", "--json", "--proxy", &url]);
    assert!(!stdout(&output).contains("s3cret") && !stderr(&output).contains("s3cret"), "{}", stdout(&output));
}

/// Connects with these variables in its environment, and ends at once.
fn with_environment(variables: &[(&str, &str)], url: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.args(["connect", url, "--proxy-from-environment"]).stdin(Stdio::null());
    command.envs(variables.iter().copied()).output().expect("the program starts")
}

#[test]
fn the_environment_names_a_proxy_where_that_is_asked_for() {
    let server = MockServer::echo();
    let proxy = Proxy::http().resolve("chat.test", server.address().expect("TCP")).start();
    let output = with_environment(&[("all_proxy", &proxy.url()), ("no_proxy", "")], "ws://chat.test/");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_machine_without_roots_is_told_at_once() {
    let nothing = [("SSL_CERT_FILE", "/no/such/file.pem"), ("SSL_CERT_DIR", "")];
    let output = with_environment(&nothing, "wss://localhost:9/");
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("roots") && error.contains("expected at least one root"), "{error}");
}

#[test]
fn an_environment_that_names_no_proxy_is_told_with_its_variable() {
    let output = with_environment(&[("all_proxy", "ftp://user:s3cret@host/"), ("no_proxy", "")], "ws://chat.test/");
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("all_proxy") && error.contains("ftp") && !error.contains("s3cret"), "{error}");
}

#[test]
#[cfg(unix)]
fn a_server_on_a_unix_domain_socket_is_reached() {
    let file = Scratch::new("server.sock", "");
    std::fs::remove_file(file.path()).expect("it was made just now");
    let _server = MockServer::builder().unix(file.path()).start(Script::echoing());
    assert_echoes(&[&format!("ws+unix:{}", file.path())]);
}

#[test]
fn an_offer_to_compress_is_one_that_a_server_may_decline() {
    let server = MockServer::echo();
    assert_echoes(&[&format!("ws://{}/", server.address().expect("TCP")), "--compress"]);
}
