//! Steadfast on [async-std](https://docs.rs/async-std).

mod bell;
mod client;
mod net;
mod runtime;
mod shared;
mod state;
mod task;
mod voice;

pub use steadfast_core as core;
pub use steadfast_core::wire::handshake::{Accepted, Rejected};
#[cfg(feature = "_tls")]
pub use steadfast_transport::tls;
pub use steadfast_transport::{
    Endpoint, EndpointError, EngineKind, Failure, SocketOptions, WireOptions,
    client::{BuildError, Builder, Incoming, Noticed, Outcome, ReceiveError, Report, SlowReader, Unsettled},
    pump::SendError,
};

pub use crate::client::{
    Client, ClientBuilder, Close, ConnectError, Connecting, MessageSink, Messages, Notices, Permit, Receipt, Receive,
    Reserve, Sending, StateChange, StateWatch, WaitFor,
};
