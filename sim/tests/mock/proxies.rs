//! Proxies, asked in bytes.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use steadfast_sim::mock::{Cut, Door, MockServer, Proxy, Refusal};
use tungstenite::Message;

use super::{PATIENCE, SHORT, read_head, read_to_end};

fn reach(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Asks for a tunnel; the head of the answer.
fn connect_through(proxy: &Proxy, authority: &str, more: &str) -> (TcpStream, String) {
    let mut stream = reach(proxy);
    write!(stream, "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{more}\r\n").unwrap();
    let head = read_head(&mut stream);
    (stream, head)
}

/// Greets, and asks for a name.
fn socks_through(proxy: &Proxy, name: &str, port: u16) -> (TcpStream, [u8; 10]) {
    let mut stream = reach(proxy);
    stream.write_all(&[5, 1, 0]).unwrap();
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).unwrap();
    assert_eq!(chosen, [5, 0]);
    let length = u8::try_from(name.len()).unwrap();
    stream.write_all(&[&[5, 1, 0, 3, length], name.as_bytes(), &port.to_be_bytes()].concat()).unwrap();
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).unwrap();
    (stream, reply)
}

/// Says something to an echo server, and hears it.
fn talk(stream: TcpStream) -> tungstenite::WebSocket<TcpStream> {
    let (mut client, _) = tungstenite::client("ws://echo.test/", stream).unwrap();
    client.send("through".into()).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("through"));
    client
}

#[test]
fn a_tunnel_is_granted_and_recorded() {
    let server = MockServer::echo();
    let proxy = Proxy::http().resolve("echo.test", server.address().unwrap()).start();
    let (stream, head) = connect_through(&proxy, "echo.test:80", "");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    talk(stream);
    let asked = &proxy.requests()[0];
    assert_eq!((asked.host.as_str(), asked.port, asked.by_name), ("echo.test", 80, true));
    assert!(asked.head.starts_with("CONNECT echo.test:80 HTTP/1.1\r\n"));
}

#[test]
fn addresses_are_reached_as_well() {
    let server = MockServer::echo();
    let address = server.address().unwrap();
    let proxy = Proxy::http().start();
    talk(connect_through(&proxy, &address.to_string(), "").0);
    assert!(!proxy.requests()[0].by_name);
}

#[test]
fn credentials_are_asked_for() {
    let server = MockServer::echo();
    let proxy = Proxy::http().credentials("user", "secret").resolve("echo.test", server.address().unwrap()).start();
    assert_eq!(proxy.url(), format!("http://user:secret@{}", proxy.address()));
    let (_, head) = connect_through(&proxy, "echo.test:80", "");
    assert!(head.starts_with("HTTP/1.1 407 ") && head.contains("Proxy-Authenticate: Basic"), "{head}");
    let (_, head) = connect_through(&proxy, "echo.test:80", "Proxy-Authorization: Basic dXNlcjp3cm9uZw==\r\n");
    assert!(head.starts_with("HTTP/1.1 407 "), "{head}");
    let (stream, _) = connect_through(&proxy, "echo.test:80", "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n");
    talk(stream);
    let named: Vec<_> = proxy.requests().into_iter().map(|asked| asked.credentials).collect();
    let user = |password: &str| Some(("user".to_owned(), password.to_owned()));
    assert_eq!(named, [None, user("wrong"), user("secret")]);
}

#[test]
fn who_cannot_be_reached_is_a_bad_gateway() {
    let proxy = Proxy::http().start();
    let (_, head) = connect_through(&proxy, "nowhere.test:80", "");
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
}

#[test]
fn a_request_is_refused_in_every_way() {
    let proxy = Proxy::http().start();
    proxy.refuse(Some(Refusal::Code(403)));
    assert!(connect_through(&proxy, "a.test:80", "").1.starts_with("HTTP/1.1 403 "));
    let ask = |refusal| {
        proxy.refuse(Some(refusal));
        let mut stream = reach(&proxy);
        stream.write_all(b"CONNECT a.test:80 HTTP/1.1\r\n\r\n").unwrap();
        stream
    };
    assert_eq!(read_to_end(&mut ask(Refusal::Raw(b"garbage".to_vec()))), b"garbage");
    assert_eq!(read_to_end(&mut ask(Refusal::Fin)), b"");
    let reset = ask(Refusal::Reset).read(&mut [0]).unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    let mut hanging = ask(Refusal::Hang);
    hanging.set_read_timeout(Some(SHORT)).unwrap();
    assert!(hanging.read(&mut [0]).is_err());
    assert_eq!(proxy.requests().len(), 5);
}

#[test]
fn socks_is_spoken() {
    let server = MockServer::echo();
    let proxy = Proxy::socks5().resolve("echo.test", server.address().unwrap()).start();
    let (stream, reply) = socks_through(&proxy, "echo.test", 80);
    assert_eq!(reply[..2], [5, 0]);
    talk(stream);
    let asked = &proxy.requests()[0];
    assert_eq!((asked.host.as_str(), asked.port, asked.by_name), ("echo.test", 80, true));
}

#[test]
fn socks_says_why_not() {
    let proxy = Proxy::socks5().start();
    assert_eq!(socks_through(&proxy, "nowhere.test", 80).1[..2], [5, 4], "a name that it does not know");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(socks_through(&proxy, "127.0.0.1", unused.port()).1[..2], [5, 5], "a port that refuses");
    proxy.refuse(Some(Refusal::Code(2)));
    assert_eq!(socks_through(&proxy, "127.0.0.1", 80).1[..2], [5, 2], "what it was told to say");
}

#[test]
fn socks_asks_for_user_and_password() {
    let server = MockServer::echo();
    let proxy = Proxy::socks5().credentials("user", "secret").start();
    let mut stream = reach(&proxy);
    stream.write_all(&[5, 1, 0]).unwrap();
    assert_eq!(read_to_end(&mut stream), [5, 0xff], "without is not allowed");
    let authenticate = |password: &[u8; 6]| {
        let mut stream = reach(&proxy);
        stream.write_all(&[5, 2, 0, 2]).unwrap();
        stream.write_all(&[&[1, 4][..], b"user", &[6], password].concat()).unwrap();
        let mut answers = [0; 4];
        stream.read_exact(&mut answers).unwrap();
        (stream, answers)
    };
    assert_eq!(authenticate(b"wrong!").1, [5, 2, 1, 1]);
    let (mut stream, answers) = authenticate(b"secret");
    assert_eq!(answers, [5, 2, 1, 0]);
    let port = server.address().unwrap().port().to_be_bytes();
    stream.write_all(&[&[5, 1, 0, 1, 127, 0, 0, 1], &port[..]].concat()).unwrap();
    stream.read_exact(&mut [0; 10]).unwrap();
    talk(stream);
}

#[test]
fn a_tunnel_is_cut_after_so_many_bytes() {
    let server = MockServer::echo();
    let proxy = Proxy::forwarding_to(server.address().unwrap()).start();
    proxy.cut_after(20, Cut::Fin);
    let mut stream = reach(&proxy);
    stream.write_all(super::REQUEST).unwrap();
    assert_eq!(read_to_end(&mut stream).len(), 20);
}

#[test]
fn silence_is_not_told_to_anybody() {
    let server = MockServer::echo();
    let proxy = Proxy::forwarding_to(server.address().unwrap()).start();
    let mut client = talk(reach(&proxy));
    assert_eq!(proxy.strike(Cut::Silence), 1);
    client.send("lost".into()).unwrap();
    client.get_ref().set_read_timeout(Some(SHORT)).unwrap();
    assert!(client.read().is_err(), "no echo comes");
    assert_eq!(server.records()[0].texts().count(), 1, "and nothing went there");
    assert_eq!(server.records()[0].ending, None);
}

#[test]
fn one_way_alone_is_cut() {
    let server = MockServer::echo();
    let proxy = Proxy::forwarding_to(server.address().unwrap()).start();
    let mut client = talk(reach(&proxy));
    proxy.strike(Cut::OnlyToServer);
    client.send("arrives".into()).unwrap();
    server.wait_until("two texts", |records| (records[0].texts().count() == 2).then_some(()));
    client.get_ref().set_read_timeout(Some(SHORT)).unwrap();
    assert!(client.read().is_err(), "no echo comes");
}

#[test]
fn a_reset_reaches_both_ends() {
    let server = MockServer::echo();
    let proxy = Proxy::forwarding_to(server.address().unwrap()).start();
    let mut client = talk(reach(&proxy));
    proxy.strike(Cut::Reset);
    assert!(client.read().is_err());
    server.wait_until("an end", |records| records[0].ending.clone());
}

#[test]
fn bytes_take_their_time() {
    let server = MockServer::echo();
    let proxy = Proxy::forwarding_to(server.address().unwrap()).delay(SHORT).start();
    let began = Instant::now();
    talk(reach(&proxy));
    assert!(began.elapsed() >= 4 * SHORT, "there and back, twice");
}

#[test]
fn a_proxy_has_doors_too() {
    let proxy = Proxy::http().start();
    proxy.set_door(Door::Mute);
    let mut stream = reach(&proxy);
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    stream.write_all(b"CONNECT a.test:80 HTTP/1.1\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0]).is_err());
    proxy.set_door(Door::Refusing);
    assert_eq!(TcpStream::connect(proxy.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(proxy.requests(), []);
}

#[test]
fn dropping_a_proxy_ends_what_it_carries() {
    let server = MockServer::echo();
    let proxy = Proxy::forwarding_to(server.address().unwrap()).start();
    let mut client = talk(reach(&proxy));
    drop(proxy);
    assert!(client.read().is_err());
}
