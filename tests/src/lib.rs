//! What the workspace's suites share: nothing of it is for users.
