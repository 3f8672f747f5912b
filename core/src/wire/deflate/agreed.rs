//! What client and server agreed on.

/// What client and server agreed on in the handshake, and how the client compresses: all that the codec needs.
///
/// It comes from [`Offer::judge`](super::Offer::judge).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agreed {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: u8,
    pub(super) client_max_window_bits: u8,
    pub(super) level: u8,
    pub(super) threshold: usize,
    pub(super) release_when_idle: bool,
}

impl Agreed {
    /// Whether the server begins each message with an empty window.
    #[must_use]
    pub const fn server_no_context_takeover(&self) -> bool {
        self.server_no_context_takeover
    }

    /// Whether the client does.
    #[must_use]
    pub const fn client_no_context_takeover(&self) -> bool {
        self.client_no_context_takeover
    }

    /// The logarithm of the server's largest window: 8 to 15.
    #[must_use]
    pub const fn server_max_window_bits(&self) -> u8 {
        self.server_max_window_bits
    }

    /// The logarithm of the client's largest window: 8 to 15. With 8 the client sends everything uncompressed, which it
    /// always may (RFC 7692 §6): its compressor has no window as small as that.
    #[must_use]
    pub const fn client_max_window_bits(&self) -> u8 {
        self.client_max_window_bits
    }

    /// The client's level of compression, as in [`Options`](super::Options).
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// From how many bytes on the client compresses a message, as in [`Options`](super::Options).
    #[must_use]
    pub const fn threshold(&self) -> usize {
        self.threshold
    }

    /// Whether a connection at rest gives the memory of its compression back, as in [`Options`](super::Options).
    #[must_use]
    pub const fn release_when_idle(&self) -> bool {
        self.release_when_idle
    }
}
