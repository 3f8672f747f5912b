//! steadfast-cli
