//! What has to hold on every engine.

mod common;
mod echo;
