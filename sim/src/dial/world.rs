//! What happens to a dialer, one thing after the other.

use std::{collections::BTreeMap, net::SocketAddr};

use steadfast_core::{
    Stage, Timestamp,
    dial::{Action, AttemptId, Event},
};

use super::{Answer, Dials, End, Report, Scene, Way, check::Check};

/// Something to come. Of things at one time, timers come last, as the contract wants it of drivers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Answer(usize),
    Outcome(AttemptId, Way),
    Stage(Stage),
    Spurious,
    Cancel,
    Timer,
}

struct World<'s> {
    scene: &'s Scene,
    now: Timestamp,
    to_come: BTreeMap<(Timestamp, bool, u32), What>,
    scheduled: u32,
    /// What the driver's timer was set to.
    timer: Option<Timestamp>,
    check: Check<'s>,
}

pub(super) fn run(scene: &Scene, dialer: &mut impl Dials) -> Report {
    let now = Timestamp::ZERO;
    let check = Check::new(scene);
    let mut world = World { scene, now, to_come: BTreeMap::new(), scheduled: 0, timer: None, check };
    if let Some(after) = scene.cancel_after {
        world.schedule(now + after, What::Cancel);
    }
    for &after in &scene.spurious {
        world.schedule(now + after, What::Spurious);
    }
    world.tell(dialer, Event::Start);
    let mut steps = 0;
    while let Some(((at, ..), what)) = world.to_come.pop_first() {
        world.now = at;
        world.happen(dialer, what);
        steps += 1;
        if steps == MOST_STEPS {
            world.check.spins();
            break;
        }
    }
    let World { check, .. } = world;
    check.report()
}

impl World<'_> {
    fn schedule(&mut self, at: Timestamp, what: What) {
        self.scheduled += 1;
        self.to_come.insert((at, what == What::Timer, self.scheduled), what);
    }

    fn happen(&mut self, dialer: &mut impl Dials, what: What) {
        match what {
            What::Answer(index) => match &self.scene.answers[index].1 {
                Answer::Found(found, more) => {
                    let addresses: Vec<_> = found.iter().map(|&address| SocketAddr::new(address, 0)).collect();
                    self.tell(dialer, Event::Resolved { addresses: &addresses, more: *more });
                }
                Answer::Failed(kind) => self.tell(dialer, Event::Unresolved { kind: *kind }),
            },
            What::Outcome(attempt, way) => {
                if self.check.is_open(attempt) || self.scene.late_events {
                    match way {
                        Way::Accepts { .. } => self.tell(dialer, Event::Connected { attempt }),
                        Way::Fails { kind, .. } => self.tell(dialer, Event::Failed { attempt, kind }),
                        Way::Hangs => {}
                    }
                }
            }
            What::Stage(Stage::Proxy) => self.tell(dialer, Event::Tunnelled),
            What::Stage(Stage::Tls) => self.tell(dialer, Event::Secured),
            What::Stage(_) => self.tell(dialer, Event::Opened),
            What::Spurious => {
                // There is one timer: whenever it is said to have fired, it is not set any more.
                self.timer = None;
                self.tell(dialer, Event::TimerFired);
            }
            What::Cancel => self.tell(dialer, Event::Cancel),
            What::Timer => {
                if self.timer.is_some_and(|at| at + self.scene.timer_late <= self.now) {
                    self.timer = None;
                    self.tell(dialer, Event::TimerFired);
                }
            }
        }
    }

    fn tell(&mut self, dialer: &mut impl Dials, event: Event<'_>) {
        self.check.event(self.now, event);
        for action in dialer.handle(self.now, event) {
            self.check.action(&action);
            match action {
                Action::Resolve => {
                    for (index, (after, _)) in self.scene.answers.iter().enumerate() {
                        self.schedule(self.now + *after, What::Answer(index));
                    }
                }
                Action::Connect { attempt, to } => match self.scene.way_to(to).1 {
                    way @ (Way::Accepts { after } | Way::Fails { after, .. }) => {
                        self.schedule(self.now + after, What::Outcome(attempt, way));
                    }
                    Way::Hangs => {}
                },
                Action::Enter { stage: stage @ (Stage::Proxy | Stage::Tls | Stage::Upgrade) } => {
                    self.schedule(self.now + self.scene.race.attempt_delay(), What::Stage(stage));
                }
                Action::SetTimer { at } => {
                    self.timer = Some(at);
                    self.schedule(at + self.scene.timer_late, What::Timer);
                }
                Action::CancelTimer => self.timer = None,
                Action::Enter { .. } | Action::Cancel { .. } | Action::Use { .. } | Action::Fail { .. } => {}
            }
        }
        self.check.settled(self.timer);
    }
}

/// Many times what any scene takes.
const MOST_STEPS: u32 = 2_000;

impl End {
    /// Whether nothing more is to come.
    pub(super) const fn is_end(&self) -> bool {
        !matches!(self, Self::Waiting)
    }
}
