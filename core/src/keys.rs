//! Keys of conflation from texts.

use alloc::{boxed::Box, collections::BTreeMap};

use crate::options::Key;

/// Gives each text a [`Key`] of its own: the same text the same key, another text another, without exception.
///
/// It holds every text that it was asked for until it is dropped, so it is meant for topics, symbols and rooms, of which there
/// are only so many. Where the application has numbers already, those are the keys.
///
/// ```
/// use steadfast_core::{Delivery, Keys, SendOptions};
///
/// let mut keys = Keys::new();
/// let quote = SendOptions::new(Delivery::AtMostOnce).key(keys.key("quote AAPL"));
/// assert_eq!(quote.key, Some(keys.key("quote AAPL")));
/// assert_ne!(quote.key, Some(keys.key("quote MSFT")));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Keys {
    known: BTreeMap<Box<str>, Key>,
}

impl Keys {
    /// Knows no text yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { known: BTreeMap::new() }
    }

    /// The key of this text: 0 for the first that was asked for, and one more for each other.
    pub fn key(&mut self, text: &str) -> Key {
        if let Some(key) = self.known.get(text) {
            return *key;
        }
        let key = Key(self.known.len() as u64);
        self.known.insert(text.into(), key);
        key
    }

    /// How many texts have a key.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no text has a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_key_and_shares_it_with_no_other() {
        let mut keys = Keys::new();
        let (a, b) = (keys.key("a"), keys.key("b"));
        assert_ne!(a, b);
        assert_eq!((keys.key("a"), keys.key("b"), keys.len()), (a, b, 2));
    }
}
