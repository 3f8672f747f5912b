//! Who a proxy is told that we are.

use alloc::boxed::Box;
use core::fmt;

/// A user and a password for a proxy. Neither is ever shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    user: Box<[u8]>,
    password: Box<[u8]>,
}

impl Credentials {
    /// What they may be depends on the proxy: see [`Proxy::with_credentials`](super::Proxy::with_credentials).
    #[must_use]
    pub fn new(user: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Self {
        Self { user: user.as_ref().into(), password: password.as_ref().into() }
    }

    /// The user's name; mostly UTF-8 (RFC 7617 §2.1), which proxies need not know.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.user
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}
