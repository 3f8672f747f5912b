//! The suite on the native engine.

mod suite;

use steadfast_mio::EngineKind;

/// What the suite's clients run on.
fn engine() -> EngineKind {
    EngineKind::default()
}
