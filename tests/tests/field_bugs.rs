//! The bugs that users of other clients reported, over simulated time: one test each, named after the bug.
//!
//! Not here, because a session cannot have them: 14 (fallback to another transport is remembered for ever) belongs to
//! the ladder of links, 21 (what the handshake accepts) to the wire, and the second half of 9 and all of 10 (tokens) to
//! the source of credentials; what a session has of 10, a second chain of connections, is tested.

use std::time::Duration;

use steadfast_core::{
    Cause, CloseFrame, Delivery, Event, IoKind, MessageId, Network, Notice, Refusal, SendOptions, Stage, State,
    StopCause, Timestamp, Verdict,
    config::{Backoff, CleanClose, Config, Heartbeat, Pace, Ready, Settings, WhenFull},
};
use steadfast_sim::{
    ClientId, Clock, Command, Commands, Driver, Fault, Heard, Link, ServerModel, Surroundings, Way, World,
};

use steadfast_tests::simulated::Bench;

fn met_by(servers: &[ServerModel]) -> Surroundings {
    Surroundings { servers: servers.to_vec(), ..Surroundings::default() }
}

/// Bug 1: A socket that opens and dies at once resets backoff and hammers the server (phoenix PR 6768).
#[test]
fn bug_01_a_socket_that_opens_and_dies_at_once_does_not_reset_backoff() {
    let mut bench = Bench::new(Settings::default(), met_by(&[ServerModel::DropAfter { after: Duration::ZERO }]));
    bench.start().run(3_600);
    let attempts = bench.memory.attempts().len();
    assert!(attempts < 400, "{attempts} attempts in an hour");
    bench.clean();
}

/// Bug 2: Frequent sending starves the ping, so a partition goes unseen for ten minutes (nats.rs 1593).
#[test]
fn bug_02_frequent_sending_does_not_starve_the_ping() {
    let mut bench = Bench::plain();
    bench.start().fault(Fault::Silence);
    for id in 0..1_200 {
        bench.send(id, Delivery::AtMostOnce).run_millis(50);
    }
    assert_eq!(bench.memory.causes(), [Cause::HeartbeatTimeout]);
    bench.clean();
}

/// Bug 2: Pings left over from the last connection kill the next (nats.rs 648).
#[test]
fn bug_02_a_ping_left_over_from_the_last_connection_does_not_kill_the_next() {
    let around = met_by(&[ServerModel::Silent, ServerModel::Echo]);
    let mut bench = Bench::new(Settings::default(), around);
    bench.start().run(25).fault(Fault::Reset).run(600);
    assert_eq!(bench.memory.causes(), [Cause::Io(IoKind::Reset)]);
    assert!(bench.is_open());
    bench.clean();
}

/// Bug 2: Missed pongs are ignored (nats.rs 955).
#[test]
fn bug_02_missed_pongs_end_the_connection() {
    let mut bench = Bench::new(Settings::default(), met_by(&[ServerModel::Silent, ServerModel::Echo]));
    bench.start().run(60);
    assert_eq!(bench.memory.causes(), [Cause::HeartbeatTimeout]);
    bench.clean();
}

/// Bug 3: `send` said Ok and the message was lost (nats.rs 182; Starscream).
#[test]
fn bug_03_a_message_that_was_accepted_is_not_lost_with_its_connection() {
    let mut bench = Bench::plain();
    bench.start().send(1, Delivery::AtLeastOnce).fault(Fault::Reset).run(60);
    assert_eq!(bench.memory.verdict(1), Some(Verdict::Confirmed));
    assert_eq!(bench.arrived(), [1]);
    bench.clean();
}

/// Bug 3: A write while closed returns and never completes (Starscream).
#[test]
fn bug_03_a_message_sent_after_the_end_comes_back() {
    let mut bench = Bench::plain();
    bench.start().tell(Event::Stop { frame: CloseFrame::NORMAL, drain: None }).run(1);
    bench.send(1, Delivery::AtLeastOnce).run(1);
    assert!(matches!(bench.memory.notices.last(), Some((_, Notice::Refused { why: Refusal::Stopped, .. }))));
    bench.clean();
}

/// Bug 4: New sends overtake buffered ones after a reconnect (socket.io-client 1458).
#[test]
fn bug_04_new_sends_do_not_overtake_buffered_ones() {
    let mut settings = Settings::default();
    settings.confirm.max_messages = 3;
    let mut bench = Bench::new(settings, Surroundings::default());
    bench.start().fault(Fault::Reset);
    for id in 0..50 {
        bench.send(id, Delivery::AtLeastOnce).run_millis(20);
    }
    bench.run(30);
    assert_eq!(bench.arrived(), (0..50).collect::<Vec<_>>());
    bench.clean();
}

/// Bug 5: An ack that never comes while reconnecting leaves the caller hanging (socket.io 3152).
#[test]
fn bug_05_a_message_under_way_at_the_break_gets_its_verdict() {
    let mut bench = Bench::new(Settings::default(), met_by(&[ServerModel::Echo, ServerModel::Refuse]));
    bench.start().send(1, Delivery::AtMostOnce).fault(Fault::Reset).run(10);
    assert_eq!(bench.memory.verdict(1), Some(Verdict::InDoubt));
    bench.clean();
}

/// Bug 5: A socket swap loses the buffer (partykit PR 403).
#[test]
fn bug_05_a_swap_of_sockets_keeps_the_queue() {
    let mut bench = Bench::plain();
    for id in 0..10 {
        bench.send(id, Delivery::AtLeastOnce);
    }
    bench.start().fault(Fault::Close(1_008)).tell(Event::ReconnectNow).run(10);
    assert!((0..10).all(|id| bench.memory.verdict(id) == Some(Verdict::Confirmed)));
    bench.clean();
}

/// Bug 6: A full queue drops silently (reconnecting-websocket 147).
#[test]
fn bug_06_a_full_queue_gives_the_message_back() {
    let mut settings = Settings::default();
    settings.outbox.max_messages = 2;
    let mut bench = Bench::new(settings, Surroundings::default());
    bench.send(1, Delivery::AtLeastOnce).send(2, Delivery::AtLeastOnce).send(3, Delivery::AtLeastOnce).run(1);
    let refused = bench.memory.notices.iter().any(|(_, notice)| {
        matches!(notice, Notice::Refused { id: MessageId(3), why: Refusal::Full, message } if message.as_text() == Some("message 3"))
    });
    assert!(refused);
    bench.clean();
}

/// Bug 6: A buffered unsubscribe is replayed into the next session (reconnecting-websocket 147).
#[test]
fn bug_06_what_was_meant_for_one_connection_does_not_go_to_the_next() {
    let settings = Settings { ready: Ready::WhenTold, ..Settings::default() };
    let mut bench = Bench::new(settings, Surroundings::default());
    bench.start();
    let State::Open { conn, .. } = bench.state() else { panic!("not open: {}", bench.state()) };
    bench.command(Command::Fault(Fault::Stall { way: Way::Up, span: Duration::from_secs(5) }));
    let options = SendOptions::default().bound_to(conn);
    bench.tell(Event::Send { id: MessageId(1), message: "unsubscribe".into(), options });
    bench.fault(Fault::Reset).run(60);
    assert_eq!(bench.memory.verdict(1), Some(Verdict::InDoubt));
    assert_eq!(bench.arrived(), [0_u64; 0]);
    bench.clean();
}

/// Bug 7: A full queue kills the connection (okhttp 8123, 3317, 3848).
#[test]
fn bug_07_a_full_queue_does_not_kill_the_connection() {
    for when_full in [WhenFull::Refuse, WhenFull::DropOldest, WhenFull::DropNewest] {
        let mut settings = Settings::default();
        settings.outbox.max_messages = 10;
        settings.outbox.when_full = when_full;
        let mut bench = Bench::new(settings, Surroundings::default());
        bench.start();
        (0..500).for_each(|id| {
            bench.send(id, Delivery::AtLeastOnce);
        });
        bench.run(10);
        assert!(bench.is_open() && bench.memory.causes().is_empty(), "{when_full:?}");
        bench.clean();
    }
}

/// Bug 8: Ping interval and pong timeout are one setting (okhttp 6690, 3227).
#[test]
fn bug_08_a_pong_may_take_longer_than_the_interval_and_a_timeout_shorter_than_it() {
    let pace = Pace { interval: Duration::from_mins(1), timeout: Duration::from_secs(2), missed_allowed: 0 };
    let settings = Settings { heartbeat: Heartbeat::Ping(pace), ..Settings::default() };
    let mut bench = Bench::new(settings, met_by(&[ServerModel::Silent, ServerModel::Echo]));
    bench.start().run(70);
    let left = bench.memory.states().find(|(_, state)| matches!(state, State::Closing { .. })).map(|(at, _)| at);
    assert_eq!(left.map(|at| at.as_micros() / 1_000_000), Some(62));
    bench.clean();
}

/// Bug 9: A wall-clock jump kills a healthy socket (whatsapp-rust 1376).
#[test]
fn bug_09_a_jump_of_the_clock_does_not_kill_a_healthy_connection() {
    for (clock, told) in [(Clock::Runs, true), (Clock::Runs, false), (Clock::Stops, true), (Clock::Stops, false)] {
        let mut bench = Bench::plain();
        bench.start().run(30);
        bench.command(Command::Sleep { span: Duration::from_hours(2), clock, told }).run(7_300);
        bench.command(Command::ClockBack(Duration::from_hours(1))).run(4_000);
        assert!(bench.is_open() && bench.memory.causes().is_empty(), "{clock:?}, told: {told}");
        bench.clean();
    }
}

/// Bug 10: A late refresh starts a second chain of connections (centrifuge-dart PR 129). The session's part: hints of every
/// kind at every time never make a second one.
#[test]
fn bug_10_hints_at_any_time_make_no_second_chain_of_connections() {
    let mut bench =
        Bench::new(Settings::default(), met_by(&[ServerModel::DropAfter { after: Duration::from_secs(1) }]));
    for _ in 0..300 {
        bench.tell(Event::Start).tell(Event::ReconnectNow).tell(Event::Network(Network::Online));
        bench.run_millis(170);
    }
    bench.clean();
}

/// Bug 11: Resubscribes pile up while offline (MQTT.js 618, 675).
#[test]
fn bug_11_resubscribes_do_not_pile_up_while_offline() {
    let settings = Settings { ready: Ready::WhenTold, ..Settings::default() };
    let config = Config::new(settings).expect("the settings can be");
    let mut world = World::new(1);
    let client = world.session_in(
        &config,
        1,
        met_by(&[ServerModel::Echo, ServerModel::Refuse, ServerModel::Refuse, ServerModel::Echo]),
    );
    let mut next = 0;
    let mut app = |_: Timestamp, _: ClientId, heard: Heard<'_>, commands: &mut Commands| {
        if let Heard::Notice(Notice::State(change)) = heard
            && let State::Open { conn, ready: false } = change.to
        {
            next += 1;
            commands.send(MessageId(next), "subscribe", SendOptions::default().bound_to(conn));
            commands.ready(conn);
        }
    };
    world.tell(client, Event::Start);
    world.run_for(Duration::from_secs(5), &mut app);
    world.command(client, Command::Fault(Fault::Reset));
    world.run_for(Duration::from_mins(1), &mut app);
    assert_eq!(world.arrivals(client).len(), 2, "one for each connection that opened");
    world.checker(client).expect_clean();
}

/// Bug 11: The first message is sent again at every reconnect (MQTT.js PR 301).
#[test]
fn bug_11_a_confirmed_message_is_not_sent_again() {
    let mut bench = Bench::plain();
    bench.start().send(1, Delivery::AtLeastOnce).run(5);
    for _ in 0..20 {
        bench.fault(Fault::Reset).run(60);
    }
    assert_eq!(bench.arrived(), [1]);
    bench.clean();
}

/// Bug 12: A message reported as failed is sent later (ably-js 2115).
#[test]
fn bug_12_a_message_reported_as_dropped_is_never_sent() {
    let mut bench = Bench::new(Settings::default(), met_by(&[ServerModel::Refuse, ServerModel::Echo]));
    bench
        .tell(Event::Start)
        .send(1, Delivery::AtLeastOnce)
        .run_millis(0)
        .tell(Event::Cancel { id: MessageId(1) })
        .run(60);
    assert!(matches!(bench.memory.verdict(1), Some(Verdict::Dropped(_))));
    assert_eq!(bench.arrived(), [0_u64; 0]);
    bench.clean();
}

/// Bug 13: A retry lock is not released, so `reconnect()` does nothing (partykit 252); two sockets live in parallel (929).
#[test]
fn bug_13_reconnect_now_ends_every_wait_and_makes_one_connection() {
    let mut bench = Bench::new(Settings::default(), met_by(&[ServerModel::Refuse; 1]));
    bench.start();
    for _ in 0..50 {
        let before = bench.memory.attempts().len();
        bench.run(1);
        let waited = matches!(bench.state(), State::Waiting { .. });
        let attempts = bench.memory.attempts().len();
        bench.tell(Event::ReconnectNow).run_millis(0);
        assert!(!waited || bench.memory.attempts().len() == attempts + 1, "{before}");
    }
    bench.clean();
}

/// Bug 15: No event on server death or on a connect that fails (Starscream 935, 817, 911).
#[test]
fn bug_15_every_end_and_every_failure_is_told() {
    let ends = [
        (ServerModel::Refuse, Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused }),
        (ServerModel::Hang, Cause::ConnectTimeout { stage: Stage::Connect }),
        (ServerModel::Silent, Cause::HeartbeatTimeout),
        (ServerModel::DropAfter { after: Duration::ZERO }, Cause::Io(IoKind::Eof)),
        (ServerModel::Reject { status: 500, retry_after: None }, Cause::Rejected { status: 500, retry_after: None }),
    ];
    for (server, cause) in ends {
        let mut bench = Bench::new(Settings::default(), met_by(&[server, ServerModel::Echo]));
        bench.start().run(100);
        assert_eq!(bench.memory.causes(), [cause]);
        bench.clean();
    }
}

/// Bug 16: Jitter is clamped away: every late attempt at exactly the cap (Socket.IO's backoff).
#[test]
fn bug_16_late_attempts_stay_spread() {
    let mut bench = Bench::new(Settings::default(), met_by(&[ServerModel::Refuse]));
    bench.start().run(3_600);
    let attempts = bench.memory.attempts();
    let mut waits: Vec<_> = attempts.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).skip(8).collect();
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 100, "{} different waits", waits.len());
    bench.clean();
}

/// Bug 17: A clean close leads to a reconnect without delay (ws-reconnect-client 0.1.0).
#[test]
fn bug_17_a_clean_close_that_is_retried_waits_too() {
    let mut settings = Settings::default();
    settings.policy.clean = CleanClose::Every;
    let close = ServerModel::CloseAfter { code: 1_000, after: Duration::ZERO };
    let mut bench = Bench::new(settings, met_by(&[close]));
    bench.start().run(600);
    let attempts = bench.memory.attempts();
    assert!(attempts.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(100)));
    assert!(attempts.len() < 120, "{}", attempts.len());
    bench.clean();
}

/// Bug 17: An exhausted policy becomes a loop without sleep (rust-socketio).
#[test]
fn bug_17_an_exhausted_policy_stops_and_can_be_started_again() {
    let settings = Settings { backoff: Backoff::linear(), ..Settings::default() };
    let mut bench = Bench::new(settings, met_by(&[ServerModel::Refuse]));
    bench.start().run(3_600);
    assert_eq!(bench.memory.attempts().len(), 6);
    assert!(matches!(bench.state(), State::Stopped { cause: StopCause::Exhausted(_) }));
    bench.command(Command::Serve(vec![ServerModel::Echo])).start();
    assert!(bench.is_open());
    bench.clean();
}

/// Bug 18: Messages sent while connecting are discarded (ezsockets).
#[test]
fn bug_18_messages_sent_while_connecting_arrive() {
    let link = Link { latency_up: Duration::from_millis(500), ..Link::default() };
    let mut bench = Bench::new(Settings::default(), Surroundings { link, ..Surroundings::default() });
    bench.tell(Event::Start);
    bench.run_millis(300);
    assert!(matches!(bench.state(), State::Connecting { .. }));
    bench.send(1, Delivery::AtLeastOnce).send(2, Delivery::AtMostOnce).run(10);
    assert_eq!(bench.arrived(), [1, 2]);
    bench.clean();
}

/// Bug 19: A deadline in the past spins the loop (smoltcp 1127, str0m 1017). (Pongs that stay in a buffer are the wire's.)
#[test]
fn bug_19_a_deadline_that_has_passed_does_not_spin_the_loop() {
    let driver = Driver { timer_late: Duration::from_secs(5), timer_early: 300_000, ..Driver::default() };
    let mut bench = Bench::new(Settings::default(), Surroundings { driver, ..Surroundings::default() });
    bench.start().run(3_600);
    assert!(bench.world.events() < 4_000, "{} events in an idle hour", bench.world.events());
    bench.clean();
}

/// Bug 20: A heartbeat timeout closes with 1000, and the client then takes it for a clean close and never reconnects.
#[test]
fn bug_20_a_heartbeat_timeout_is_followed_by_a_reconnect() {
    let mut bench = Bench::plain();
    bench.start().fault(Fault::Silence).run(120);
    assert_eq!(bench.memory.causes(), [Cause::HeartbeatTimeout]);
    assert!(bench.is_open());
    bench.clean();
}

/// Bug 20: A reconnect follows the user's own close.
#[test]
fn bug_20_no_reconnect_follows_the_users_own_close() {
    for server in [ServerModel::Echo, ServerModel::SlowClose { after: None }, ServerModel::Silent] {
        let mut bench = Bench::new(Settings::default(), met_by(&[server]));
        bench.start().tell(Event::Stop { frame: CloseFrame::NORMAL, drain: None }).run(3_600);
        assert_eq!(bench.memory.attempts().len(), 1);
        assert!(matches!(bench.state(), State::Stopped { cause: StopCause::Application }));
        bench.clean();
    }
}

/// Bug 20: A handler that blocks delays the heartbeat: late timers alone do not cost a healthy connection.
#[test]
fn bug_20_an_application_that_blocks_does_not_lose_a_healthy_connection() {
    let mut bench = Bench::plain();
    bench.start();
    for _ in 0..50 {
        let span = Duration::from_secs(40);
        bench.command(Command::Sleep { span, clock: Clock::Runs, told: false }).run(60);
    }
    assert!(bench.is_open() && bench.memory.causes().is_empty());
    bench.clean();
}

/// Bug 7, too: what a connection needs before the outbox may go out does not wait for room in the outbox.
#[test]
fn bug_07_a_full_outbox_does_not_keep_a_connection_from_being_made_ready() {
    let mut settings = Settings { ready: Ready::WhenTold, ..Settings::default() };
    settings.outbox.max_messages = 2;
    settings.confirm.max_messages = 3;
    let mut bench = Bench::new(settings, Surroundings::default());
    bench.send(1, Delivery::AtLeastOnce).send(2, Delivery::AtLeastOnce).start();
    let State::Open { conn, .. } = bench.state() else { panic!("not open: {}", bench.state()) };
    let options = SendOptions::default().bound_to(conn);
    bench.fault(Fault::Stall { way: Way::Up, span: Duration::from_secs(5) });
    for id in 3..=6 {
        bench.tell(Event::Send { id: MessageId(id), message: "subscribe".into(), options });
    }
    bench.send(7, Delivery::AtLeastOnce).run(1);
    assert_eq!(bench.refusals(), [(6, Refusal::Full), (7, Refusal::Full)], "each kind has bounds of its own");
    bench.tell(Event::Ready { conn }).run(30);
    assert_eq!(bench.arrived(), [3, 4, 5, 1, 2]);
    bench.clean();
}

/// Bug 3, too: a drain empties the outbox, and takes what its connection needs for that, and nothing else.
#[test]
fn bug_03_a_drain_takes_what_its_connection_needs() {
    let settings = Settings { ready: Ready::WhenTold, ..Settings::default() };
    let mut bench = Bench::new(settings, Surroundings::default());
    bench.send(1, Delivery::AtLeastOnce).start();
    let State::Open { conn, .. } = bench.state() else { panic!("not open: {}", bench.state()) };
    let options = SendOptions::default().bound_to(conn);
    bench.tell(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(Duration::from_secs(30)) });
    bench.tell(Event::Send { id: MessageId(2), message: "authenticate".into(), options });
    bench.send(3, Delivery::AtLeastOnce).run(1);
    assert_eq!(bench.refusals(), [(3, Refusal::Stopped)]);
    bench.tell(Event::Ready { conn }).run(30);
    assert_eq!(bench.arrived(), [2, 1]);
    assert!(matches!(bench.state(), State::Stopped { cause: StopCause::Application }));
    bench.tell(Event::Send { id: MessageId(4), message: "late".into(), options }).run(1);
    assert_eq!(bench.refusals().last(), Some(&(4, Refusal::Stopped)));
    bench.clean();
}
