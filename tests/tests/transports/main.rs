//! The same scenarios over every transport, every engine, and with and without TLS, on real sockets.

#[macro_use]
mod case;
mod backpressure;
mod certificates;
mod client;
mod closing;
mod connecting;
mod credentials;
mod durable;
mod dying;
mod echo;
mod failover;
mod proxies;
mod races;
mod reconnect;
mod redirects;
mod secrets;
mod verdicts;
