//! The wire without a session: a blocking client on `std::net`, that says hello to an echo server and leaves.
//!
//! `cargo run -p steadfast-core --example wire_alone` begins a server of its own, tungstenite's; with an address, as in
//! `… --example wire_alone 127.0.0.1:9001`, it talks to the one that is there.

#![expect(clippy::disallowed_methods, reason = "the bans are for the core; a driver has a socket")]

use std::{
    error::Error,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use steadfast_core::{
    CloseFrame, Message,
    wire::{
        Buffer, Config, Event, Wire,
        handshake::{Handshake, Progress, Request, Scheme},
    },
};

fn main() -> Result<(), Box<dyn Error>> {
    let (host, port) = match std::env::args().nth(1) {
        Some(address) => {
            let (host, port) = address.rsplit_once(':').ok_or("expected HOST:PORT")?;
            (host.to_owned(), port.parse()?)
        }
        None => ("127.0.0.1".to_owned(), echo_server()?),
    };
    let mut connection = Connection::open(&host, port)?;
    connection.send(&Message::text("hello"))?;
    connection.send(&Message::binary(vec![7; 200_000]))?;
    for _ in 0..2 {
        connection.receive(|message| println!("received {message:?}"))?;
    }
    connection.close()?;
    println!("closed");
    Ok(())
}

/// A socket, the machine, and its three buffers.
struct Connection {
    socket: TcpStream,
    wire: Wire,
    /// What was read.
    read: Vec<u8>,
    /// Where in `read` lies what the machine has not taken.
    left: std::ops::Range<usize>,
    /// The message that has not come in whole.
    assembly: Buffer,
    /// What is to be written.
    out: Buffer,
}

impl Connection {
    fn open(host: &str, port: u16) -> Result<Self, Box<dyn Error>> {
        let mut socket = TcpStream::connect((host, port))?;
        socket.set_nodelay(true)?;
        let mut out = Buffer::new();
        let mut handshake = Request::new(Scheme::Ws, host, Some(port), "/")?.begin(random()?, &mut out);
        let mut read = vec![0; 64 << 10];
        write(&mut socket, &mut out)?;
        let left = upgrade(&mut socket, &mut handshake, &mut read)?;
        let wire = Wire::new(Config::default(), random()?);
        Ok(Self { socket, wire, read, left, assembly: Buffer::new(), out })
    }

    fn send(&mut self, message: &Message<'_>) -> Result<(), Box<dyn Error>> {
        self.wire.send(message, &mut self.out)?;
        write(&mut self.socket, &mut self.out)
    }

    /// Waits for a message and lends it to `take`; whether one came before the server closed.
    fn receive(&mut self, take: impl FnOnce(Message<'_>)) -> Result<bool, Box<dyn Error>> {
        loop {
            let mut input = &self.read[self.left.clone()];
            while let Some(event) = self.wire.receive(&mut input, &mut self.assembly, &mut self.out) {
                if event.is_err() {
                    // The close frame that tells the server what it did wrong.
                    write(&mut self.socket, &mut self.out)?;
                }
                match event? {
                    Event::Message(message) => {
                        take(message.into_message());
                        self.left.start = self.left.end - input.len();
                        return Ok(true);
                    }
                    Event::Close(frame) => {
                        println!("the server closed with {}", frame.code);
                        write(&mut self.socket, &mut self.out)?;
                        return Ok(false);
                    }
                    // Pings are answered in `out`.
                    _ => {}
                }
            }
            write(&mut self.socket, &mut self.out)?;
            self.wire.pull(&mut self.out);
            // The rest of a large message is read to where it is assembled, anything else to `read`.
            if let Some(space) = self.wire.space(&mut self.assembly) {
                let bytes = self.socket.read(space)?;
                self.wire.filled(bytes, &mut self.assembly);
                self.left = 0..0;
                ended(bytes)?;
            } else {
                let bytes = self.socket.read(&mut self.read)?;
                self.left = 0..bytes;
                ended(bytes)?;
            }
        }
    }

    /// The closing handshake, from our side.
    fn close(&mut self) -> Result<(), Box<dyn Error>> {
        self.wire.close(&CloseFrame::NORMAL, &mut self.out);
        write(&mut self.socket, &mut self.out)?;
        while !self.wire.is_closed() {
            self.receive(|_| ())?;
        }
        Ok(())
    }
}

/// Reads until the server has accepted; where in `read` lies what came behind its answer.
fn upgrade(
    socket: &mut TcpStream,
    handshake: &mut Handshake,
    read: &mut [u8],
) -> Result<std::ops::Range<usize>, Box<dyn Error>> {
    loop {
        let bytes = socket.read(read)?;
        ended(bytes)?;
        let mut input = &read[..bytes];
        match handshake.receive(&mut input) {
            Progress::Incomplete => {}
            Progress::Accepted(_) => return Ok(bytes - input.len()..bytes),
            Progress::Rejected(rejected) => return Err(format!("rejected with HTTP {}", rejected.status()).into()),
            Progress::Failed(violation) => return Err(violation.to_string().into()),
        }
    }
}

fn write(socket: &mut TcpStream, out: &mut Buffer) -> Result<(), Box<dyn Error>> {
    socket.write_all(out.as_slice())?;
    out.clear();
    Ok(())
}

fn ended(bytes: usize) -> Result<(), Box<dyn Error>> {
    if bytes == 0 { Err("the stream ended without a close frame".into()) } else { Ok(()) }
}

/// Bytes that nobody can foretell, from the operating system.
fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Begins an echo server; its port.
fn echo_server() -> Result<u16, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the client connects");
        let mut server = tungstenite::accept(stream).expect("the client asks for an upgrade");
        while let Ok(message) = server.read() {
            if message.is_text() || message.is_binary() {
                server.send(message).expect("the client reads");
            }
        }
    });
    Ok(port)
}
