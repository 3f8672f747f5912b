//! What a client does on real sockets, whatever its engine is.

mod backpressure;
pub(crate) mod common;
mod echo;
mod endings;
mod event_loop;
mod failures;
mod hostile;
mod lifecycle;
mod races;
#[cfg(feature = "trace")]
mod trace;
