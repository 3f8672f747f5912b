//! The judge: what a dialer may do, worked out again from what it was told.

use std::{collections::BTreeMap, net::IpAddr};

use steadfast_core::{
    Cause, Stage, Timestamp,
    dial::{Action, AttemptId, Event, Hop},
};

use super::{End, Report, Scene};

pub(super) struct Check<'s> {
    scene: &'s Scene,
    now: Timestamp,
    /// What it was told of, and has not tried.
    untried: Vec<IpAddr>,
    /// What it was told of and may try, tried or not.
    known: Vec<IpAddr>,
    /// No more addresses come.
    resolved: bool,
    /// Since when the race could have begun.
    ready: Option<Timestamp>,
    open: BTreeMap<AttemptId, IpAddr>,
    sockets: Vec<(IpAddr, Timestamp)>,
    /// A socket has failed since the last one was begun.
    failed_since: bool,
    /// The socket that this event says is connected.
    connected: Option<AttemptId>,
    stage: Option<Stage>,
    ended: (End, Timestamp),
    violations: Vec<String>,
}

impl<'s> Check<'s> {
    pub(super) fn new(scene: &'s Scene) -> Self {
        let (now, resolved) = (Timestamp::ZERO, !matches!(scene.hop, Hop::Name { .. }));
        Self {
            scene,
            now,
            untried: Vec::new(),
            known: Vec::new(),
            resolved,
            ready: resolved.then_some(now),
            open: BTreeMap::new(),
            sockets: Vec::new(),
            failed_since: false,
            connected: None,
            stage: None,
            ended: (End::Waiting, now),
            violations: Vec::new(),
        }
    }

    /// Whether this socket is under way.
    pub(super) fn is_open(&self, attempt: AttemptId) -> bool {
        self.open.contains_key(&attempt)
    }

    pub(super) fn report(mut self) -> Report {
        if !self.ended.0.is_end() {
            let waits = !self.open.is_empty() || !self.resolved;
            self.expect(waits, || String::from("it neither ended nor has anything to wait for"));
        }
        let (end, at) = self.ended;
        Report { end, at, sockets: self.sockets, violations: self.violations }
    }

    /// It goes on for ever.
    pub(super) fn spins(&mut self) {
        self.expect(false, || String::from("there is no end to it"));
    }

    /// It is about to handle this.
    pub(super) fn event(&mut self, now: Timestamp, event: Event<'_>) {
        self.now = now;
        self.connected = None;
        if self.ended.0.is_end() {
            return;
        }
        match event {
            Event::Resolved { addresses, more } if !self.resolved => {
                for address in addresses.iter().map(std::net::SocketAddr::ip) {
                    let family = self.known.iter().filter(|known| known.is_ipv6() == address.is_ipv6());
                    let room = family.count() < usize::from(self.scene.race.max_addresses());
                    if room && !self.known.contains(&address) {
                        self.known.push(address);
                        self.untried.push(address);
                    }
                }
                self.resolved = !more;
                let waited = if more && !self.untried.iter().any(IpAddr::is_ipv6) {
                    self.scene.race.resolution_delay()
                } else {
                    std::time::Duration::ZERO
                };
                if !self.known.is_empty() {
                    let at = now + waited;
                    self.ready = Some(self.ready.map_or(at, |ready| ready.min(at)));
                }
            }
            Event::Unresolved { .. } if !self.resolved => {
                self.resolved = true;
                self.ready = Some(self.ready.map_or(now, |ready| ready.min(now)));
            }
            Event::Failed { attempt, .. } if self.open.remove(&attempt).is_some() => self.failed_since = true,
            Event::Connected { attempt } if self.is_open(attempt) => self.connected = Some(attempt),
            Event::Cancel => self.ended = (End::Cancelled, now),
            _ => {}
        }
    }

    /// It has decided this.
    pub(super) fn action(&mut self, action: &Action) {
        match action {
            Action::Enter { stage } => self.enter(*stage),
            Action::Resolve => self.expect(self.sockets.is_empty() && !self.resolved, || "a needless question".into()),
            Action::Connect { attempt, to } => {
                let address = self.scene.way_to(*to).0;
                self.connect(*attempt, address);
            }
            Action::Cancel { attempt } => {
                let was_open = self.open.remove(attempt).is_some();
                self.expect(was_open, || format!("{attempt:?} is cancelled, but not under way"));
            }
            Action::Use { attempt } => {
                self.expect(self.connected == Some(*attempt), || format!("{attempt:?} is used, but not connected"));
                let address = self.open.remove(attempt).unwrap_or(IpAddr::from([0; 4]));
                self.end(End::Used(address));
                self.in_time(address);
            }
            Action::SetTimer { at } => {
                let now = self.now;
                self.expect(*at > now, || format!("at {now} the timer is set to {at}"));
            }
            Action::CancelTimer => {}
            Action::Fail { cause } => {
                self.expect(self.resolved && self.untried.is_empty(), || format!("{cause}, but there is hope"));
                let by_name = matches!(cause, Cause::Dns(_));
                let sockets = self.sockets.len();
                self.expect(by_name == (sockets == 0), || format!("{cause} after {sockets} sockets"));
                self.end(End::Failed(cause.clone()));
            }
        }
    }

    /// All of its decisions are carried out.
    pub(super) fn settled(&mut self, timer: Option<Timestamp>) {
        if self.ended.0.is_end() {
            self.expect(timer.is_none(), || String::from("a timer is set behind the end"));
            let left = std::mem::take(&mut self.open);
            self.expect(left.is_empty(), || format!("sockets are left open: {left:?}"));
            return;
        }
        let full = self.open.len() >= usize::from(self.scene.race.max_sockets());
        let idle = timer.is_none() && self.open.is_empty() && self.resolved;
        self.expect(!idle, || String::from("it waits for nothing"));
        let waits = timer.is_some() || full || self.untried.is_empty();
        self.expect(waits, || String::from("addresses wait without a timer"));
    }

    fn connect(&mut self, attempt: AttemptId, address: IpAddr) {
        let (now, race) = (self.now, self.scene.race);
        self.expect(!self.ended.0.is_end(), || format!("{address} is tried behind the end"));
        self.expect(!self.is_open(attempt), || format!("{attempt:?} is begun twice"));
        let by_name = matches!(self.scene.hop, Hop::Name { .. });
        let untried = self.untried.iter().position(|&other| other == address);
        self.expect(untried.is_some() || !by_name, || format!("{address} is not to be tried"));
        let ready = self.ready.is_some_and(|ready| ready <= now);
        self.expect(ready, || format!("{address} is tried before the answers are worth it"));
        if let Some(&(last, at)) = self.sockets.last() {
            let apart = now - at >= race.attempt_delay() || self.failed_since || self.open.is_empty();
            self.expect(apart, || format!("{address} is tried {:?} after {last}", now - at));
            let others = self.untried.iter().any(|other| other.is_ipv6() != last.is_ipv6());
            let alternates = address.is_ipv6() != last.is_ipv6() || !others;
            self.expect(alternates, || format!("{address} follows {last}, and the other family waits"));
        }
        if let Some(at) = untried {
            self.untried.remove(at);
        }
        self.open.insert(attempt, address);
        let most = usize::from(race.max_sockets());
        self.expect(self.open.len() <= most, || format!("more than {most} sockets at once"));
        self.sockets.push((address, now));
        self.failed_since = false;
    }

    /// A way that is open costs no more than a delay for each address tried before it.
    fn in_time(&mut self, address: IpAddr) {
        let Some(begun) = self.sockets.iter().position(|&(other, _)| other == address) else { return };
        let crowded = begun >= usize::from(self.scene.race.max_sockets());
        let late_timer = !self.scene.timer_late.is_zero();
        if let (Some(ready), false, false) = (self.ready, crowded, late_timer) {
            let at = self.sockets[begun].1;
            let tried = u32::try_from(begun).unwrap_or(u32::MAX);
            // Some addresses may have become known later than the first.
            let known = self.scene.answers.iter().map(|(after, _)| Timestamp::ZERO + *after).max();
            let latest = ready.max(known.unwrap_or(ready)) + self.scene.race.attempt_delay() * tried;
            self.expect(at <= latest, || format!("{address} is tried at {at}, and could have been by {latest}"));
        }
    }

    fn enter(&mut self, stage: Stage) {
        let before = self.stage.replace(stage);
        let rises = before.is_none_or(|before| before < stage);
        self.expect(rises, || format!("{stage} behind {before:?}"));
        let used = matches!(self.ended.0, End::Used(_));
        let fits = match stage {
            Stage::Resolve => matches!(self.scene.hop, Hop::Name { .. }),
            Stage::Connect => !used,
            Stage::Proxy => used && self.scene.proxy,
            Stage::Tls => used && self.scene.tls && self.scene.proxy == (before == Some(Stage::Proxy)),
            Stage::Upgrade => used && self.scene.tls == (before == Some(Stage::Tls)),
            _ => false,
        };
        self.expect(fits, || format!("{stage} behind {before:?} in the wrong place"));
    }

    fn end(&mut self, end: End) {
        let again = self.ended.0.is_end();
        self.expect(!again, || format!("{end:?} behind the end"));
        let left = std::mem::take(&mut self.open);
        self.expect(left.is_empty(), || format!("at the end, sockets are open: {left:?}"));
        self.ended = (end, self.now);
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(format!("{}: {}", self.now, what()));
        }
    }
}
