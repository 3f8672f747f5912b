//! The suite on the native engine.

#[path = "native/fragments.rs"]
mod fragments;
#[path = "suite/frames.rs"]
mod frames;
mod suite;

use steadfast_mio::EngineKind;

/// What the suite's clients run on.
fn engine() -> EngineKind {
    EngineKind::default()
}
