//! What the workspace's suites share: nothing of it is for users.

pub mod fault_proxy;
pub mod recorder;
