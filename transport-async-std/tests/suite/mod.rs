//! What has to hold on every engine.

mod backpressure;
mod cancel;
mod common;
mod echo;
mod endings;
