//! What the workspace's suites share: nothing of it is for users.

pub mod broken;
pub mod fault_proxy;
pub mod fuzz_body;
#[cfg(doctest)]
mod guides;
pub mod recorder;
pub mod simulated;
pub mod soak;
