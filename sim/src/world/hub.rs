//! What all clients of a world share.

use std::time::Duration;

use steadfast_core::{Message, Timestamp};

use super::{
    conn::Conn,
    pipe::DownWhat,
    queue::{Queue, ServerAct, What},
};
use crate::{
    ClientId, Peer, Replies, Service,
    rng::{Draw, Rng},
    span,
};

/// What all clients of a world share: the time, the queue, chance, and the application's own server.
pub(super) struct Hub {
    pub(super) now: Timestamp,
    pub(super) queue: Queue,
    pub(super) rng: Rng,
    pub(super) service: Option<Box<dyn Service>>,
    pub(super) events: u64,
    pub(super) actions: u64,
}

impl Hub {
    /// A random span up to this one; draws nothing for zero.
    pub(super) fn draw_micros(&mut self, up_to: Duration) -> Duration {
        if up_to.is_zero() {
            return Duration::ZERO;
        }
        Duration::from_micros(self.rng.below(span::micros(up_to).saturating_add(1)))
    }

    /// True `chances` times in a million; draws nothing for zero.
    pub(super) fn chance(&mut self, chances: u32) -> bool {
        self.rng.chance(chances)
    }

    /// Lets the service speak on a connection.
    pub(super) fn serve(
        &mut self,
        client: u32,
        conn: &mut Conn,
        ask: impl FnOnce(&mut dyn Service, Timestamp, Peer, &mut Replies),
    ) {
        let Some(mut service) = self.service.take() else { return };
        let mut replies = Replies::default();
        let peer = Peer { client: ClientId(client), conn: conn.id };
        ask(&mut *service, self.now, peer, &mut replies);
        self.service = Some(service);
        let now = self.now;
        for message in replies.messages {
            conn.send(now, client, self, DownWhat::Message(message));
        }
        for span in replies.wakes {
            self.queue.push(now + span, client, What::Server(conn.id, ServerAct::WakeService));
        }
        if let Some(frame) = replies.close {
            conn.server_closes(now, client, self, frame);
        }
    }

    /// A message of the server's own.
    pub(super) fn invent(&mut self, bytes: u32) -> Message<'static> {
        let bytes = usize::try_from(bytes).unwrap_or(0);
        let filler = u8::try_from(self.rng.below(256)).unwrap_or(0);
        Message::binary(vec![filler; bytes])
    }
}
