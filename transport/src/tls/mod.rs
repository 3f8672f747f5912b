//! TLS between a stream of bytes and what is spoken over it.
//!
//! [`TlsConfig`] says whom to trust and who we are: roots, pins, a client certificate. It is built once, shared by many
//! sessions, and keeps what lets a reconnect resume instead of starting from nothing. [`Tls`] is one connection: a machine
//! that is handed a [`Socket`](crate::Socket) for every step and owns none. [`TlsFailure`] says what was wrong, with what
//! was expected and what came.
//!
//! The crate's guide to TLS is `docs/tls.md`.

mod config;
mod connection;
mod crypto;
mod error;
mod failure;
mod name;
mod pin;
mod sources;
#[cfg(test)]
mod tests;
mod verifier;

pub use config::{TlsConfig, TlsConfigBuilder};
pub use connection::{Negotiated, Tls, TlsVersion};
pub use crypto::Crypto;
pub use error::TlsConfigError;
pub use failure::TlsFailure;
pub use pin::{Pin, PinError};
pub use sources::Roots;
