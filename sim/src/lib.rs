//! steadfast-sim
