//! Echo over real loopback sockets, against one tungstenite server in another process.

mod clients;
mod contest;
mod cores;
mod measure;
mod ratios;
mod server;

pub(crate) use self::{
    cores::Cores,
    measure::{Effort, Row, run},
    ratios::ratios,
    server::serve,
};

/// Why there is no figure.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The other end, and this process where it is to run.
pub(crate) fn start(cores: Cores) -> Result<server::Server, Failure> {
    let places = cores::Places::choose(cores)?;
    // The server is started where it is to run, and stays there.
    places.settle_as_server()?;
    let server = server::Server::start()?;
    places.settle_as_client()?;
    Ok(server)
}
