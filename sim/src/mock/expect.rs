//! What is expected of a client, and how a mismatch reads.

use std::{fmt, sync::Arc, time::Instant};

use super::{
    Mismatch,
    link::{Link, State},
    record::{Received, Shown},
};

/// The next thing that should come.
#[derive(Clone)]
pub(super) enum Expected {
    Text(String),
    Binary(Vec<u8>),
    Message,
    Matching { what: String, fits: Arc<dyn Fn(&Received) -> bool + Send + Sync> },
    Ping,
    Close(Option<u16>),
}

impl Expected {
    fn fits(&self, received: &Received) -> bool {
        match (self, received) {
            (Self::Text(expected), Received::Text(text)) => expected == text,
            (Self::Binary(expected), Received::Binary(bytes)) => expected == bytes,
            (Self::Message, received) => received.is_message(),
            (Self::Matching { fits, .. }, received) => fits(received),
            (Self::Ping, Received::Ping(_)) => true,
            (Self::Close(expected), Received::Close { code, .. }) => expected.is_none() || expected == code,
            _ => false,
        }
    }

    /// What this is compared with, if there is something: pings and pongs are no messages, and passed over.
    fn next(&self, state: &mut State) -> Option<Received> {
        if matches!(self, Self::Ping) {
            let mut pings = state.received.iter().filter(|received| matches!(received, Received::Ping(_)));
            let ping = pings.nth(state.seen_pings)?.clone();
            state.seen_pings += 1;
            return Some(ping);
        }
        while let Some(received) = state.received.get(state.seen) {
            let passed = matches!(received, Received::Ping(_) | Received::Pong(_));
            let found = (!passed).then(|| received.clone());
            if state.keep {
                state.seen += 1;
            } else {
                state.received.pop_front();
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "text {}", Shown(text.as_bytes())),
            Self::Binary(bytes) => write!(f, "binary {}", Shown(bytes)),
            Self::Message => f.write_str("a message"),
            Self::Matching { what, .. } => f.write_str(what),
            Self::Ping => f.write_str("a ping"),
            Self::Close(Some(code)) => write!(f, "a close frame with {code}"),
            Self::Close(None) => f.write_str("a close frame"),
        }
    }
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Link {
    /// Waits for the next thing, which has to be this one.
    pub(super) fn expect(&self, expected: &Expected) -> Result<Received, Mismatch> {
        let found = self.next(expected, Instant::now() + self.patience);
        match found {
            Some(Ok(received)) if expected.fits(&received) => Ok(received),
            Some(Ok(received)) => Err(self.mismatch(expected, &format_args!("got {received}"))),
            Some(Err(ended)) => Err(self.mismatch(expected, &ended)),
            None => Err(self.mismatch(expected, &format_args!("nothing came within {:?}", self.patience))),
        }
    }

    /// Waits for the next thing; an error says how the connection ended instead. `None` if there is neither in time.
    pub(super) fn next(&self, expected: &Expected, until: Instant) -> Option<Result<Received, String>> {
        self.wait(until, |state| {
            let next = expected.next(state).map(Ok);
            next.or_else(|| state.ending.as_ref().map(|ending| Err(format!("the connection ended: {ending:?}"))))
        })
    }

    fn mismatch(&self, expected: &Expected, instead: &dyn fmt::Display) -> Mismatch {
        let before = self.look(|state| {
            let seen = state.seen.saturating_sub(1);
            state.received.iter().take(seen).rev().take(BEFORE).map(ToString::to_string).collect::<Vec<_>>()
        });
        let before = match &before[..] {
            [] => "nothing".to_owned(),
            before => before.iter().rev().map(String::as_str).collect::<Vec<_>>().join(", "),
        };
        Mismatch(format!("connection {}: expected {expected}, but {instead}; before it came {before}", self.number))
    }
}

/// How much of what came before is told in a mismatch.
const BEFORE: usize = 5;
