//! What the fuzz targets do with their bytes, so that their corpora are also replayed on stable.

mod deflate;
mod differential;
pub mod feed;
mod frame;
mod handshake;
mod location;
mod message;
#[expect(dead_code, reason = "what the codec's own tests need besides")]
#[path = "../../../core/tests/deflate/mod.rs"]
mod plain_deflate;
pub mod plain_frames;
mod plain_inflate;
mod proxy;
mod session;
mod stored;
pub mod tungstenite_peer;
mod wire;

pub use self::{
    deflate::deflate, differential::differential, frame::frame, handshake::handshake, location::location,
    message::message, proxy::proxy, session::session, stored::stored, wire::wire,
};
