//! What nobody must be shown.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

/// A secret: a token, a key. It is nowhere shown (its `Debug` says that there is one and not what it is, and it has neither
/// `Display` nor a serialised form) and is overwritten when the last clone of it is dropped.
///
/// What is overwritten is this. A request, a message or a frame that it was put into is a copy, in buffers that are used
/// again and are not overwritten; so is whatever the application made the secret from. It keeps secrets out of logs, traces
/// and most core dumps, and does not defend against who reads the memory of the process while it works.
///
/// ```
/// use steadfast_transport::Secret;
///
/// let secret = Secret::from("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// assert_eq!(secret.expose(), b"hunter2");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    /// The secret itself. Whatever it is put into is the caller's to guard.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret itself, if it is text.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }
}

impl From<Vec<u8>> for Secret {
    /// Takes the bytes over, and with them the duty to overwrite them.
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }
}

impl From<String> for Secret {
    /// Takes the text over, and with it the duty to overwrite it.
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<&str> for Secret {
    /// Copies the text; what it was copied from is not overwritten.
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        for shown in [format!("{:?}", Secret::from("hunter2")), format!("{:#?}", Some(Secret::from("hunter2")))] {
            assert!(!shown.contains("hunter2") && !shown.contains('7'), "{shown}");
        }
    }

    #[test]
    fn a_secret_that_is_no_text_has_its_bytes() {
        let secret = Secret::from(vec![0xff, 1]);
        assert_eq!((secret.expose(), secret.expose_text()), (&[0xff, 1][..], None));
    }
}
