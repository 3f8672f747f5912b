//! What becomes of those who knock.

use std::{
    io::{ErrorKind, Read as _},
    net::TcpStream,
    time::Duration,
};

use steadfast_sim::mock::{Door, MockServer};
use tungstenite::Message;

use super::{PATIENCE, SHORT, ask, connect, read_head};

#[test]
fn a_port_refuses_and_comes_back() {
    let server = MockServer::echo();
    let address = server.address().unwrap();
    for _ in 0..3 {
        server.set_door(Door::Refusing);
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        server.set_door(Door::Open);
        read_head(&mut ask(address));
    }
    assert_eq!(server.accepted(), 3);
}

#[test]
fn a_server_is_killed_and_started_again() {
    let server = MockServer::echo();
    let mut client = connect(&server);
    client.send("a".into()).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("a"));
    server.kill();
    assert!(client.read().is_err(), "the connection is gone");
    assert!(tungstenite::connect(server.url()).is_err(), "and the port refuses");
    server.restart();
    let mut client = connect(&server);
    client.send("b".into()).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("b"));
}

#[test]
fn a_mute_server_accepts_and_says_nothing() {
    let server = MockServer::echo();
    server.set_door(Door::Mute);
    let mut stream = ask(server.address().unwrap());
    stream.set_read_timeout(Some(SHORT)).unwrap();
    assert!(stream.read(&mut [0]).is_err());
    assert_eq!(server.accepted(), 1);
    server.set_door(Door::Open);
    read_head(&mut ask(server.address().unwrap()));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_server_swallows_connects() {
    let server = MockServer::echo();
    let address = server.address().unwrap();
    server.set_door(Door::Full);
    let error = TcpStream::connect_timeout(&address, Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let waiting = std::thread::spawn(move || read_head(&mut ask(address)));
    server.set_door(Door::Open);
    assert!(waiting.join().unwrap().starts_with("HTTP/1.1 101 "), "who still waits gets in");
}

#[test]
fn doors_move_in_any_order() {
    let server = MockServer::echo();
    let doors = [Door::Open, Door::Mute, Door::Refusing];
    for (from, to) in doors.iter().flat_map(|from| doors.iter().map(move |to| (from, to))) {
        server.set_door(*from);
        server.set_door(*to);
    }
    server.set_door(Door::Open);
    read_head(&mut ask(server.address().unwrap()));
}

#[test]
#[cfg(unix)]
fn a_unix_socket_serves_as_well() {
    let path = std::env::temp_dir().join(format!("steadfast-mock-{}", std::process::id()));
    let server = MockServer::builder().unix(&path).start(steadfast_sim::mock::Script::echoing());
    assert_eq!(server.url(), format!("ws+unix:{}:/", path.display()));
    let talk = || {
        let stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (mut client, _) = tungstenite::client("ws://localhost/", stream).unwrap();
        client.send("a".into()).unwrap();
        assert_eq!(client.read().unwrap(), Message::text("a"));
    };
    talk();
    server.kill();
    assert!(std::os::unix::net::UnixStream::connect(&path).is_err());
    server.restart();
    talk();
    drop(server);
    assert!(!path.exists(), "the socket is removed");
}
