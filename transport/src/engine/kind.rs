//! Which engine, and what it may do.

use steadfast_core::wire::ControlRate;
#[cfg(feature = "deflate")]
use steadfast_core::wire::deflate;

/// What turns bytes into messages and back.
///
/// ```
/// use steadfast_transport::{Endpoint, EngineKind, WireOptions};
///
/// let options = WireOptions { fragment_bytes: Some(64 << 10), ..WireOptions::default() };
/// let endpoint = Endpoint::parse("ws://127.0.0.1:9001/")?.engine(EngineKind::Native(options));
/// # Ok::<(), steadfast_transport::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EngineKind {
    /// Steadfast's own [`Wire`](steadfast_core::wire::Wire). The default.
    Native(WireOptions),
    /// [tungstenite](https://docs.rs/tungstenite), which neither compresses nor fragments; for comparison.
    #[cfg(feature = "tungstenite")]
    Tungstenite,
    /// [async-tungstenite](https://docs.rs/async-tungstenite), which is tungstenite behind a stream and a sink; for
    /// comparison.
    #[cfg(feature = "async-tungstenite")]
    AsyncTungstenite,
}

/// How the native engine makes bytes of messages, and what it puts up with. The largest message is set by
/// [`max_message_bytes`](steadfast_core::config::Settings::max_message_bytes).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WireOptions {
    /// How messages are compressed, if the server agrees (RFC 7692). `None`, the default: not at all, as it costs time
    /// and memory for every message, and secrets that share a message with what others can choose may be guessed from its
    /// length.
    #[cfg(feature = "deflate")]
    pub compression: Option<deflate::Offer>,
    /// The most payload that goes into one frame. Longer messages are fragmented, and the next fragments are put together
    /// only when those before them have left for the operating system: a heartbeat's ping or a pong gets in between, and
    /// no more than 128 KiB and a fragment of a message is in memory a second time. Worth it for messages that take
    /// longer to send than a ping may wait; 16 KiB to 64 KiB cost next to nothing.
    ///
    /// `None`, the default: every message is one frame, made as a whole when its turn comes. A ping waits behind a
    /// frame that is made, and goes ahead of messages that wait for theirs; the frame takes as much memory again as the
    /// message until it has left.
    pub fragment_bytes: Option<usize>,
    /// How many control frames the server may send before the connection is failed with 1008. `None`, the default: any
    /// number. The pongs that confirm messages count too, and come as fast as the pings that they answer.
    pub control_rate: Option<ControlRate>,
}

impl Default for EngineKind {
    fn default() -> Self {
        Self::Native(WireOptions::default())
    }
}
