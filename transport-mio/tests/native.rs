//! The suite on the native engine.

#[path = "native/at_rest.rs"]
mod at_rest;
#[path = "native/bad_input.rs"]
mod bad_input;
#[cfg(feature = "deflate")]
#[path = "native/compressed.rs"]
mod compressed;
#[path = "native/fragments.rs"]
mod fragments;
mod suite;

use steadfast_mio::EngineKind;

/// What the suite's clients run on.
fn engine() -> EngineKind {
    EngineKind::default()
}
