//! An echo server on loopback, so that the examples run alone.

use std::{io, net::TcpListener, thread};

/// The URL on the command line, or that of a server started for the example.
pub(crate) fn url() -> io::Result<String> {
    std::env::args().nth(1).map_or_else(start, Ok)
}

fn start() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}/", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                let Ok(mut socket) = tungstenite::accept(stream) else { return };
                while let Ok(message) = socket.read() {
                    if (message.is_text() || message.is_binary()) && socket.send(message).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(url)
}
