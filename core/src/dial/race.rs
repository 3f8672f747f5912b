//! How addresses race.

use core::time::Duration;

use crate::config::{ConfigError, validate};

/// How the addresses of one name race (RFC 8305).
///
/// ```
/// use core::time::Duration;
/// use steadfast_core::dial::Race;
///
/// let patient = Race::default().with_attempt_delay(Duration::from_millis(500))?;
/// assert_eq!(patient.attempt_delay(), Duration::from_millis(500));
/// let error = Race::default().with_attempt_delay(Duration::from_secs(3)).unwrap_err();
/// assert_eq!(error.to_string(), "`race.attempt_delay` is 3s: expected 10ms to 2s");
/// # Ok::<(), steadfast_core::config::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Race {
    attempt_delay: Duration,
    resolution_delay: Duration,
    max_sockets: u8,
    max_addresses: u8,
}

impl Race {
    /// How long an address has before the next one is tried beside it (RFC 8305 §5, Connection Attempt Delay). 250 ms;
    /// 10 ms to 2 s.
    ///
    /// # Errors
    /// Any other span.
    pub fn with_attempt_delay(self, attempt_delay: Duration) -> Result<Self, ConfigError> {
        validate::span("race.attempt_delay", attempt_delay, SHORTEST, LONGEST)?;
        Ok(Self { attempt_delay, ..self })
    }

    /// How long IPv4 addresses wait for the IPv6 answer, where both are asked for separately (RFC 8305 §3, Resolution
    /// Delay). 50 ms; 0 to 2 s.
    ///
    /// # Errors
    /// Any other span.
    pub fn with_resolution_delay(self, resolution_delay: Duration) -> Result<Self, ConfigError> {
        validate::span("race.resolution_delay", resolution_delay, Duration::ZERO, LONGEST)?;
        Ok(Self { resolution_delay, ..self })
    }

    /// How many sockets may be connecting at once; with that many, the next address waits until one fails. 6; 1 to 32,
    /// where 1 means that they are tried one after the other.
    ///
    /// # Errors
    /// Any other number.
    pub fn with_max_sockets(self, max_sockets: u8) -> Result<Self, ConfigError> {
        validate::number("race.max_sockets", max_sockets, 1, 32)?;
        Ok(Self { max_sockets, ..self })
    }

    /// How many addresses of each family are kept; a resolver may name hundreds. 16; 1 to 100.
    ///
    /// # Errors
    /// Any other number.
    pub fn with_max_addresses(self, max_addresses: u8) -> Result<Self, ConfigError> {
        validate::number("race.max_addresses", max_addresses, 1, 100)?;
        Ok(Self { max_addresses, ..self })
    }

    /// How long an address has before the next one is tried beside it.
    #[must_use]
    pub const fn attempt_delay(&self) -> Duration {
        self.attempt_delay
    }

    /// How long IPv4 addresses wait for the IPv6 answer.
    #[must_use]
    pub const fn resolution_delay(&self) -> Duration {
        self.resolution_delay
    }

    /// How many sockets may be connecting at once.
    #[must_use]
    pub const fn max_sockets(&self) -> u8 {
        self.max_sockets
    }

    /// How many addresses of each family are kept.
    #[must_use]
    pub const fn max_addresses(&self) -> u8 {
        self.max_addresses
    }
}

impl Default for Race {
    /// The delays are those that RFC 8305 §8 recommends.
    fn default() -> Self {
        Self {
            attempt_delay: Duration::from_millis(250),
            resolution_delay: Duration::from_millis(50),
            max_sockets: 6,
            max_addresses: 16,
        }
    }
}

/// The bounds of RFC 8305 §8.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(2);
