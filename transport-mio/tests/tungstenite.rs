//! The suite on tungstenite, as a client's engine.
#![cfg(feature = "tungstenite")]

mod suite;

use steadfast_mio::EngineKind;

/// What the suite's clients run on.
fn engine() -> EngineKind {
    EngineKind::Tungstenite
}
