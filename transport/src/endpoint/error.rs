//! Why an endpoint cannot be.

use std::fmt;

use steadfast_core::{
    dial::environment::EnvironmentError,
    wire::handshake::{RequestError, RequestPart},
};

/// Why an [`Endpoint`](crate::Endpoint) cannot be: which part of it, what was found there, and what was expected.
///
/// Header values, user names and passwords are never shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointError {
    pub(super) field: &'static str,
    pub(super) value: String,
    pub(super) expected: &'static str,
    /// Which of several endpoints, counted from 1.
    pub(super) place: Option<usize>,
}

impl EndpointError {
    /// Which part is wrong: `url`, `scheme`, `host`, `port`, `userinfo`, `target`, `fragment`, `host header`, `origin`,
    /// `header name`, `header value`, `query parameter` or `subprotocol`; an environment variable that names a proxy; or
    /// `roots`, if there are none to trust by default.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// What was found there; never a secret.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Which of several endpoints it is, counted from 1; `None` where there is one, or all are meant.
    #[must_use]
    pub const fn place(&self) -> Option<usize> {
        self.place
    }

    /// The same, of the endpoint at this place, counted from 1.
    pub(crate) const fn of(mut self, place: usize) -> Self {
        self.place = Some(place);
        self
    }
}

impl EndpointError {
    /// The default for whom to trust cannot be.
    #[cfg(feature = "_tls")]
    pub(super) fn tls(error: &crate::tls::TlsConfigError) -> Self {
        refuse(error.part(), error.found(), error.expected())
    }

    /// This part, for what was found there.
    pub(crate) fn refuse(field: &'static str, value: impl fmt::Display, expected: &'static str) -> Self {
        Self { field, value: value.to_string(), expected, place: None }
    }

    /// What an environment variable says is no proxy.
    pub(super) fn environment(error: &EnvironmentError) -> Self {
        refuse(error.variable(), unquoted(error.error().found()), error.error().expected())
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "endpoint {place}: ")?;
        }
        write!(f, "{} `{}`: expected {}", self.field, self.value, self.expected)
    }
}

impl From<RequestError> for EndpointError {
    fn from(error: RequestError) -> Self {
        let field = match error.part() {
            RequestPart::Scheme => "scheme",
            RequestPart::Host => "host",
            RequestPart::Port => "port",
            RequestPart::Target => "target",
            RequestPart::HostHeader => "host header",
            RequestPart::Origin => "origin",
            RequestPart::Subprotocol => "subprotocol",
            RequestPart::HeaderName => "header name",
            RequestPart::HeaderValue => "header value",
            _ => "request",
        };
        Self { field, value: unquoted(error.found()).to_owned(), expected: error.expected(), place: None }
    }
}

impl std::error::Error for EndpointError {}

pub(super) fn refuse(field: &'static str, value: impl fmt::Display, expected: &'static str) -> EndpointError {
    EndpointError::refuse(field, value, expected)
}

/// What was found, without the quotes that are put around it again.
fn unquoted(found: &str) -> &str {
    found.strip_prefix('`').and_then(|found| found.strip_suffix('`')).unwrap_or(found)
}
