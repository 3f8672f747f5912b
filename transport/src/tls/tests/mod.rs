//! TLS against a server of rustls in memory, over a stream that splits, blocks and fails.

mod handshake;
mod peer;
