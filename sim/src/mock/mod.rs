//! A scripted WebSocket server on real sockets, for tests of programs that connect to one.
//!
//! [`MockServer`] listens on a port of this machine. What it does is written down before ([`Script`]), or said step by
//! step by the test ([`MockServer::by_hand`], [`Conn`]). It keeps [records](Record) of what came; every wait has a bound,
//! and who waits in vain is told what was expected and what came instead. Threads do the work: no runtime is needed.
//!
//! ```
//! use steadfast_sim::mock::{Accept, Answer, MockServer, Script};
//!
//! let server = MockServer::start(
//!     Script::new()
//!         .connection(Accept::new())
//!         .expect_text("hello")
//!         .send_text("world")
//!         .close(1012, "restart")
//!         .connection(Answer::retry_after(1))
//!         .connection(Accept::new())
//!         .expect_text("hello again"),
//! );
//! # fn run_my_program(url: &str) {
//! #     let (mut socket, _) = tungstenite::connect(url).unwrap();
//! #     socket.send("hello".into()).unwrap();
//! #     while socket.read().is_ok() {}
//! #     tungstenite::connect(url).unwrap_err();
//! #     let (mut socket, _) = tungstenite::connect(url).unwrap();
//! #     socket.send("hello again".into()).unwrap();
//! #     socket.close(None).unwrap();
//! #     while socket.read().is_ok() {}
//! # }
//! run_my_program(&server.url());
//! server.finish(); // panics unless all of that has happened
//! assert_eq!(server.records()[2].texts().collect::<Vec<_>>(), ["hello again"]);
//! ```
//!
//! The same by hand, where the test decides as it goes:
//!
//! ```
//! use steadfast_sim::mock::MockServer;
//!
//! let server = MockServer::by_hand();
//! # let url = server.url();
//! # std::thread::spawn(move || {
//! #     let (mut socket, _) = tungstenite::connect(url).unwrap();
//! #     socket.send("hello".into()).unwrap();
//! #     while socket.read().is_ok() {}
//! # });
//! let conn = server.accept();
//! conn.expect_text("hello");
//! conn.send_text("world");
//! conn.reset();
//! ```
//!
//! # Beyond a polite server
//! * [`Door`]: the port refuses, accepts without a word, or swallows connects.
//! * [`Opening`]: an upgrade is answered with any status, a redirect, garbage, slowly, or not at all.
//! * [`Conn::freeze`], [`Conn::flood`]: backpressure, both ways. [`Conn::die_in_frame`], [`Conn::reset`], [`Conn::cut`].
//! * [`Proxy`]: HTTP CONNECT and SOCKS5 proxies, and a plain forwarder, that record, refuse, delay, cut and go silent.
//! * With the feature `mock-tls`: [`Authority`], and certificates that are good, or wrong in one way.
//!
//! The protocol is spoken by tungstenite, not by Steadfast. It has no permessage-deflate.

mod conn;
mod door;
mod expect;
mod hub;
mod link;
mod opening;
mod perform;
mod pipe;
mod proxy;
mod reading;
mod record;
mod script;
mod server;
#[cfg(feature = "mock-tls")]
mod tls;

use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(feature = "mock-tls")]
pub use self::tls::{Authority, Certificate, Identity, ServerTls};
pub use self::{
    conn::{Conn, Flood, Incoming},
    door::Door,
    opening::{Accept, Answer, Opening, Then},
    proxy::{Cut, Proxy, ProxyBuilder, ProxyRequest, Refusal},
    record::{Ending, Received, Record, Request, Security, Side},
    script::{Script, Signal},
    server::{Builder, MockServer},
};

/// Something was expected, and something else came.
#[derive(Debug)]
struct Mismatch(String);

/// Or else the test has failed, where it asked.
#[track_caller]
fn must<T>(result: Result<T, Mismatch>) -> T {
    match result {
        Ok(value) => value,
        Err(Mismatch(why)) => panic!("{why}"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
