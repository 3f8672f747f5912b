//! What all sessions of a thread share.

use std::{cell::Cell, collections::VecDeque, mem, num::NonZeroUsize, sync::Arc};

use steadfast_core::{Event, wire::Buffer};

use crate::{
    dial::Resolver,
    net::Net,
    pump::{
        Mailbox,
        gate::{Connects, Gate},
        outgoing::keep,
    },
};

/// What all sessions of a loop share.
pub struct Shared<N> {
    /// Where sockets come from.
    pub net: N,
    pub(super) resolver: Resolver,
    /// How many may connect at the same time.
    pub(super) gate: Gate,
    /// The one read buffer.
    pub(super) buffer: Vec<u8>,
    /// The write buffer of whoever needs one next.
    pub(super) spare: Buffer,
    /// The assembly buffer of whoever needs one next.
    pub(super) assembly: Buffer,
    /// What follows from the actions of the session whose turn it is. Empty between turns.
    pub(super) events: VecDeque<Event<'static>>,
}

impl<N: Net> Shared<N> {
    /// What the sessions of a thread share: sockets, a resolver that answers to this mailbox, buffers.
    #[must_use]
    pub fn new(net: N, mailbox: &Arc<Mailbox>) -> Self {
        Self {
            net,
            resolver: Resolver::new(Arc::clone(mailbox)),
            gate: Gate::default(),
            buffer: Vec::new(),
            spare: Buffer::new(),
            assembly: Buffer::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes the buffers that [`leave_buffers`](Self::leave_buffers) left on this thread. For drivers with many of these:
    /// before they do something with one.
    pub fn take_buffers(&mut self) {
        let left = BUFFERS.take();
        if self.buffer.is_empty() {
            self.buffer = left.read;
        }
        keep(left.spare, &mut self.spare);
        keep(left.assembly, &mut self.assembly);
    }

    /// Leaves the buffers on this thread, so that sessions at rest have none.
    pub fn leave_buffers(&mut self) {
        let (read, spare) = (mem::take(&mut self.buffer), mem::take(&mut self.spare));
        BUFFERS.set(Buffers { read, spare, assembly: mem::take(&mut self.assembly) });
    }

    /// The slots of the sessions that waited for this name's addresses, which they are to be
    /// [told](crate::pump::Turn::resolved).
    #[must_use]
    pub fn answered(&mut self, name: &str) -> Vec<usize> {
        self.resolver.answered(name)
    }

    /// Changes how many sessions may connect at the same time.
    pub const fn set_max_connects(&mut self, most: NonZeroUsize) {
        self.gate.set_most(most);
    }

    /// How many sessions connect, or wait for their turn to.
    #[must_use]
    pub fn connects(&self) -> Connects {
        self.gate.connects()
    }

    /// The slot of the session whose turn it is to connect, which it is to be [told](crate::pump::Turn::connect); `None`
    /// if none waits, or there is no room.
    #[must_use]
    pub fn next_to_connect(&self) -> Option<usize> {
        self.gate.next()
    }

    /// Forgets what a session that is gone had asked for.
    pub fn forget(&mut self) {
        self.events.clear();
    }
}

/// What is needed while something is done, and not in between.
#[derive(Default)]
struct Buffers {
    read: Vec<u8>,
    spare: Buffer,
    assembly: Buffer,
}

thread_local! {
    /// Those that nobody needs.
    static BUFFERS: Cell<Buffers> = Cell::default();
}

/// How large the one read buffer is: as much as is put together for one write, so that what a peer of the same mind has
/// written comes in with one read. With half of it, messages of 16 KiB cost a client a tenth more.
pub(super) const READ_BUFFER: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::testing::Loop;

    #[test]
    fn sessions_of_a_thread_that_are_at_rest_have_no_buffers() {
        let mailbox = Arc::new(Mailbox::new(Waker::noop().clone()));
        let (mut one, mut other) = (Shared::new(Loop::new(), &mailbox), Shared::new(Loop::new(), &mailbox));
        one.buffer = vec![0; READ_BUFFER];
        one.spare.append(100).fill(0);
        one.spare.clear();
        one.leave_buffers();
        assert_eq!((one.buffer.capacity(), one.spare.capacity()), (0, 0));
        other.take_buffers();
        assert_eq!(other.buffer.len(), READ_BUFFER);
        assert!(other.spare.capacity() >= 100);
    }
}
