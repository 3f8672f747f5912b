//! What has to hold on every engine.

mod backpressure;
mod cancel;
mod closing;
mod common;
mod echo;
mod endings;
mod sinks;
mod wakers;
