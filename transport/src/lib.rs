//! What Steadfast's transports share: endpoints, engines, TLS, and the pump that joins a session, a wire and a socket.
//!
//! Applications use a transport, such as `steadfast-mio` or `steadfast-async-std`, which passes on what they need of this.

mod cause;
pub mod client;
mod credentials;
mod dial;
mod endpoint;
mod engine;
mod failure;
mod net;
pub mod pump;
#[cfg(feature = "signals")]
pub mod signals;
#[cfg(test)]
mod testing;
#[cfg(feature = "_tls")]
pub mod tls;

pub use steadfast_core as core;
#[cfg(feature = "store")]
pub use steadfast_store as store;

pub use crate::{
    credentials::{Credentials, Fetched, Place, Secret, SourceError, Token, Wanted},
    dial::{Answer, Resolver},
    endpoint::{Endpoint, EndpointError, Endpoints},
    engine::{EngineKind, WireOptions},
    failure::Failure,
    net::{Address, Net, Ready, Socket, SocketOptions, Task, refuse_itself},
};
