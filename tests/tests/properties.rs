//! What holds for every scenario: proptest makes them and shrinks them, the checker judges.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, test_runner::Config as Proptest};
use steadfast_core::{
    Cause, CloseFrame, ConnId, Delivery, Event, IoKind, Key, Lane, Message, MessageId, Network, PingPayload,
    SendOptions, Session, Stage, Timestamp,
    config::{Config, Heartbeat, Pace},
};
use steadfast_sim::{Checker, Machine, Scenario};

fn cases(cases: u32) -> Proptest {
    Proptest { cases, max_shrink_iters: 4_000, failure_persistence: None, ..Proptest::default() }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn every_scenario_keeps_the_contract(scenario: Scenario) {
        let report = scenario.run().expect("drawn settings are possible");
        prop_assert!(report.violations.is_empty(), "{report}");
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn the_same_scenario_gives_the_same_run(scenario: Scenario) {
        let (once, again) = (scenario.run().unwrap(), scenario.run().unwrap());
        prop_assert_eq!(once, again);
    }

    #[test]
    fn a_scenario_that_was_written_down_is_the_same_scenario(scenario: Scenario) {
        let json = serde_json::to_string(&scenario).unwrap();
        let read: Scenario = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(read.run().unwrap().digest, scenario.run().unwrap().digest);
    }
}

#[test]
fn a_thousand_seeds_keep_the_contract() {
    for seed in 0..1_000 {
        let report = Scenario::from_seed(seed).run().expect("drawn settings are possible");
        assert!(report.violations.is_empty(), "seed {seed}: {report}");
    }
}

/// At-least-once over a good server, whatever broke before: nothing is lost, and the order is kept.
#[test]
fn first_arrivals_keep_the_order_in_which_messages_were_sent() {
    for seed in 0..200 {
        let mut scenario = Scenario::from_seed(seed);
        scenario.ahead = 0;
        // What is another identity's is not sent again, and may come late from the connection before.
        scenario.config.credentials = None;
        scenario
            .steps
            .retain(|step| !matches!(step, steadfast_sim::Step::Again { .. } | steadfast_sim::Step::Identity(_)));
        for step in &mut scenario.steps {
            match step {
                // One that may not be sent again may arrive late, from the connection before.
                steadfast_sim::Step::Send { delivery, bound, max_resends, .. } => {
                    (*delivery, *bound, *max_resends) = (Delivery::AtLeastOnce, false, None);
                }
                steadfast_sim::Step::SendWith { options, .. } => *options = SendOptions::new(Delivery::AtLeastOnce),
                _ => {}
            }
        }
        let report = scenario.run().expect("drawn settings are possible");
        assert_eq!(report.arrived.overtaken, 0, "seed {seed}: {report}");
    }
}

fn conn() -> impl Strategy<Value = ConnId> {
    (0..4_u64).prop_map(ConnId)
}

fn id() -> impl Strategy<Value = MessageId> {
    (0..12_u64).prop_map(MessageId)
}

fn options() -> impl Strategy<Value = SendOptions> {
    let delivery = prop_oneof![Just(Delivery::AtLeastOnce), Just(Delivery::AtMostOnce), Just(Delivery::Volatile)];
    let lane = prop_oneof![Just(Lane::Data), Just(Lane::Control)];
    let ttl = proptest::option::weighted(
        0.3,
        prop_oneof![(0..20_000_u64).prop_map(Duration::from_millis), any::<Duration>()],
    );
    let key = proptest::option::weighted(0.3, (0..3_u64).prop_map(Key));
    (delivery, proptest::option::weighted(0.3, conn()), proptest::option::of(0..2_u32), ttl, lane, key).prop_map(
        |(delivery, bound_to, max_resends, ttl, lane, key)| SendOptions {
            delivery,
            bound_to,
            max_resends,
            ttl,
            lane,
            key,
            // There is no store.
            durable: false,
        },
    )
}

fn cause() -> impl Strategy<Value = Cause> {
    let frame = (999..5_001_u16)
        .prop_map(|code| Cause::Closed(CloseFrame { code: steadfast_core::CloseCode(code), reason: String::new() }));
    let rejected = (100..600_u16, proptest::option::of(any::<Duration>()))
        .prop_map(|(status, retry_after)| Cause::Rejected { status, retry_after });
    prop_oneof![frame, rejected, Just(Cause::Io(IoKind::Reset)), Just(Cause::Aborted), Just(Cause::Stopped)]
}

fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    let pace = (any::<Duration>(), any::<Duration>(), any::<u32>())
        .prop_map(|(interval, timeout, missed_allowed)| Pace { interval, timeout, missed_allowed });
    let short = (1..3_000_u64, 1..3_000_u64, 0..3_u32).prop_map(|(interval, timeout, missed_allowed)| Pace {
        interval: Duration::from_millis(interval),
        timeout: Duration::from_millis(timeout),
        missed_allowed,
    });
    let text = |pace| Heartbeat::Text { pace, ping: "ping".into(), pong: "pong".into(), deliver: false };
    prop_oneof![
        Just(Heartbeat::Off),
        pace.prop_map(Heartbeat::Ping),
        short.clone().prop_map(Heartbeat::Ping),
        short.prop_map(text),
        (1..5_000_u64).prop_map(|millis| Heartbeat::Idle { timeout: Duration::from_millis(millis) }),
    ]
}

/// Any event, about any connection and any message, sensible or not.
fn event() -> impl Strategy<Value = Event<'static>> {
    prop_oneof![
        3 => Just(Event::Start),
        1 => proptest::option::of(any::<Duration>()).prop_map(|drain| Event::Stop { frame: CloseFrame::NORMAL, drain }),
        2 => Just(Event::ReconnectNow),
        6 => (id(), vec(any::<u8>(), 0..50), options())
            .prop_map(|(id, bytes, options)| Event::Send { id, message: Message::binary(bytes), options }),
        2 => id().prop_map(|id| Event::Cancel { id }),
        1 => heartbeat().prop_map(Event::SetHeartbeat),
        3 => (conn(), proptest::sample::select(Stage::ALL.to_vec())).prop_map(|(conn, stage)| Event::Dialing { conn, stage }),
        6 => (conn(), any::<bool>()).prop_map(|(conn, can_ping)| Event::Opened { conn, can_ping }),
        2 => conn().prop_map(|conn| Event::Ready { conn }),
        2 => (conn(), any::<bool>()).prop_map(|(conn, pong)| Event::Received {
            conn,
            message: Message::text(if pong { "pong" } else { "news" }),
        }),
        1 => conn().prop_map(|conn| Event::Activity { conn }),
        1 => (conn(), any::<[u8; 8]>()).prop_map(|(conn, nonce)| Event::Pong { conn, payload: PingPayload(nonce) }),
        2 => (conn(), any::<u64>()).prop_map(|(conn, bytes)| Event::Wrote { conn, bytes }),
        3 => (conn(), id()).prop_map(|(conn, up_to)| Event::Flushed { conn, up_to }),
        3 => (conn(), proptest::option::of(id())).prop_map(|(conn, overtook)| Event::PingFlushed { conn, overtook }),
        1 => conn().prop_map(|conn| Event::ReadsPaused { conn }),
        1 => conn().prop_map(|conn| Event::ReadsResumed { conn }),
        3 => (conn(), cause(), proptest::option::of(id()))
            .prop_map(|(conn, cause, untouched_from)| Event::Closed { conn, cause, untouched_from }),
        4 => Just(Event::TimerFired),
        1 => prop_oneof![Just(Network::Online), Just(Network::Offline), Just(Network::Changed)].prop_map(Event::Network),
        1 => any::<Duration>().prop_map(|gap| Event::Resumed { gap }),
    ]
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => (0..60_000_000_u64).prop_map(Timestamp::from_micros),
        1 => any::<u64>().prop_map(Timestamp::from_micros),
        1 => Just(Timestamp::MAX),
    ]
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn no_event_makes_the_session_panic(seed: u64, events in vec((time(), event()), 0..80)) {
        let mut session = Session::new(Config::default(), seed);
        for (now, event) in events {
            session.handle(now, event).for_each(drop);
        }
        let _ = (session.state(), session.metrics());
    }

    #[test]
    fn what_is_not_taken_comes_first_the_next_time(seed: u64, events in vec((time(), event()), 0..40)) {
        let mut greedy = Session::new(Config::default(), seed);
        let mut lazy = greedy.clone();
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        for (now, event) in events {
            let sent = matches!(event, Event::Closed { .. } | Event::SetHeartbeat(_));
            Machine::handle(&mut greedy, now, event.clone(), &mut |action| taken.push(format!("{action:?}")));
            // One that is over takes what is for it with it, so that everything is taken before.
            let most = if sent { usize::MAX } else { 1 };
            left.extend(lazy.handle(now, event).take(most).map(|action| format!("{action:?}")));
            if most == 1 {
                left.extend(lazy.handle(now, Event::Cancel { id: MessageId(u64::MAX) }).map(|action| format!("{action:?}")));
                Machine::handle(&mut greedy, now, Event::Cancel { id: MessageId(u64::MAX) }, &mut |action| {
                    taken.push(format!("{action:?}"));
                });
            }
        }
        prop_assert_eq!(taken, left);
    }
}

proptest! {
    #![proptest_config(cases(600))]

    /// The clauses that hold for any driver, even one that says what makes no sense.
    #[test]
    fn nonsense_breaks_nothing_that_the_session_answers_for(seed: u64, events in vec((0..9_000_000_u64, event()), 0..80)) {
        use steadfast_sim::Clause as C;
        let config = Config::default();
        let mut session = Session::new(config.clone(), seed);
        let mut checker = Checker::new(&config);
        let mut now = Timestamp::ZERO;
        for (micros, event) in events {
            now = now + Duration::from_micros(micros);
            checker.event(now, &event);
            session.handle(now, event).for_each(|action| checker.action(&action));
            checker.handled(&session.state());
        }
        let always = [
            C::OneConnection, C::ConnIdsRise, C::TimerInFuture, C::OneVerdict, C::ComesBack, C::SettledFirst,
            C::SendsOwed, C::InOrder, C::ResendsAllowed, C::OutboxBounded, C::HandOverBounded, C::HandedOverKept,
            C::StateTold, C::StoppedStays, C::CancelAnswered, C::LanesTakeTurns, C::ExpiresInTime, C::NewestOfKey,
            C::GoesAtOnce, C::WatermarksTurn,
        ];
        for violation in checker.violations() {
            prop_assert!(!always.contains(&violation.clause), "{violation}");
        }
    }
}
