//! TLS against a server of rustls in memory, over a stream that splits, blocks and fails.

mod agreement;
mod build;
mod memory;
mod peer;
mod pins;
mod stream;
mod trust;
