//! One file for each client.
//!
//! All send clones of one shared payload, or the payload borrowed, whichever their API likes better; all write a window in one
//! flush. What they read and write at a time is their own choice, or their default.

mod async_std;
mod async_tungstenite;
mod client;
mod event_loop;
mod fastwebsockets;
mod raw;
mod secure;
mod sockudo;
mod tokio_tungstenite;
mod tungstenite;
mod wire;

use super::measure::Entry;

/// The name of the client that all are compared with.
pub(crate) const REFERENCE: &str = "tungstenite";
/// The whole session on async-std.
pub(crate) const ASYNC_CLIENT: &str = "steadfast on async-std";
/// The name of the client that asynchronous ones are compared with.
pub(crate) const ASYNC_REFERENCE: &str = "async-tungstenite";
/// The whole session on its user's thread.
pub(crate) const EVENT_LOOP: &str = "steadfast EventLoop";
/// The whole session on a thread of its own.
pub(crate) const CLIENT: &str = "steadfast Client";
/// The whole session on its user's thread, over TLS.
pub(crate) const SECURE: &str = "steadfast EventLoop, TLS";
/// The peers over TLS.
pub(crate) const SECURE_PEERS: [&str; 3] =
    ["tungstenite over rustls", "tokio-tungstenite over tokio-rustls", "sockudo-ws over tokio-rustls"];
/// The wire alone.
pub(crate) const WIRE: &str = "steadfast wire";

/// All of them.
pub(crate) fn all() -> Vec<Entry> {
    vec![
        Entry::new::<raw::Raw>("raw TCP"),
        Entry::new::<wire::Alone>(WIRE),
        Entry::new::<event_loop::Session<false>>(EVENT_LOOP),
        Entry::new::<event_loop::Session<true>>("steadfast EventLoop, tungstenite engine"),
        Entry::new::<client::Handle>(CLIENT),
        Entry::new::<tungstenite::Tungstenite>(REFERENCE),
        Entry::new::<async_std::AsyncStd>(ASYNC_CLIENT),
        Entry::new::<async_tungstenite::AsyncTungstenite>(ASYNC_REFERENCE),
        Entry::new::<tokio_tungstenite::TokioTungstenite>("tokio-tungstenite"),
        Entry::new::<fastwebsockets::FastWebsockets>("fastwebsockets"),
        Entry::new::<sockudo::Sockudo>("sockudo-ws"),
        Entry::new::<event_loop::Session<false, true>>(SECURE),
        Entry::new::<secure::Tungstenite>(SECURE_PEERS[0]),
        Entry::new::<secure::TokioTungstenite>(SECURE_PEERS[1]),
        Entry::new::<secure::Sockudo>(SECURE_PEERS[2]),
    ]
}
