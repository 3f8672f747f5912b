//! The other end: one process that echoes, either messages, with tungstenite, or bytes.
//!
//! It reads what there is, answers all of it, writes all answers at once, and waits; what the other end does not take yet waits in
//! memory, so that a client may write a whole window before it reads. A read that was not filled is the last one before
//! waiting, so that no client pays for a read that says that there is nothing.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tungstenite::{
    Message, WebSocket,
    protocol::{Role, WebSocketConfig},
};

use super::Failure;

/// The server's process; it ends with this.
pub(crate) struct Server {
    process: Child,
    /// Where messages are echoed.
    pub(crate) messages: SocketAddr,
    /// Where bytes are.
    pub(crate) bytes: SocketAddr,
    /// Where messages are echoed over TLS.
    pub(crate) secure: SocketAddr,
    /// Whom to trust for that.
    pub(crate) root: CertificateDer<'static>,
}

impl Server {
    /// Starts this program again, as a server.
    pub(crate) fn start() -> Result<Self, Failure> {
        let mut program = Command::new(std::env::current_exe()?);
        let mut process = program.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
        let mut line = || -> Result<String, Failure> { Ok(lines.next().ok_or("no line")??) };
        let (messages, bytes, secure) = (line()?.parse()?, line()?.parse()?, line()?.parse()?);
        let digit = |hex: &[u8]| Ok::<_, Failure>(u8::from_str_radix(std::str::from_utf8(hex)?, 16)?);
        let root = line()?.as_bytes().chunks(2).map(digit).collect::<Result<Vec<u8>, _>>()?;
        Ok(Self { process, messages, bytes, secure, root: root.into() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until standard input ends, and so until whoever started it is gone.
pub(crate) fn serve() -> Result<(), Failure> {
    let identity = rcgen::generate_simple_self_signed([String::from("localhost")])?;
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![identity.cert.der().clone()], key)?);
    let echo_securely = move |stream: &TcpStream| echo_securely(stream, Arc::clone(&config));
    let answers: [Arc<Answer>; 3] = [Arc::new(echo_messages), Arc::new(echo_bytes), Arc::new(echo_securely)];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        println!("{}", listener.local_addr()?);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                // A connection that ends badly is its client's to report.
                thread::spawn(move || answer(&stream).map_err(|failure| failure.to_string()));
            }
        });
    }
    println!("{}", identity.cert.der().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")));
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn echo_messages(stream: &TcpStream) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    tungstenite::accept(stream).map_err(|error| error.to_string())?;
    stream.set_nonblocking(true)?;
    let config = WebSocketConfig::default();
    let mut socket = WebSocket::from_raw_socket(Waiting::new(stream), Role::Server, Some(config));
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                socket.write(message)?;
                if socket.get_ref().out.len() >= AT_ONCE {
                    socket.get_mut().write_out()?;
                }
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                socket.flush()?;
                socket.get_mut().write_out()?;
                socket.get_mut().wait()?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn echo_securely(stream: &TcpStream, config: Arc<ServerConfig>) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut connection = ServerConnection::new(config)?;
    connection.complete_io(&mut &*stream)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut &*stream)?;
    }
    let secure = StreamOwned::new(connection, stream);
    let (secure, _) = tungstenite::accept(secure).map_err(|error| error.to_string())?.into_inner().into_parts();
    stream.set_nonblocking(true)?;
    let mut secure = StreamOwned::new(secure, Waiting::new(stream));
    secure.conn.set_buffer_limit(None);
    let mut socket = WebSocket::from_raw_socket(secure, Role::Server, Some(WebSocketConfig::default()));
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                socket.write(message)?;
                if socket.get_ref().sock.out.len() >= AT_ONCE {
                    socket.get_mut().sock.write_out()?;
                }
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                socket.flush()?;
                socket.get_mut().sock.write_out()?;
                socket.get_mut().sock.wait()?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn echo_bytes(stream: &TcpStream) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let (mut waiting, mut buffer) = (Waiting::new(stream), vec![0; AT_ONCE]);
    loop {
        match waiting.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => {
                waiting.out.extend(&buffer[..len]);
                waiting.write_out()?;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => waiting.wait()?,
            Err(error) => return Err(error.into()),
        }
    }
}

/// A socket that is not waited for, and what is to be written to it.
struct Waiting<'a> {
    stream: &'a TcpStream,
    out: VecDeque<u8>,
    /// Whether the last read took all that there was.
    drained: bool,
}

impl<'a> Waiting<'a> {
    fn new(stream: &'a TcpStream) -> Self {
        Self { stream, out: VecDeque::new(), drained: false }
    }

    /// Writes what the other end takes.
    fn write_out(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(self.out.as_slices().0) {
                Ok(len) => drop(self.out.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for something to read, or for room to write what is left.
    fn wait(&mut self) -> io::Result<()> {
        let room = if self.out.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        poll(&mut [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN | room)], PollTimeout::NONE)?;
        self.write_out()
    }
}

impl Read for Waiting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.drained) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = self.stream.read(buffer)?;
        self.drained = len < buffer.len();
        Ok(len)
    }
}

impl Write for Waiting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a connection is given to.
type Answer = dyn Fn(&TcpStream) -> Result<(), Failure> + Send + Sync;

/// How much is read or written at a time.
const AT_ONCE: usize = 128 * 1024;
