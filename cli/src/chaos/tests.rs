//! Each fault, as a client that is not Steadfast sees it.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use tungstenite::{Error, Message, WebSocket, error::ProtocolError, protocol::frame::coding::CloseCode};

use super::*;

const LOOPBACK: &str = "127.0.0.1:0";
/// Far above what a step takes; a test waits this long only to fail.
const BOUND: Duration = Duration::from_secs(10);

fn server(service: Service, faults: &[Fault]) -> Server {
    let schedule = Schedule::new(1, faults, 50..60);
    Server::start(LOOPBACK.parse().expect("an address"), service, Some(schedule), None, |_| ()).expect("loopback")
}

fn tcp(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the server listens");
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
    stream
}

fn client(addr: SocketAddr) -> WebSocket<TcpStream> {
    tungstenite::client(format!("ws://{addr}/"), tcp(addr)).expect("a WebSocket server").0
}

fn how_it_ends(server: &Server) -> Error {
    let mut client = client(server.addr());
    loop {
        if let Err(error) = client.read() {
            return error;
        }
    }
}

#[test]
fn a_reset_is_a_reset() {
    let server = server(Service::Record, &[Fault::Reset]);
    let error = how_it_ends(&server);
    assert!(
        matches!(&error, Error::Io(error) if error.kind() == io::ErrorKind::ConnectionReset)
            || matches!(&error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)),
        "{error:?}"
    );
    client(server.addr());
    assert!(server.finish().faults.contains_key(&Fault::Reset), "a connection that follows a fault has survived it");
}

#[test]
fn a_half_closed_server_reads_on() {
    let server = server(Service::Record, &[Fault::HalfClose]);
    let mut client = client(server.addr());
    let error = client.read().expect_err("the stream ends");
    assert!(matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)), "{error:?}");
    // The engine thinks that all is over: a frame by hand, masked with zeros.
    client.get_mut().write_all(&[0x81, 0x84, 0, 0, 0, 0, b'l', b'a', b't', b'e']).expect("the way out is open");
    drop(client);
    let record = server.finish();
    assert_eq!(record.arrivals.iter().map(|arrival| &*arrival.text).collect::<Vec<_>>(), ["late"]);
}

#[test]
fn a_silent_server_reads_nothing_and_a_mute_one_does() {
    for (fault, arrives) in [(Fault::Silence, 0), (Fault::Mute, 1)] {
        let (told, tells) = std::sync::mpsc::channel();
        let schedule = Schedule::new(1, &[fault], 50..60);
        let watch = move |incident| told.send(incident).expect("the test listens");
        let server = Server::start(LOOPBACK.parse().expect("an address"), Service::Record, Some(schedule), None, watch)
            .expect("loopback");
        let mut client = client(server.addr());
        while tells.recv_timeout(BOUND).expect("the fault comes") != Incident::Fault(fault) {}
        // The thread looks for orders between two messages: one of these soon finds it changed.
        client.get_mut().set_read_timeout(Some(Duration::from_millis(200))).expect("not zero");
        let deadline = std::time::Instant::now() + BOUND;
        loop {
            client.send(Message::Ping("p".into())).expect("the way out is open");
            if client.read().is_err() {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "{fault:?}: every ping was answered");
        }
        client.send(Message::text("into the void")).expect("the way out is open");
        drop(client);
        assert_eq!(server.finish().arrivals.len(), arrives, "{fault:?}");
    }
}

#[test]
fn a_restart_closes_with_1012() {
    let server = server(Service::Record, &[Fault::Restart]);
    let mut client = client(server.addr());
    let message = client.read().expect("a close frame");
    assert!(matches!(&message, Message::Close(Some(frame)) if frame.code == CloseCode::Restart), "{message:?}");
}

#[test]
fn after_a_refusal_the_server_comes_back() {
    let server = server(Service::Record, &[Fault::Refuse]);
    how_it_ends(&server);
    let refused = TcpStream::connect(server.addr()).expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let deadline = std::time::Instant::now() + BOUND;
    while TcpStream::connect(server.addr()).is_err() {
        assert!(std::time::Instant::now() < deadline, "the server stays away");
        std::thread::yield_now();
    }
}

#[test]
fn an_unavailable_server_says_when_to_come_back() {
    let server = server(Service::Record, &[Fault::Unavailable]);
    how_it_ends(&server);
    let mut stream = tcp(server.addr());
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and a FIN");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.to_lowercase().contains("retry-after: 1\r\n"), "{answer}");
    client(server.addr());
}

#[test]
fn a_stalled_handshake_stalls_until_the_next_one() {
    let server = server(Service::Record, &[Fault::Stall]);
    how_it_ends(&server);
    let mut stalled = tcp(server.addr());
    stalled.write_all(b"GET / HTTP/1.1\r\n").expect("the socket is open");
    client(server.addr());
    assert!(!matches!(stalled.read(&mut [0]), Ok(1..)), "not a byte of an answer");
}

#[test]
fn an_echo_server_serves_several_clients_and_keeps_nothing() {
    let server =
        Server::start(LOOPBACK.parse().expect("an address"), Service::Echo, None, None, |_| ()).expect("loopback");
    let mut clients = [client(server.addr()), client(server.addr())];
    for (index, client) in clients.iter_mut().enumerate() {
        client.send(Message::text(format!("hello {index}"))).expect("open");
        client.send(Message::binary(vec![7; 100_000])).expect("open");
    }
    for (index, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read().expect("an echo"), Message::text(format!("hello {index}")));
        assert_eq!(client.read().expect("an echo").len(), 100_000);
    }
    let record = server.finish();
    assert_eq!((record.connections, record.arrivals.len()), (2, 0));
}

#[test]
fn a_kind_server_has_no_more_faults() {
    let server = server(Service::Echo, &[Fault::Reset]);
    server.turn_kind();
    let mut client = client(server.addr());
    client.get_mut().set_read_timeout(Some(Duration::from_millis(200))).expect("not zero");
    assert!(matches!(client.read(), Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock));
}

#[test]
fn a_taken_address_is_refused() {
    let server =
        Server::start(LOOPBACK.parse().expect("an address"), Service::Echo, None, None, |_| ()).expect("loopback");
    let error = Server::start(server.addr(), Service::Echo, None, None, |_| ()).expect_err("taken");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}
