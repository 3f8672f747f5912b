//! What a client does on real sockets, whatever its engine is.

mod backpressure;
pub(crate) mod bad_input;
pub(crate) mod common;
mod echo;
mod endings;
mod event_loop;
mod failures;
pub(crate) mod frames;
mod handles;
mod hostile;
mod lifecycle;
mod partings;
mod races;
mod scale;
pub(crate) mod silence;
#[cfg(feature = "trace")]
mod trace;
mod turnstile;
pub(crate) mod victim;
