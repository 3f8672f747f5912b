//! What Steadfast's transports share: endpoints, engines, TLS, and the pump that joins a session, a wire and a socket.
//!
//! Applications use a transport, such as `steadfast-mio` or `steadfast-async-std`, which passes on what they need of this.
