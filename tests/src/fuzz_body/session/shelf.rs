//! The store of a driver that knows no shame, and what of it outlives a crash.

use arbitrary::{Result, Unstructured};
use steadfast_core::{Action, Event, Message, MessageId, Persist, SendOptions, StoreError};

/// What the session gave to its store.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Handed over and not answered, the oldest first.
    asked: Vec<Persist>,
    stored: Vec<Persist>,
}

impl Shelf {
    pub(super) fn event(&mut self, event: &Event<'_>) {
        let Event::Persisted { id, result } = event else { return };
        let Some(index) = self.asked.iter().position(|asked| asked.id == *id) else { return };
        let asked = self.asked.remove(index);
        if result.is_ok() {
            self.stored.push(asked);
        }
    }

    pub(super) fn action(&mut self, action: &Action<'_>) {
        match action {
            Action::Persist(persist) => self.asked.push((**persist).clone()),
            Action::Forget { id } => {
                self.asked.retain(|asked| asked.id != *id);
                self.stored.retain(|stored| stored.id != *id);
            }
            _ => {}
        }
    }

    /// The store answers what it was asked most of the time, or something else.
    pub(super) fn answer(&self, input: &mut Unstructured<'_>) -> Result<Event<'static>> {
        let ids: Vec<MessageId> = self.asked.iter().map(|asked| asked.id).collect();
        let id = match ids.first() {
            Some(_) if !input.ratio(1, 8)? => *input.choose(&ids)?,
            _ => MessageId(input.arbitrary()?),
        };
        let result = *input.choose(&[Ok(()), Ok(()), Ok(()), Err(StoreError::Full), Err(StoreError::Failed)])?;
        Ok(Event::Persisted { id, result })
    }

    /// What was never stored comes back from the store.
    pub(super) fn nonsense(id: MessageId, options: SendOptions) -> Event<'static> {
        Event::Restored { id, message: Message::text("who wrote this?"), options, identity: None }
    }

    /// The process dies: what is stored is told to the next one. What was on its way is gone.
    pub(super) fn crash(&mut self) -> Vec<Event<'static>> {
        self.asked.clear();
        let restored = |persist: &Persist| {
            let Persist { id, message, options, identity } = persist.clone();
            Event::Restored { id, message, options, identity }
        };
        self.stored.iter().map(restored).collect()
    }

    /// The names of what is stored.
    pub(super) fn ids(&self) -> impl Iterator<Item = MessageId> {
        self.stored.iter().map(|stored| stored.id)
    }
}
