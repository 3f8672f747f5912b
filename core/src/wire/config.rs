//! What a connection accepts, and how it writes.

/// The limits of a connection and its ways of writing. All are in bytes or counts; nothing in it takes time.
///
/// ```
/// use steadfast_core::wire::Config;
///
/// let config = Config { fragment_bytes: Some(16 << 10), ..Config::for_messages_of(64 << 10) };
/// assert_eq!(config.max_message_bytes, 64 << 10);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// The largest message that is accepted, in bytes of payload, counted after inflating; 16 MiB unless set. Compressed,
    /// it may have at most twice as many bytes, and 64 KiB: that ends messages that never end and inflate to nothing.
    pub max_message_bytes: u64,
    /// The largest frame that is accepted, in bytes of payload as sent. Unless set, as much as a message may take:
    /// 32 MiB and 64 KiB, by which nothing is limited that the message's limit allows.
    pub max_frame_bytes: u64,
    /// How many fragments of one message may be empty and not its last; 1,024 unless set. The others are bounded by the
    /// message's size.
    pub max_empty_fragments: u32,
    /// How many control frames the server may send; `None`, unless set: any number. With a limit,
    /// [`Wire::tick`](super::Wire::tick) has to be told the time.
    pub control_rate: Option<ControlRate>,
    /// Whether messages are handed out [piece by piece](super::Event::Piece) as they come in, instead of whole. Then
    /// nothing is assembled, and `max_message_bytes` is a limit on what comes in and not on memory. Where a message is cut
    /// into pieces depends on how its bytes came in, and so does how much of a bad text is handed out before it is
    /// refused; what the pieces add up to, and what is refused, do not.
    pub pieces: bool,
    /// The most payload that goes into one frame: longer messages are fragmented, so that a ping or a pong gets in
    /// between. `None`, unless set: every message is one frame. 0 is taken for 1.
    pub fragment_bytes: Option<usize>,
}

/// A limit on control frames: so many at once, and so many a second in the long run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ControlRate {
    /// How many may come in a second, in the long run.
    pub per_second: u32,
    /// How many may come at once, after a quiet time.
    pub burst: u32,
}

impl Config {
    /// The defaults, with another limit on messages, in bytes.
    #[must_use]
    pub const fn for_messages_of(max_message_bytes: u64) -> Self {
        Self {
            max_message_bytes,
            max_frame_bytes: most_compressed(max_message_bytes),
            max_empty_fragments: 1_024,
            control_rate: None,
            pieces: false,
            fragment_bytes: None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::for_messages_of(16 << 20)
    }
}

impl Default for ControlRate {
    /// 1,000 a second, 10,000 at once: far above what a heartbeat or a confirmation needs, and no burden.
    fn default() -> Self {
        Self { per_second: 1_000, burst: 10_000 }
    }
}

/// The most bytes that a message of so many may take when it is compressed. DEFLATE makes next to nothing longer, even
/// where the server flushes after every few bytes; but blocks of nothing may follow each other without end.
pub(super) const fn most_compressed(message_bytes: u64) -> u64 {
    message_bytes.saturating_mul(2).saturating_add(64 << 10)
}
