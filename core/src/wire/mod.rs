//! The wire: RFC 6455 and RFC 7692 for the client, as a machine that takes bytes and gives messages, and the reverse.

mod buffer;
#[cfg(feature = "deflate")]
pub mod deflate;
pub mod handshake;

pub use self::buffer::Buffer;
