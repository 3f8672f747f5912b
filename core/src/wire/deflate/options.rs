//! What the client wants of the compression.

use core::{fmt, ops::RangeInclusive};

/// What the client wants of the compression, and how it compresses itself.
///
/// Windows are named by their size's logarithm, as in the handshake: 15 is 32,768 bytes, the largest.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Options {
    /// The server has to begin each message with an empty window, so that nothing has to be kept between messages to
    /// read them (RFC 7692 §7.1.1.1). Off: small messages of the same kind then become several times smaller.
    pub server_no_context_takeover: bool,
    /// Each message sent begins with an empty window (RFC 7692 §7.1.1.2). Off. The server may ask for it too.
    pub client_no_context_takeover: bool,
    /// The largest window that the server may use (RFC 7692 §7.1.2.1). 8 to 15; `None`, the default, says nothing, and
    /// leaves it 15. A server that does not know the parameter answers without compression.
    pub server_max_window_bits: Option<u8>,
    /// The largest window of ours (RFC 7692 §7.1.2.2).
    pub client_max_window_bits: ClientWindow,
    /// How much time is spent for smaller messages: from 1, fast, to 9.
    pub level: u8,
    /// Messages of fewer bytes are sent as they are, and so are larger ones that compression does not make smaller. With
    /// 0 every message is compressed, whatever becomes of it.
    pub threshold: usize,
    /// Whether a transport gives the memory of its compression back while nothing is sent. On.
    pub release_when_idle: bool,
}

/// What the offer says of the window with which the client compresses.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum ClientWindow {
    /// Nothing: the server cannot ask for a smaller one than 15.
    Unlimited,
    /// That the server may ask for a smaller one. The default, and what browsers say.
    #[default]
    ServersChoice,
    /// That it is not larger than this, 9 to 15, and that the server may ask for a smaller one.
    AtMost(u8),
}

impl Options {
    /// Whether every value lies in its range.
    ///
    /// # Errors
    /// The first that does not.
    pub fn validate(&self) -> Result<(), InvalidOption> {
        let within = |field, value: Option<u8>, expected: RangeInclusive<u8>| match value {
            Some(value) if !expected.contains(&value) => Err(InvalidOption { field, value, expected }),
            _ => Ok(()),
        };
        let client = match self.client_max_window_bits {
            ClientWindow::AtMost(bits) => Some(bits),
            ClientWindow::Unlimited | ClientWindow::ServersChoice => None,
        };
        within("server_max_window_bits", self.server_max_window_bits, WINDOW_BITS)?;
        within("client_max_window_bits", client, COMPRESSOR_WINDOW_BITS)?;
        within("level", Some(self.level), LEVELS)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: None,
            client_max_window_bits: ClientWindow::default(),
            level: 1,
            threshold: 128,
            release_when_idle: true,
        }
    }
}

/// An option outside its range.
///
/// ```
/// use steadfast_core::wire::deflate::{Offer, Options};
///
/// let error = Offer::new(Options { level: 10, ..Options::default() }).unwrap_err();
/// assert_eq!(error.to_string(), "`level` is 10: expected 1 to 9");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidOption {
    field: &'static str,
    value: u8,
    expected: RangeInclusive<u8>,
}

impl InvalidOption {
    /// The option's name, as in [`Options`].
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// Its value.
    #[must_use]
    pub const fn value(&self) -> u8 {
        self.value
    }

    /// The range that it should lie in.
    #[must_use]
    pub const fn expected(&self) -> &RangeInclusive<u8> {
        &self.expected
    }
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, expected } = self;
        write!(f, "`{field}` is {value}: expected {} to {}", expected.start(), expected.end())
    }
}

impl core::error::Error for InvalidOption {}

/// RFC 7692 §7.1.2.
pub(super) const WINDOW_BITS: RangeInclusive<u8> = 8..=15;

/// The compressor has no window of 256 bytes, as zlib has none: a client that promised one could never compress.
pub(super) const COMPRESSOR_WINDOW_BITS: RangeInclusive<u8> = 9..=15;

const LEVELS: RangeInclusive<u8> = 1..=9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        assert_eq!(Options::default().validate(), Ok(()));
    }

    #[test]
    fn every_value_of_every_range_is_valid() {
        for bits in 8..=15 {
            assert_eq!(Options { server_max_window_bits: Some(bits), ..Options::default() }.validate(), Ok(()));
        }
        for bits in 9..=15 {
            assert_eq!(client(bits).validate(), Ok(()));
        }
        for level in 1..=9 {
            assert_eq!(Options { level, ..Options::default() }.validate(), Ok(()));
        }
    }

    #[test]
    fn a_value_outside_its_range_is_named() {
        for (options, said) in [
            (server(7), "`server_max_window_bits` is 7: expected 8 to 15"),
            (server(16), "`server_max_window_bits` is 16: expected 8 to 15"),
            (client(8), "`client_max_window_bits` is 8: expected 9 to 15"),
            (client(16), "`client_max_window_bits` is 16: expected 9 to 15"),
            (Options { level: 0, ..Options::default() }, "`level` is 0: expected 1 to 9"),
        ] {
            let error = options.validate().expect_err(said);
            assert_eq!(alloc::string::ToString::to_string(&error), said);
        }
    }

    fn server(bits: u8) -> Options {
        Options { server_max_window_bits: Some(bits), ..Options::default() }
    }

    fn client(bits: u8) -> Options {
        Options { client_max_window_bits: ClientWindow::AtMost(bits), ..Options::default() }
    }
}
