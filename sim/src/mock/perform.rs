//! Plays a script.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

use tungstenite::protocol::frame::{CloseFrame, Frame};

use super::{
    Mismatch,
    conn::{frame_of, half_a_frame},
    door::{Door, Doorway},
    expect::Expected,
    hub::Hub,
    link::{Last, Link},
    lock,
    opening::meet,
    script::{Plan, Script, Step},
};

/// A script and how far it has come.
#[derive(Debug)]
pub(super) struct Stage {
    script: Script,
    doorway: Arc<Doorway>,
    hub: Arc<Hub>,
    /// How many connections have come to it.
    entered: AtomicUsize,
    /// What each connection of the script is at.
    progress: Mutex<Vec<Progress>>,
    failures: Mutex<Vec<String>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Progress {
    Awaited,
    At(String),
    Done,
}

impl Stage {
    pub(super) fn new(script: Script, doorway: &Arc<Doorway>, hub: &Arc<Hub>) -> Arc<Self> {
        let progress = vec![Progress::Awaited; script.plans.len()];
        Arc::new(Self {
            script,
            doorway: Arc::clone(doorway),
            hub: Arc::clone(hub),
            entered: AtomicUsize::new(0),
            progress: Mutex::new(progress),
            failures: Mutex::default(),
        })
    }

    /// Plays what is written for this connection, on a thread of its own.
    pub(super) fn enter(self: &Arc<Self>, link: &Arc<Link>) {
        let index = self.entered.fetch_add(1, Relaxed);
        let Some(plan) = self.script.plans.get(index).or(self.script.otherwise.as_ref()).cloned() else {
            self.fail(format!("connection {}: there is no such connection in the script", link.number));
            return link.reset();
        };
        let (stage, link) = (Arc::clone(self), Arc::clone(link));
        thread::spawn(move || match stage.play(index, &plan, &link) {
            Ok(()) => stage.set(index, Progress::Done),
            // The server was dropped: nobody expects anything any more.
            Err(_) if stage.hub.is_closed() => {}
            Err(Mismatch(failure)) => stage.fail(failure),
        });
    }

    /// What went wrong so far.
    pub(super) fn failures(&self) -> Vec<String> {
        lock(&self.failures).clone()
    }

    /// Whether everything written down was played.
    pub(super) fn is_done(&self) -> bool {
        lock(&self.progress).iter().all(|progress| *progress == Progress::Done)
    }

    /// What is left.
    pub(super) fn left(&self) -> String {
        let progress = lock(&self.progress);
        let left = progress.iter().enumerate().filter_map(|(index, progress)| match progress {
            Progress::Awaited => Some(format!("connection {} has not come", index + 1)),
            Progress::At(step) => Some(format!("connection {} is at: {step}", index + 1)),
            Progress::Done => None,
        });
        left.collect::<Vec<_>>().join("; ")
    }

    fn play(&self, index: usize, plan: &Plan, link: &Arc<Link>) -> Result<(), Mismatch> {
        self.set(index, Progress::At(format!("meet it with {:?}", plan.opening)));
        if let Err(mismatch) = meet(link, &plan.opening) {
            link.let_go();
            // Of connections that were not written down nobody expects that they come so far.
            let left_before = index >= self.script.plans.len() && link.look(|state| state.request.is_none());
            return if left_before { Ok(()) } else { Err(mismatch) };
        }
        for (step, next) in plan.steps.iter().zip(plan.steps.iter().skip(1).map(Some).chain([None])) {
            self.set(index, Progress::At(format!("{step:?}")));
            if let (true, Some(Step::DownFor(_))) = (step.parts(), next) {
                // A client that comes back at once meets the closed port.
                self.doorway.set(Door::Refusing);
            }
            self.take(step, link).inspect_err(|_| link.give_up(true))?;
        }
        Ok(())
    }

    fn take(&self, step: &Step, link: &Arc<Link>) -> Result<(), Mismatch> {
        match step {
            Step::Expect(expected) => link.expect(expected).map(drop)?,
            Step::ExpectEnd => {
                let ended = link.wait(Instant::now() + link.patience, |state| state.ending.clone());
                ended.ok_or_else(|| Mismatch(format!("connection {}: it does not end", link.number)))?;
            }
            Step::Send(message) => send(link, frame_of(message))?,
            Step::Ping(payload) => send(link, Frame::ping(payload.clone()))?,
            Step::Raw(bytes) => {
                link.queue(bytes.clone());
                link.flush()?;
            }
            Step::HalfAFrame => {
                link.queue(half_a_frame());
                link.flush()?;
            }
            Step::WaitFor(signal) => {
                let fired = signal.wait(link.patience);
                fired.then_some(()).ok_or_else(|| Mismatch("a signal was not fired".to_owned()))?;
            }
            Step::Fire(signal) => signal.fire(),
            Step::Pause(span) => {
                link.wait(Instant::now() + *span, |state| state.over.then_some(()));
            }
            Step::AnswerEach(reply) => loop {
                match link.next(&Expected::Message, Instant::now() + link.patience) {
                    Some(Ok(message)) if message.is_message() => {
                        for answer in reply(&message) {
                            link.queue_frame(frame_of(&answer));
                        }
                    }
                    Some(Ok(_)) | None => {}
                    Some(Err(_)) => break,
                }
            },
            Step::AnswerPings(answer) => link.change(|state| state.answer_pings = *answer),
            Step::Freeze => link.change(|state| state.frozen = true),
            Step::Thaw => link.change(|state| state.frozen = false),
            Step::Close(code, reason) => {
                link.queue_close(Some(CloseFrame { code: (*code).into(), reason: reason.as_str().into() }));
            }
            Step::Fin => link.finish(Last::Fin),
            Step::Reset => link.reset(),
            Step::DownFor(span) => {
                self.doorway.set(Door::Refusing);
                // Until then, or until the server is dropped.
                self.hub.wait(Instant::now() + *span, || self.hub.is_closed().then_some(()));
                self.doorway.set(Door::Open);
            }
        }
        Ok(())
    }

    fn set(&self, index: usize, progress: Progress) {
        if let Some(slot) = lock(&self.progress).get_mut(index) {
            *slot = progress;
        }
        self.hub.tell();
    }

    fn fail(&self, failure: String) {
        lock(&self.failures).push(failure);
        self.hub.tell();
    }
}

fn send(link: &Link, frame: Frame) -> Result<(), Mismatch> {
    link.queue_frame(frame);
    link.flush()
}
