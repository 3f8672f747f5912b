//! The program as its users meet it: started, spoken to, and judged by what it says and how it ends.

mod bad_input;
mod connect;
mod credentials;
mod demo;
mod dialing;
mod durable_demo;
mod metrics;
mod replay;
mod running;
mod swarm;
