//! Steadfast's simulator.

mod app;
mod checker;
mod digest;
mod link;
mod machine;
mod rng;
mod scenario;
mod server;
mod span;
mod world;

pub use crate::{
    app::{App, ClientId, Command, Commands, Heard},
    checker::{Checker, Clause, Violation},
    link::{Clock, Driver, Fault, Link, Way},
    machine::Machine,
    scenario::{Arrived, Report, Scenario, Step, Tally},
    server::{Arrival, Peer, Replies, ServerModel, Service},
    world::{Surroundings, World},
};
