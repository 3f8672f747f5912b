//! What a dialer tells its driver to do.

use alloc::collections::VecDeque;

use super::hop::Peer;
use crate::{Cause, Stage, Timestamp};

/// One socket of a dialer's: counted from 1, never used twice by the same dialer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttemptId(pub u32);

/// What a dialer tells its driver to do, in this order.
///
/// The enum is exhaustive: a driver that forgets one does not compile. An action that fails becomes the next
/// [`Event`](super::Event).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Tell the session: [`Dialing`](crate::Event::Dialing), in this stage. The first action of all says it for the first
    /// stage, and each change of stage after it. The stage [`Upgrade`](Stage::Upgrade) ends with the session's
    /// [`Opened`](crate::Event::Opened), and nothing is said about that.
    Enter {
        /// What is being done from now on.
        stage: Stage,
    },
    /// Find the addresses of the hop's name; [`Resolved`](super::Event::Resolved) or
    /// [`Unresolved`](super::Event::Unresolved) follows. Said once.
    Resolve,
    /// Begin to connect, without waiting for it; [`Connected`](super::Event::Connected) or
    /// [`Failed`](super::Event::Failed) follows, unless it is cancelled.
    Connect {
        /// Its name.
        attempt: AttemptId,
        /// Where to.
        to: Peer,
    },
    /// Close this socket: it is not needed any more, whatever has become of it in the meantime.
    Cancel {
        /// Which.
        attempt: AttemptId,
    },
    /// This socket has won: it is the stream on which the next stages run. No other is open by now.
    Use {
        /// Which.
        attempt: AttemptId,
    },
    /// Say [`TimerFired`](super::Event::TimerFired) at this time, and forget the time set before. There is one timer.
    SetTimer {
        /// When; always later than the time of the event that was handled.
        at: Timestamp,
    },
    /// Forget the time set before.
    CancelTimer,
    /// There is no way. Nothing is open, no timer is set, and whatever comes now changes nothing.
    Fail {
        /// Why: what the session is told with [`Closed`](crate::Event::Closed). Its [`stage`](Cause::stage) says where.
        cause: Cause,
    },
}

/// What the dialer decided, to be carried out in this order; from [`Dialer::handle`](super::Dialer::handle).
///
/// The dialer's state is final already. What is not taken is handed out first the next time.
#[derive(Debug)]
#[must_use = "the dialer has decided these: carry them out, or they come again with the next event"]
pub struct Actions<'a>(pub(super) &'a mut VecDeque<Action>);

impl Iterator for Actions<'_> {
    type Item = Action;

    #[inline]
    fn next(&mut self) -> Option<Action> {
        self.0.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for Actions<'_> {}

impl core::iter::FusedIterator for Actions<'_> {}
