//! Through a proxy: which one, and what is said to it before the stream is the server's.
//!
//! [`Proxy`] is the configuration, [`Tunnel`] what is said on one connection, which is an [`HttpConnect`] or a [`Socks5`].
//! Both leave the looking up of names to the proxy: a client behind it may not be able to.
//!
//! ```
//! use steadfast_core::{dial::proxy::{Progress, Proxy}, wire::Buffer};
//!
//! let proxy = Proxy::parse("http://proxy.example:3128")?;
//! let mut tunnel = proxy.tunnel("example.com", 443)?;
//! let mut out = Buffer::new();
//! tunnel.begin(&mut out);
//! assert_eq!(out.as_slice(), b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
//! // … what is in `out` is written, and what comes is read, in any pieces …
//! let mut input = &b"HTTP/1.1 200 Connection established\r\n\r\nfrom the server"[..];
//! match tunnel.receive(&mut input, &mut out) {
//!     Progress::Incomplete => { /* write what is in `out`, read on; the end of the stream means `tunnel.ended()` */ }
//!     Progress::Done => assert_eq!(input, b"from the server"), // the stream is the server's from here on
//!     Progress::Failed(error) => println!("{error}"), // drop the connection; `error.cause()` is for the session
//! }
//! # Ok::<(), steadfast_core::dial::proxy::ProxyConfigError>(())
//! ```

mod config;
mod connect;
mod credentials;
mod error;
mod socks5;
mod url;

pub use self::{
    config::{Proxy, ProxyScheme},
    connect::HttpConnect,
    credentials::Credentials,
    error::{ProxyConfigError, ProxyError, ProxyPart, SocksReply},
    socks5::Socks5,
};
use crate::{Cause, wire::Buffer};

/// What the bytes came to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Progress {
    /// All of the input was taken, and the answer goes on. There may be more to be written.
    Incomplete,
    /// The stream is the server's. What is left of the input is from there.
    Done,
    /// There is no way through this proxy. The connection has to be dropped; what is left of the input means nothing.
    Failed(ProxyError),
}

/// What is said to a proxy, of whichever kind it is.
#[derive(Clone, Debug)]
pub enum Tunnel {
    /// An HTTP proxy.
    Http(HttpConnect),
    /// A SOCKS proxy.
    Socks5(Socks5),
}

impl Tunnel {
    /// Appends what is said first. Does nothing the second time.
    pub fn begin(&mut self, out: &mut Buffer) {
        match self {
            Self::Http(connect) => connect.begin(out),
            Self::Socks5(socks) => socks.begin(out),
        }
    }

    /// Takes the proxy's answer from the front of `input`, no byte of what lies behind it, and appends what is to be said
    /// next. How the bytes are cut into pieces never matters. Once it has returned anything but
    /// [`Progress::Incomplete`] it takes nothing more.
    pub fn receive(&mut self, input: &mut &[u8], out: &mut Buffer) -> Progress {
        match self {
            Self::Http(connect) => connect.receive(input, out),
            Self::Socks5(socks) => socks.receive(input, out),
        }
    }

    /// What it means that the stream ended before the answer was complete.
    #[must_use]
    pub fn ended(&self) -> Cause {
        match self {
            Self::Http(connect) => connect.ended(),
            Self::Socks5(socks) => socks.ended(),
        }
    }

    /// What is wrong with an answer of which no more comes; `None` if nothing of it came.
    #[must_use]
    pub fn truncated(&self) -> Option<ProxyError> {
        match self {
            Self::Http(connect) => connect.truncated(),
            Self::Socks5(socks) => socks.truncated(),
        }
    }
}
