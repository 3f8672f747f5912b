//! A WebSocket server on real sockets that hurts its clients on a seeded schedule, and keeps a record of what arrived.
//!
//! One thread accepts and conducts the faults, one thread serves each connection. The engine is tungstenite: nothing
//! of Steadfast's own judges what Steadfast sent.

mod connection;
mod door;
mod fault;
mod gate;
mod incident;
mod profile;
mod record;
mod schedule;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    fault::Fault,
    incident::Incident,
    profile::Profile,
    record::Record,
    schedule::{Schedule, SplitMix64},
    server::{Server, Service},
};
