//! The task of a client: it gives the session its turns, and wakes up in time for its deadlines.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use steadfast_core::Timestamp;

use crate::{
    bell::{Rung, Watch},
    runtime,
    shared::Shared,
};

/// Runs until the client is gone.
pub(crate) struct Task {
    shared: Arc<Shared>,
    alarm: Option<Alarm>,
    /// When to look after stand-ins.
    watch: Option<Alarm>,
}

type Alarm = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a turn came to.
enum Next {
    /// There is more to do.
    Again,
    /// When the next turn has to come, if the alarm is to be set anew.
    At(Option<Timestamp>),
    Gone,
}

impl Task {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, alarm: None, watch: None }
    }

    fn turn(&self) -> Next {
        #[cfg(feature = "signals")]
        self.shared.look();
        let Self { shared, .. } = self;
        let mut state = shared.lock();
        if state.is_gone() {
            return Next::Gone;
        }
        let (now, left) = (shared.now(), shared.bell.is_left_to_stand_ins());
        // A deadline passes for good: whatever may have come in before it has to be seen.
        let due = state.deadline().is_some_and(|at| at <= now);
        let (rung, reads) = if left && !due { (shared.bell.take_own(), 0) } else { (shared.bell.take(), READS) };
        let unfinished = state.turn(rung, now, reads);
        if unfinished && !left {
            return Next::Again;
        }
        let at = state.alarm();
        drop(state);
        if unfinished {
            shared.bell.ring(Rung::WORK);
        }
        Next::At(at)
    }

    /// Sets the alarm, if it is to be set anew; whether it has gone off.
    fn is_due(&mut self, at: Option<Timestamp>, context: &mut Context<'_>) -> bool {
        if let Some(at) = at {
            self.alarm = Some(Box::pin(runtime::sleep(self.shared.until(at))));
        }
        let due = self.alarm.as_mut().is_some_and(|alarm| alarm.as_mut().poll(context).is_ready());
        if due {
            self.alarm = None;
            self.shared.lock().armed = None;
        }
        due
    }
}

impl Task {
    /// Looks after stand-ins, if any are called.
    fn look_after(&mut self, context: &mut Context<'_>) {
        loop {
            if let Some(watch) = &mut self.watch
                && watch.as_mut().poll(context).is_pending()
            {
                return;
            }
            if self.shared.bell.watch() == Watch::End {
                self.watch = None;
                return;
            }
            self.watch = Some(Box::pin(runtime::sleep(PATIENCE)));
        }
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.shared.bell.wakes(context.waker());
        self.look_after(context);
        loop {
            match self.turn() {
                Next::Gone => {
                    self.shared.bell.hush();
                    return Poll::Ready(());
                }
                // The others have their turn first.
                Next::Again => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Next::At(at) => {
                    if !self.is_due(at, context) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

/// How often the task looks after stand-ins: one that was called and has not come between two looks is replaced, which takes at
/// most twice as long.
const PATIENCE: Duration = Duration::from_millis(5);
/// How often the task reads before other tasks have their turn: at most 1 MiB.
const READS: u32 = 8;
