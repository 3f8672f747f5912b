//! Engines for tests, without a socket.

use steadfast_core::wire::Buffer;

use super::{Engine, EngineKind, Incoming, WireOptions};
use crate::endpoint::Endpoint;

/// A native engine behind its opening handshake, with a server that agrees to compress if asked.
pub(crate) fn open(options: WireOptions) -> Engine {
    let endpoint = Endpoint::parse("ws://localhost/").expect("a URL").engine(EngineKind::Native(options));
    let mut out = Buffer::new();
    let mut engine = Engine::begin(&endpoint, None, None, 1 << 20, &mut out).expect("random numbers");
    let request = std::str::from_utf8(out.as_slice()).expect("ASCII");
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let extensions =
        if request.contains("permessage-deflate") { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
    let answer = format!(
        "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{extensions}\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let (mut input, mut assembly) = (answer.as_bytes(), Buffer::new());
    let opened = engine.next(&mut input, &mut assembly, &mut out);
    assert!(matches!(opened, Some(Incoming::Opened(_))), "{opened:?}");
    engine
}
