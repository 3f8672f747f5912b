//! What other threads ask of a driver's sessions.

use steadfast_core::Event;
use steadfast_transport::pump::{Application, Command, SessionId};

use crate::driver::Driver;

impl<A: Application> Driver<A> {
    /// Takes what other threads asked for, unless something is left of what they asked for before: whoever asks too much
    /// has to wait for room.
    pub(super) fn take_commands(&mut self) {
        if self.commands.is_empty() {
            self.mailbox.take(&mut self.commands);
            self.commands.reverse();
        }
    }

    /// Carries out one of them.
    pub(super) fn carry_out(&mut self, command: Command) {
        match command {
            Command::Event(session, event) => self.tell(session, event),
            Command::Stored(session, answers) => {
                if let Some(index) = self.index(session) {
                    self.turn(index).stored(answers);
                    self.queue(index);
                }
            }
            Command::ResumeReads(session) => self.resume_reads(session),
            Command::Remove(session) => {
                self.remove(session);
            }
            Command::Inspect(session, look) => {
                if let Some(session) = self.session(session) {
                    look(session);
                }
            }
            Command::Fetched(fetched) => {
                if let Some(index) = self.index(fetched.session()) {
                    self.turn(index).fetched(*fetched);
                    self.queue(index);
                }
            }
            Command::Resolved(answer) => {
                for index in self.shared.answered(&answer.name) {
                    // The slot may have another session by now, or none.
                    if self.slots.contains(index) {
                        self.turn(index).resolved(&answer);
                        self.queue(index);
                    }
                }
            }
        }
    }

    /// Tells a session something.
    pub(super) fn tell(&mut self, session: SessionId, event: Event<'static>) {
        if let Some(index) = self.index(session) {
            self.turn(index).apply(event);
            self.queue(index);
        }
    }
}
