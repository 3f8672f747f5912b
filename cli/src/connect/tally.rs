//! What became of the messages.

use serde::Serialize;
use steadfast_core::{Message, Notice, Refusal, Verdict};

/// The count of verdicts, and the messages that were left.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub(super) struct Tally {
    pub(super) confirmed: u64,
    pub(super) written: u64,
    pub(super) in_doubt: u64,
    pub(super) dropped: u64,
    pub(super) refused: u64,
    /// Those that a person should know of: in doubt, dropped, refused.
    #[serde(skip)]
    pub(super) left: Vec<Left>,
}

/// A message that was left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Left {
    pub(super) why: String,
    pub(super) message: Message<'static>,
}

impl Tally {
    /// Counts what the notice says of a message.
    pub(super) fn take(&mut self, notice: &Notice) {
        match notice {
            Notice::Verdict { verdict, message, .. } => {
                let (count, why) = match verdict {
                    Verdict::Confirmed => (&mut self.confirmed, None),
                    Verdict::Written => (&mut self.written, None),
                    Verdict::InDoubt => (&mut self.in_doubt, Some(String::from("in doubt"))),
                    Verdict::Dropped(why) => (&mut self.dropped, Some(format!("dropped ({why:?})"))),
                    // Nothing of what it sends is durable.
                    Verdict::Kept => return,
                };
                *count += 1;
                if let (Some(why), Some(message)) = (why, message) {
                    self.keep(why, message);
                }
            }
            Notice::Refused { message, why, .. } => self.refuse(*why, message),
            _ => {}
        }
    }

    /// Counts a message that was not accepted.
    pub(super) fn refuse(&mut self, why: Refusal, message: &Message<'static>) {
        self.refused += 1;
        self.keep(format!("refused ({why:?})"), message);
    }

    /// Whether nothing was left.
    pub(super) const fn is_clean(&self) -> bool {
        self.in_doubt == 0 && self.dropped == 0 && self.refused == 0
    }

    fn keep(&mut self, why: String, message: &Message<'static>) {
        if self.left.len() < MOST_LEFT {
            self.left.push(Left { why, message: message.clone() });
        }
    }
}

/// How many messages are kept to be shown; the counts are of all.
const MOST_LEFT: usize = 100;
