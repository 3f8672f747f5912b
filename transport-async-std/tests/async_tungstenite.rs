//! The same on async-tungstenite.

#![cfg(feature = "async-tungstenite")]

mod suite;

use steadfast_async_std::EngineKind;

pub(crate) fn engine() -> EngineKind {
    EngineKind::AsyncTungstenite
}
