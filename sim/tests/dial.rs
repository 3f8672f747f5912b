//! The dialer over simulated time, and the judge of it.

use std::{net::IpAddr, time::Duration};

use steadfast_core::{
    Cause, DnsKind, IoKind, Stage, Timestamp,
    dial::{Action, AttemptId, Dialer, Event, Hop, Race, Route},
};
use steadfast_sim::dial::{Answer, Dials, End, Report, Scene, Way};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn accepts(after: u64) -> Way {
    Way::Accepts { after: millis(after) }
}

fn fails(after: u64, kind: IoKind) -> Way {
    Way::Fails { after: millis(after), kind }
}

fn clean(scene: &Scene) -> Report {
    let report = scene.run();
    report.expect_clean();
    report
}

const V6: &str = "2001:db8::1";
const V4: &str = "192.0.2.1";

mod scenes {
    use super::*;

    #[test]
    fn a_broken_family_costs_one_delay_and_not_a_timeout() {
        let report = clean(&Scene::resolved(&[V6, V4]).way(V4, accepts(30)));
        assert_eq!((report.end, report.at.as_micros()), (End::Used(address(V4)), 280_000));
    }

    #[test]
    fn a_family_that_is_refused_costs_one_round_trip() {
        let scene = Scene::resolved(&[V6, V4]).way(V6, fails(20, IoKind::Refused)).way(V4, accepts(30));
        assert_eq!(clean(&scene).at.as_micros(), 50_000);
    }

    #[test]
    fn a_slow_winner_beats_a_fast_latecomer_that_begins_too_late() {
        let scene = Scene::resolved(&[V6, V4]).way(V6, accepts(260)).way(V4, accepts(30));
        let report = clean(&scene);
        assert_eq!((report.end, report.sockets.len()), (End::Used(address(V6)), 2));
    }

    #[test]
    fn addresses_that_all_swallow_everything_are_left_to_the_sessions_timeout() {
        let report = clean(&Scene::resolved(&[V6, V4]));
        assert_eq!((report.end, report.sockets.len()), (End::Waiting, 2));
    }

    #[test]
    fn an_attempt_after_another_begins_elsewhere() {
        let first = |attempt| clean(&Scene { attempt, ..Scene::resolved(&[V6, V4]) }).sockets[0].0;
        assert_eq!([1, 2, 3].map(first), [V6, V4, V6].map(address));
    }

    #[test]
    fn all_that_fail_leave_the_most_telling_reason() {
        let scene =
            Scene::resolved(&[V6, V4]).way(V6, fails(0, IoKind::Unreachable)).way(V4, fails(9, IoKind::Refused));
        let cause = Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused };
        assert_eq!(clean(&scene).end, End::Failed(cause));
    }

    #[test]
    fn a_name_that_is_not_there_fails_as_such() {
        let answers = vec![(millis(70), Answer::Failed(DnsKind::NotFound))];
        let report = clean(&Scene { answers, ..Scene::resolved(&[]) });
        assert_eq!((report.end, report.at.as_micros()), (End::Failed(Cause::Dns(DnsKind::NotFound)), 70_000));
    }

    #[test]
    fn a_slow_resolver_of_one_family_holds_nothing_up_for_long() {
        let answers = vec![
            (millis(10), Answer::Found(vec![address(V4)], true)),
            (millis(5_000), Answer::Found(vec![address(V6)], false)),
        ];
        let scene = Scene { answers, ..Scene::resolved(&[]) }.way(V4, accepts(5));
        assert_eq!(clean(&scene).at.as_micros(), 65_000);
    }
}

#[test]
fn every_scene_goes_by_the_contract() {
    let mut ends = [0; 4];
    for seed in 0..20_000 {
        let report = Scene::from_seed(seed).run();
        assert!(report.violations.is_empty(), "seed {seed}: {report:#?}");
        ends[match report.end {
            End::Used(_) => 0,
            End::Failed(_) => 1,
            End::Cancelled => 2,
            End::Waiting => 3,
        }] += 1;
    }
    assert!(ends.iter().all(|&count| count > 500), "each way to end is among them: {ends:?}");
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..200 {
        assert_eq!(Scene::from_seed(seed).run(), Scene::from_seed(seed).run());
    }
}

/// Where some address accepts and the driver keeps time, a stream is found before the addresses before it could time out.
#[test]
fn whoever_can_be_reached_is_reached_unless_it_is_given_up() {
    for seed in 0..5_000 {
        let scene = Scene { cancel_after: None, race: Race::default(), ..Scene::from_seed(seed) };
        let told = match (&scene.hop, scene.answers.last()) {
            (Hop::Address(address), _) => vec![address.ip()],
            _ => scene
                .answers
                .iter()
                .flat_map(|(_, answer)| match answer {
                    Answer::Found(found, _) => found.clone(),
                    Answer::Failed(_) => Vec::new(),
                })
                .collect(),
        };
        let hangs =
            told.iter().filter(|address| !matches!(scene.ways.get(address), Some(way) if *way != Way::Hangs)).count();
        let reachable = told.iter().any(|address| matches!(scene.ways.get(address), Some(Way::Accepts { .. })));
        if reachable && hangs < usize::from(scene.race.max_sockets()) {
            assert!(matches!(scene.run().end, End::Used(_)), "seed {seed}");
        }
    }
}

/// Dialers that are broken on purpose: the judge must catch each.
mod the_judge {
    use super::*;

    struct Broken<F> {
        dialer: Dialer,
        breaks: F,
    }

    impl<F: FnMut(Timestamp, Vec<Action>) -> Vec<Action>> Dials for Broken<F> {
        fn handle(&mut self, now: Timestamp, event: Event<'_>) -> Vec<Action> {
            let actions = self.dialer.handle(now, event).collect();
            (self.breaks)(now, actions)
        }
    }

    /// Whether some scene shows what is wrong with it.
    fn is_caught(mut breaks: impl FnMut(Timestamp, Vec<Action>) -> Vec<Action>) -> bool {
        (0..500).any(|seed| {
            let scene = Scene::from_seed(seed);
            let route = Route::direct(scene.hop.clone());
            let route = if scene.proxy { route.through_proxy() } else { route };
            let route = if scene.tls { route.with_tls() } else { route };
            let dialer = Dialer::new(route, scene.race, scene.attempt);
            !scene.run_with(&mut Broken { dialer, breaks: &mut breaks }).violations.is_empty()
        })
    }

    fn without(drop: impl Fn(&Action) -> bool) -> impl FnMut(Timestamp, Vec<Action>) -> Vec<Action> {
        move |_, mut actions| {
            actions.retain(|action| !drop(action));
            actions
        }
    }

    fn doubled(double: impl Fn(&Action) -> bool) -> impl FnMut(Timestamp, Vec<Action>) -> Vec<Action> {
        move |_, actions| {
            let twice = |action: Action| if double(&action) { vec![action.clone(), action] } else { vec![action] };
            actions.into_iter().flat_map(twice).collect()
        }
    }

    #[test]
    fn the_dialer_itself_is_not_caught() {
        assert!(!is_caught(|_, actions| actions));
    }

    #[test]
    fn losers_that_are_not_cancelled_are_caught() {
        assert!(is_caught(without(|action| matches!(action, Action::Cancel { .. }))));
    }

    #[test]
    fn a_second_stream_is_caught() {
        assert!(is_caught(doubled(|action| matches!(action, Action::Use { .. }))));
    }

    #[test]
    fn a_stream_that_is_not_the_one_connected_is_caught() {
        assert!(is_caught(|_, mut actions| {
            for action in &mut actions {
                if let Action::Use { attempt } = action {
                    *attempt = AttemptId(attempt.0 + 1);
                }
            }
            actions
        }));
    }

    #[test]
    fn a_socket_that_is_begun_twice_is_caught() {
        assert!(is_caught(doubled(|action| matches!(action, Action::Connect { .. }))));
    }

    #[test]
    fn a_timer_that_is_never_set_is_caught() {
        assert!(is_caught(without(|action| matches!(action, Action::SetTimer { .. }))));
    }

    #[test]
    fn a_timer_that_is_left_behind_is_caught() {
        assert!(is_caught(without(|action| matches!(action, Action::CancelTimer))));
    }

    #[test]
    fn a_timer_in_the_past_is_caught() {
        assert!(is_caught(|now, mut actions| {
            for action in &mut actions {
                if let Action::SetTimer { at } = action {
                    *at = now;
                }
            }
            actions
        }));
    }

    #[test]
    fn a_failure_that_is_never_told_is_caught() {
        assert!(is_caught(without(|action| matches!(action, Action::Fail { .. }))));
    }

    #[test]
    fn a_stage_that_is_told_twice_is_caught() {
        assert!(is_caught(doubled(|action| matches!(action, Action::Enter { .. }))));
    }

    #[test]
    fn impatience_is_caught() {
        let hasty = Race::default().with_attempt_delay(millis(10)).expect("a delay");
        assert!((0..500).any(|seed| {
            let scene = Scene { race: Race::default(), proxy: false, tls: false, ..Scene::from_seed(seed) };
            let mut dialer = Dialer::new(Route::direct(scene.hop.clone()), hasty, scene.attempt);
            !scene.run_with(&mut dialer).violations.is_empty()
        }));
    }

    #[test]
    fn a_dialer_that_tries_one_after_the_other_is_caught() {
        let slow = Race::default().with_max_sockets(1).expect("a number");
        assert!((0..500).any(|seed| {
            let scene = Scene { race: Race::default(), proxy: false, tls: false, ..Scene::from_seed(seed) };
            let mut dialer = Dialer::new(Route::direct(scene.hop.clone()), slow, scene.attempt);
            !scene.run_with(&mut dialer).violations.is_empty()
        }));
    }
}
