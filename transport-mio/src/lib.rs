//! Steadfast on real sockets, with mio.

mod cause;
mod client;
mod dial;
mod driver;
mod endpoint;
mod engine;
mod event_loop;
mod stream;

pub use crate::{
    client::{
        BuildError, Client, ClientBuilder, Incoming, Noticed, Notices, Outcome, Receipt, ReceiveError, Receiver,
        Report, Sender, SlowReader, StateWatch, Unsettled,
    },
    driver::{Accepted, Application, Driver, OutOfTokens, Reads, Remote, Requests, SendError, SessionId},
    endpoint::{Endpoint, EndpointError},
    event_loop::EventLoop,
};
pub use steadfast_core as core;
