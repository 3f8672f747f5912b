//! What the application is told of the upgrade.

/// What the server said when it accepted the connection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Accepted {
    pub(crate) subprotocol: Option<String>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Accepted {
    /// The subprotocol it chose among those offered.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The headers of its answer, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}
