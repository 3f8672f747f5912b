//! The scripted server and the proxies, on real sockets: driven by bytes, by tungstenite's client, and by ours.

mod by_hand;
mod client;
mod doors;
mod openings;
mod proxies;
mod scripts;
mod secure;
mod stalls;

use std::{
    any::Any,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use steadfast_sim::mock::MockServer;
use tungstenite::{WebSocket, stream::MaybeTlsStream};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Short, where a wait is to end in vain.
const SHORT: Duration = Duration::from_millis(100);

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

fn connect(server: &MockServer) -> Socket {
    tungstenite::connect(server.url()).expect("the upgrade is accepted").0
}

/// What is behind the WebSocket.
fn stream(socket: &Socket) -> &TcpStream {
    let MaybeTlsStream::Plain(stream) = socket.get_ref() else { panic!("no TLS here") };
    stream
}

/// A client that has sent a request for an upgrade, and speaks bytes.
fn ask(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
    stream.write_all(REQUEST).expect("the request is small");
    stream
}

/// A client that was upgraded, and speaks bytes.
fn upgraded(server: &MockServer) -> TcpStream {
    let mut stream = ask(server.address().expect("it has a port"));
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head has an end");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("heads are text")
}

fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the stream ends");
    bytes
}

/// What somebody says who panics.
fn complaint(run: impl FnOnce()) -> String {
    let panic: Box<dyn Any + Send> = catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap()
}

/// A masked frame of a client's: these bits and this opcode, with a mask of zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("short frames only");
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

const REQUEST: &[u8] = b"GET /chat?room=7 HTTP/1.1\r\nHost: mock\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Room: 7\r\n\r\n";
