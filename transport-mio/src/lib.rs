//! steadfast-mio
