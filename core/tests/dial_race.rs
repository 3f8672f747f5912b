//! How addresses race (RFC 8305), and which stage an attempt is in.

use core::{net::SocketAddr, time::Duration};

use steadfast_core::{
    Cause, DnsKind, IoKind, Stage, Timestamp,
    dial::{Action, AttemptId, Dialer, Event, Hop, Peer, Race, Route},
};

/// A dialer, its clock, and what it said last.
struct Rig {
    dialer: Dialer,
    now: Timestamp,
    timer: Option<Timestamp>,
}

impl Rig {
    fn new(race: Race, attempt: u32) -> Self {
        Self::on(Route::direct(Hop::new("example.com", 443)), race, attempt)
    }

    fn on(route: Route, race: Race, attempt: u32) -> Self {
        Self { dialer: Dialer::new(route, race, attempt), now: Timestamp::ZERO, timer: None }
    }

    /// Started, with its name resolved to these at once.
    fn resolved(addresses: &[&str]) -> Self {
        let mut rig = Self::new(Race::default(), 1);
        rig.tell(Event::Start);
        rig.answer(addresses, false);
        rig
    }

    /// What it does at this, in words, timers aside.
    fn tell(&mut self, event: Event<'_>) -> Vec<String> {
        let mut said = Vec::new();
        for action in self.dialer.handle(self.now, event) {
            match action {
                Action::SetTimer { at } => {
                    assert!(at > self.now, "a timer is always in the future");
                    self.timer = Some(at);
                }
                Action::CancelTimer => self.timer = None,
                Action::Enter { stage } => said.push(format!("enter {stage}")),
                Action::Resolve => said.push("resolve".into()),
                Action::Connect { attempt, to } => said.push(format!("{} to {to}", attempt.0)),
                Action::Cancel { attempt } => said.push(format!("cancel {}", attempt.0)),
                Action::Use { attempt } => said.push(format!("use {}", attempt.0)),
                Action::Fail { cause } => said.push(format!("fail: {cause}")),
            }
        }
        said
    }

    fn answer(&mut self, addresses: &[&str], more: bool) -> Vec<String> {
        let parsed: Vec<_> =
            addresses.iter().map(|text| SocketAddr::new(text.parse().expect("an address"), 0)).collect();
        self.tell(Event::Resolved { addresses: &parsed, more })
    }

    fn fail(&mut self, attempt: u32, kind: IoKind) -> Vec<String> {
        self.tell(Event::Failed { attempt: AttemptId(attempt), kind })
    }

    fn connect(&mut self, attempt: u32) -> Vec<String> {
        self.tell(Event::Connected { attempt: AttemptId(attempt) })
    }

    /// Lets the time pass, and the timer fire if it was set for then.
    fn pass(&mut self, millis: u64) -> Vec<String> {
        self.now = self.now + Duration::from_millis(millis);
        match self.timer.take_if(|at| *at <= self.now) {
            Some(_) => self.tell(Event::TimerFired),
            None => Vec::new(),
        }
    }

    fn due_in(&self) -> Option<Duration> {
        self.timer.map(|at| at - self.now)
    }
}

const NOTHING: [&str; 0] = [];

mod resolving {
    use super::*;

    #[test]
    fn a_name_is_asked_for_before_anything_is_connected() {
        let mut rig = Rig::new(Race::default(), 1);
        assert_eq!(rig.tell(Event::Start), ["enter resolve", "resolve"]);
        assert_eq!(rig.tell(Event::Start), NOTHING);
        assert_eq!(rig.answer(&["192.0.2.1"], false), ["enter connect", "1 to 192.0.2.1:443"]);
    }

    #[test]
    fn an_address_is_connected_to_as_it_is() {
        for (hop, to) in [(Hop::new("[2001:db8::1]", 80), "1 to [2001:db8::1]:80"), (Hop::Local, "1 to a local socket")]
        {
            let mut rig = Rig::on(Route::direct(hop), Race::default(), 7);
            assert_eq!(rig.tell(Event::Start), ["enter connect", to]);
            assert_eq!(rig.due_in(), None);
        }
    }

    #[test]
    fn a_name_that_is_not_found_fails_in_its_stage() {
        let mut rig = Rig::new(Race::default(), 1);
        rig.tell(Event::Start);
        assert_eq!(rig.tell(Event::Unresolved { kind: DnsKind::Unavailable }), ["fail: the resolver did not answer"]);
        assert_eq!(Cause::Dns(DnsKind::Unavailable).stage(), Some(Stage::Resolve));
        let mut rig = Rig::new(Race::default(), 1);
        rig.tell(Event::Start);
        assert_eq!(rig.answer(&[], false), ["fail: the name was not found"]);
    }

    #[test]
    fn the_hops_port_and_the_scope_of_an_address_are_kept() {
        let mut rig = Rig::new(Race::default(), 1);
        rig.tell(Event::Start);
        let scoped: SocketAddr = "[fe80::1%3]:9".parse().expect("an address");
        let said = rig.tell(Event::Resolved { addresses: &[scoped], more: false });
        assert_eq!(said, ["enter connect", "1 to [fe80::1%3]:443"]);
    }

    /// RFC 8305 §3.
    #[test]
    fn an_answer_with_ipv6_begins_the_race_at_once() {
        let mut rig = Rig::new(Race::default(), 1);
        rig.tell(Event::Start);
        assert_eq!(rig.answer(&["2001:db8::1"], true), ["enter connect", "1 to [2001:db8::1]:443"]);
    }

    /// RFC 8305 §3, Resolution Delay.
    #[test]
    fn an_answer_without_ipv6_waits_50_ms_for_the_other() {
        let mut rig = Rig::new(Race::default(), 1);
        rig.tell(Event::Start);
        assert_eq!(rig.answer(&["192.0.2.1"], true), NOTHING);
        assert_eq!(rig.due_in(), Some(Duration::from_millis(50)));
        assert_eq!(rig.pass(49), NOTHING);
        assert_eq!(rig.answer(&["2001:db8::1"], false), ["enter connect", "1 to [2001:db8::1]:443"]);
        assert_eq!(rig.pass(250), ["2 to 192.0.2.1:443"]);
    }

    #[test]
    fn ipv4_goes_ahead_when_the_other_answer_does_not_come() {
        let mut rig = Rig::new(Race::default(), 1);
        rig.tell(Event::Start);
        rig.answer(&["192.0.2.1"], true);
        assert_eq!(rig.pass(50), ["enter connect", "1 to 192.0.2.1:443"]);
        // RFC 8305 §3: late addresses join the race.
        assert_eq!(rig.pass(100), NOTHING);
        assert_eq!(rig.answer(&["2001:db8::1"], false), NOTHING);
        assert_eq!(rig.due_in(), Some(Duration::from_millis(150)));
        assert_eq!(rig.pass(150), ["2 to [2001:db8::1]:443"]);
    }

    /// RFC 8305 §3: a negative answer for AAAA ends the delay.
    #[test]
    fn ipv4_goes_ahead_when_the_other_answer_is_empty() {
        let mut rig = Rig::new(Race::default(), 1);
        rig.tell(Event::Start);
        rig.answer(&["192.0.2.1"], true);
        assert_eq!(rig.answer(&[], false), ["enter connect", "1 to 192.0.2.1:443"]);
    }

    #[test]
    fn an_empty_answer_before_another_waits_for_that() {
        let mut rig = Rig::new(Race::default(), 1);
        rig.tell(Event::Start);
        assert_eq!(rig.answer(&[], true), NOTHING);
        assert_eq!(rig.due_in(), None);
        assert_eq!(rig.answer(&["192.0.2.1"], false), ["enter connect", "1 to 192.0.2.1:443"]);
    }

    #[test]
    fn a_resolver_that_fails_after_its_first_answer_leaves_that() {
        let mut rig = Rig::new(Race::default(), 1);
        rig.tell(Event::Start);
        rig.answer(&["192.0.2.1"], true);
        let failed = Event::Unresolved { kind: DnsKind::Unavailable };
        assert_eq!(rig.tell(failed), ["enter connect", "1 to 192.0.2.1:443"]);
        assert_eq!(rig.fail(1, IoKind::Refused), ["fail: connect: connection refused"]);
    }

    #[test]
    fn all_addresses_may_fail_before_the_last_answer() {
        let mut rig = Rig::new(Race::default(), 1);
        rig.tell(Event::Start);
        rig.answer(&["2001:db8::1"], true);
        assert_eq!(rig.fail(1, IoKind::Unreachable), NOTHING);
        assert_eq!(rig.due_in(), None);
        assert_eq!(rig.answer(&["192.0.2.1"], false), ["2 to 192.0.2.1:443"]);
    }

    #[test]
    fn answers_after_the_last_change_nothing() {
        let mut rig = Rig::resolved(&["192.0.2.1"]);
        assert_eq!(rig.answer(&["192.0.2.2"], false), NOTHING);
        assert_eq!(rig.fail(1, IoKind::Refused), ["fail: connect: connection refused"]);
    }
}

mod racing {
    use super::*;

    /// RFC 8305 §5, Connection Attempt Delay; §4, interleaving.
    #[test]
    fn families_take_turns_250_ms_apart() {
        let mut rig = Rig::resolved(&["2001:db8::1", "2001:db8::2", "192.0.2.1"]);
        assert_eq!(rig.due_in(), Some(Duration::from_millis(250)));
        assert_eq!(rig.pass(249), NOTHING);
        assert_eq!(rig.pass(1), ["2 to 192.0.2.1:443"]);
        assert_eq!(rig.pass(250), ["3 to [2001:db8::2]:443"]);
        assert_eq!(rig.due_in(), None);
    }

    #[test]
    fn the_delay_can_be_set() {
        let race = Race::default().with_attempt_delay(Duration::from_millis(10)).expect("a delay");
        let mut rig = Rig::new(race, 1);
        rig.tell(Event::Start);
        rig.answer(&["192.0.2.1", "192.0.2.2"], false);
        assert_eq!(rig.pass(10), ["2 to 192.0.2.2:443"]);
    }

    #[test]
    fn what_the_rfc_does_not_allow_is_refused() {
        let race = Race::default();
        for (error, field) in [
            (race.with_attempt_delay(Duration::from_millis(9)), "race.attempt_delay"),
            (race.with_attempt_delay(Duration::from_millis(2_001)), "race.attempt_delay"),
            (race.with_resolution_delay(Duration::from_millis(2_001)), "race.resolution_delay"),
            (race.with_max_sockets(0), "race.max_sockets"),
            (race.with_max_sockets(33), "race.max_sockets"),
            (race.with_max_addresses(0), "race.max_addresses"),
            (race.with_max_addresses(101), "race.max_addresses"),
        ] {
            assert_eq!(error.expect_err(field).field(), field);
        }
    }

    #[test]
    fn a_failure_begins_the_next_at_once() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        assert_eq!(rig.pass(100), NOTHING);
        assert_eq!(rig.fail(1, IoKind::Refused), ["2 to 192.0.2.2:443"]);
        assert_eq!(rig.due_in(), Some(Duration::from_millis(250)));
    }

    #[test]
    fn the_first_to_connect_wins_and_all_others_are_cancelled() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
        rig.pass(250);
        rig.pass(250);
        assert_eq!(rig.connect(2), ["cancel 1", "cancel 3", "use 2", "enter upgrade"]);
        assert_eq!(rig.due_in(), None);
        assert_eq!(rig.pass(10_000), NOTHING);
    }

    #[test]
    fn a_socket_that_connects_when_the_next_is_due_wins() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2"]);
        rig.now = rig.now + Duration::from_millis(300);
        assert_eq!(rig.connect(1), ["use 1", "enter upgrade"]);
    }

    #[test]
    fn late_events_of_sockets_that_were_cancelled_change_nothing() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2"]);
        rig.pass(250);
        rig.connect(1);
        assert_eq!(rig.connect(2), NOTHING);
        assert_eq!(rig.fail(2, IoKind::Reset), NOTHING);
        assert_eq!(rig.fail(1, IoKind::Reset), NOTHING);
        assert_eq!(rig.tell(Event::Unresolved { kind: DnsKind::NotFound }), NOTHING);
        assert_eq!(rig.dialer.stage(), Stage::Upgrade);
    }

    #[test]
    fn a_socket_fails_once() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        assert_eq!(rig.fail(1, IoKind::Refused), ["2 to 192.0.2.2:443"]);
        assert_eq!(rig.fail(1, IoKind::Refused), NOTHING);
        assert_eq!(rig.connect(1), NOTHING);
        assert_eq!(rig.connect(9), NOTHING);
    }

    #[test]
    fn when_none_is_left_the_most_telling_failure_counts() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        rig.fail(1, IoKind::Unreachable);
        rig.fail(2, IoKind::Refused);
        assert_eq!(rig.fail(3, IoKind::TimedOut), ["fail: connect: connection refused"]);
        assert_eq!(rig.dialer.stage(), Stage::Connect);
    }

    #[test]
    fn no_more_sockets_are_under_way_than_allowed() {
        let race = Race::default().with_max_sockets(2).expect("a number");
        let mut rig = Rig::new(race, 1);
        rig.tell(Event::Start);
        rig.answer(&["192.0.2.1", "192.0.2.2", "192.0.2.3"], false);
        assert_eq!(rig.pass(250), ["2 to 192.0.2.2:443"]);
        assert_eq!(rig.due_in(), None);
        assert_eq!(rig.pass(10_000), NOTHING);
        assert_eq!(rig.fail(1, IoKind::TimedOut), ["3 to 192.0.2.3:443"]);
    }

    #[test]
    fn a_resolver_that_names_hundreds_is_cut_short_in_each_family() {
        let race = Race::default().with_max_addresses(2).expect("a number");
        let mut rig = Rig::new(race, 1);
        rig.tell(Event::Start);
        let many: Vec<String> = (1..200).map(|last| format!("192.0.2.{last}")).collect();
        let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
        many.push("2001:db8::1");
        assert_eq!(rig.answer(&many, false).last().map(String::as_str), Some("1 to 192.0.2.1:443"));
        assert_eq!(rig.fail(1, IoKind::Refused), ["2 to [2001:db8::1]:443"]);
        assert_eq!(rig.fail(2, IoKind::Refused), ["3 to 192.0.2.2:443"]);
        assert_eq!(rig.fail(3, IoKind::Refused), ["fail: connect: connection refused"]);
    }

    #[test]
    fn each_attempt_of_the_session_begins_with_the_next_address() {
        let first = |attempt| {
            let mut rig = Rig::new(Race::default(), attempt);
            rig.tell(Event::Start);
            rig.answer(&["2001:db8::1", "192.0.2.1", "192.0.2.2"], false).pop()
        };
        let firsts: Vec<_> = [0, 1, 2, 3, 4, u32::MAX].into_iter().filter_map(first).collect();
        let [a, b, c] = ["1 to [2001:db8::1]:443", "1 to 192.0.2.1:443", "1 to 192.0.2.2:443"];
        assert_eq!(firsts, [a, a, b, c, a, c]);
    }
}

mod time {
    use super::*;

    #[test]
    fn a_timer_that_fires_early_is_set_again() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2"]);
        let due = rig.timer.take();
        assert_eq!(rig.tell(Event::TimerFired), NOTHING);
        assert_eq!(rig.timer, due);
    }

    #[test]
    fn a_timer_that_fires_late_begins_one_socket_and_not_all() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        assert_eq!(rig.pass(3_600_000), ["2 to 192.0.2.2:443"]);
        assert_eq!(rig.due_in(), Some(Duration::from_millis(250)));
    }

    #[test]
    fn a_clock_that_goes_back_stands_still() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
        rig.pass(250);
        let latest = rig.now;
        rig.now = Timestamp::ZERO;
        assert_eq!(rig.fail(1, IoKind::Refused), ["3 to 192.0.2.3:443"]);
        assert_eq!(rig.timer, Some(latest + Duration::from_millis(250)));
    }

    #[test]
    fn actions_that_nobody_takes_do_not_pile_up() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2"]);
        for _ in 0..100 {
            let _ = rig.dialer.handle(rig.now, Event::TimerFired);
        }
        assert_eq!(rig.dialer.handle(rig.now, Event::TimerFired).count(), 1);
    }

    #[test]
    fn what_was_not_taken_comes_first_the_next_time() {
        let mut dialer = Dialer::new(Route::direct(Hop::new("192.0.2.1", 80)), Race::default(), 1);
        let _ = dialer.handle(Timestamp::ZERO, Event::Start);
        let actions: Vec<_> = dialer.handle(Timestamp::ZERO, Event::TimerFired).collect();
        let to = Peer::Tcp("192.0.2.1:80".parse().expect("an address"));
        let connect = Action::Connect { attempt: AttemptId(1), to };
        assert_eq!(actions, [Action::Enter { stage: Stage::Connect }, connect]);
    }

    #[test]
    fn a_socket_that_was_never_begun_need_not_be_cancelled() {
        let mut dialer = Dialer::new(Route::direct(Hop::new("192.0.2.1", 80)), Race::default(), 1);
        let _ = dialer.handle(Timestamp::ZERO, Event::Start);
        let actions: Vec<_> = dialer.handle(Timestamp::ZERO, Event::Cancel).collect();
        assert_eq!(actions, [Action::Enter { stage: Stage::Connect }]);
    }
}

mod stages {
    use super::*;

    #[test]
    fn the_stages_follow_each_other() {
        let route = Route::direct(Hop::new("proxy.example", 3128)).through_proxy().with_tls();
        let mut rig = Rig::on(route, Race::default(), 1);
        assert_eq!(rig.dialer.stage(), Stage::Resolve);
        assert_eq!(rig.tell(Event::Start), ["enter resolve", "resolve"]);
        assert_eq!(rig.answer(&["192.0.2.1"], false), ["enter connect", "1 to 192.0.2.1:3128"]);
        assert_eq!(rig.connect(1), ["use 1", "enter proxy"]);
        assert_eq!(rig.tell(Event::Tunnelled), ["enter TLS"]);
        assert_eq!(rig.tell(Event::Secured), ["enter upgrade"]);
        assert_eq!(rig.tell(Event::Opened), NOTHING);
    }

    #[test]
    fn a_route_without_proxy_or_tls_has_no_such_stages() {
        for (route, stage) in [
            (Route::direct(Hop::Local), Stage::Upgrade),
            (Route::direct(Hop::Local).with_tls(), Stage::Tls),
            (Route::direct(Hop::Local).through_proxy(), Stage::Proxy),
        ] {
            let mut rig = Rig::on(route, Race::default(), 1);
            rig.tell(Event::Start);
            rig.connect(1);
            assert_eq!(rig.dialer.stage(), stage);
        }
        let mut rig = Rig::on(Route::direct(Hop::Local).through_proxy(), Race::default(), 1);
        rig.tell(Event::Start);
        rig.connect(1);
        assert_eq!(rig.tell(Event::Tunnelled), ["enter upgrade"]);
    }

    #[test]
    fn a_stage_that_is_told_too_early_changes_nothing() {
        let mut rig = Rig::on(Route::direct(Hop::Local).through_proxy().with_tls(), Race::default(), 1);
        for event in [Event::Tunnelled, Event::Secured, Event::Opened, Event::TimerFired] {
            assert_eq!(rig.tell(event), NOTHING);
        }
        rig.tell(Event::Start);
        for event in [Event::Tunnelled, Event::Secured, Event::Opened] {
            assert_eq!(rig.tell(event), NOTHING);
        }
        rig.connect(1);
        assert_eq!(rig.tell(Event::Secured), NOTHING);
        assert_eq!(rig.dialer.stage(), Stage::Proxy);
    }

    #[test]
    fn a_stream_that_is_lost_names_the_stage() {
        let mut rig = Rig::on(Route::direct(Hop::Local).with_tls(), Race::default(), 1);
        rig.tell(Event::Start);
        rig.connect(1);
        let cause = rig.dialer.lost(IoKind::Eof);
        assert_eq!(cause, Cause::Dial { stage: Stage::Tls, kind: IoKind::Eof });
        assert_eq!((cause.stage(), cause.to_string().as_str()), (Some(Stage::Tls), "TLS: the stream ended"));
    }

    #[test]
    fn what_is_cancelled_is_over() {
        let mut rig = Rig::resolved(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        rig.pass(250);
        assert_eq!(rig.tell(Event::Cancel), ["cancel 1", "cancel 2"]);
        assert_eq!(rig.due_in(), None);
        assert_eq!(rig.connect(1), NOTHING);
        assert_eq!(rig.tell(Event::Start), NOTHING);
        assert_eq!(rig.tell(Event::Cancel), NOTHING);
        let mut never = Rig::new(Race::default(), 1);
        assert_eq!(never.tell(Event::Cancel), NOTHING);
        assert_eq!(never.tell(Event::Start), NOTHING);
    }

    #[test]
    fn a_winner_is_not_cancelled_by_the_dialer() {
        let mut rig = Rig::resolved(&["192.0.2.1"]);
        rig.connect(1);
        assert_eq!(rig.tell(Event::Cancel), NOTHING);
        assert_eq!(rig.tell(Event::Opened), NOTHING);
    }
}
