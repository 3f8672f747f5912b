//! The client on the native engine, against servers of every manner.

mod suite;

use steadfast_async_std::EngineKind;

pub(crate) fn engine() -> EngineKind {
    EngineKind::default()
}
