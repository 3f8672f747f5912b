//! permessage-deflate (RFC 7692): messages that travel compressed.
//!
//! [`Options`] say what the client wants, [`Offer`] what it says so in the handshake, [`Agreed`] what came of it.
//!
//! ```
//! use steadfast_core::wire::deflate::{Offer, Options};
//!
//! let offer = Offer::new(Options { client_no_context_takeover: true, ..Options::default() })?;
//! assert_eq!(offer.header_value(), "permessage-deflate; client_no_context_takeover; client_max_window_bits");
//! // … the server answers in its `Sec-WebSocket-Extensions` …
//! let agreed = offer.judge("permessage-deflate; client_max_window_bits=12").expect("just what was offered");
//! assert_eq!(agreed.expect("the server compresses").client_max_window_bits(), 12);
//! # Ok::<(), steadfast_core::wire::deflate::InvalidOption>(())
//! ```

mod agreed;
mod deflater;
mod history;
mod inflater;
mod offer;
mod options;
mod parameters;

pub use self::{
    agreed::Agreed,
    deflater::Deflater,
    inflater::{Corrupt, Inflater, Progress},
    offer::{Offer, Parameter, Refusal},
    options::{ClientWindow, InvalidOption, Options},
};
