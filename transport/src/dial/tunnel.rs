//! What is said to a proxy before the stream is the server's.

use std::io;

use steadfast_core::{
    ProxyKind, Stage,
    dial::proxy::{self, Tunnel},
    wire::Buffer,
};

use crate::{failure::Failure, net::Socket};

/// A proxy that is asked for a way to the server.
#[derive(Debug)]
pub(super) struct Tunnelling {
    tunnel: Tunnel,
    out: Buffer,
}

impl Tunnelling {
    pub(super) fn begin(mut tunnel: Tunnel) -> Self {
        let mut out = Buffer::new();
        tunnel.begin(&mut out);
        Self { tunnel, out }
    }

    /// Goes on as far as the socket lets it; whether there is a way.
    pub(super) fn advance(&mut self, socket: &mut impl Socket) -> Result<bool, Failure> {
        let mut buffer = [0; 1 << 10];
        loop {
            while !self.out.is_empty() {
                match retried(|| socket.write(self.out.as_slice())) {
                    Ok(0) => return Ok(false),
                    Ok(written) => self.out.consume(written),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(failure(&error)),
                }
            }
            let read = match retried(|| socket.read(&mut [], &mut buffer)) {
                Ok(0) => return Err(self.ended()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(failure(&error)),
            };
            let mut input = &buffer[..read];
            match self.tunnel.receive(&mut input, &mut self.out) {
                proxy::Progress::Incomplete => {}
                // The server speaks second, whether it is asked for TLS or for the upgrade.
                proxy::Progress::Done if !input.is_empty() => {
                    let text = format!("expected nothing behind the proxy's answer, found {} bytes", input.len());
                    return Err(Failure::Proxy { kind: ProxyKind::Protocol, text });
                }
                proxy::Progress::Done => return Ok(true),
                proxy::Progress::Failed(error) => {
                    return Err(Failure::Proxy { kind: error.kind(), text: error.to_string() });
                }
            }
        }
    }

    fn ended(&self) -> Failure {
        match self.tunnel.truncated() {
            Some(error) => Failure::Proxy { kind: error.kind(), text: error.to_string() },
            None => Failure::end_of_stream().in_stage(Stage::Proxy),
        }
    }
}

fn failure(error: &io::Error) -> Failure {
    Failure::io(error).in_stage(Stage::Proxy)
}

/// Again, if a signal came in between.
fn retried<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match act() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
