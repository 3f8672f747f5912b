//! The world itself: what a link, a server and a driver do, seen from a session.

use std::time::Duration;

use steadfast_core::{
    Action, Cause, Delivery, Event, IoKind, MessageId, Notice, SendOptions, Session, Stage, State, Timestamp,
    config::Config,
};
use steadfast_sim::{
    ClientId, Clock, Command, Driver, Fault, Heard, Link, Machine, ServerModel, Surroundings, Way, World,
};

const SECOND: Duration = Duration::from_secs(1);

/// A session whose events are kept.
struct Kept {
    session: Session,
    events: Vec<(Timestamp, String)>,
}

impl Machine for Kept {
    fn handle(&mut self, now: Timestamp, event: Event<'_>, sink: &mut dyn FnMut(Action<'_>)) {
        self.events.push((now, format!("{event:?}")));
        Machine::handle(&mut self.session, now, event, sink);
    }

    fn state(&self) -> State {
        self.session.state()
    }
}

fn kept(around: Surroundings) -> (World<Kept>, ClientId) {
    let mut world = World::new(1);
    let config = Config::default();
    let session = Session::new(config.clone(), 1);
    let client = world.add(Kept { session, events: Vec::new() }, &config, around);
    world.tell(client, Event::Start);
    world.run_for(SECOND, &mut ());
    (world, client)
}

fn on(link: Link) -> Surroundings {
    Surroundings { link, ..Surroundings::default() }
}

fn send(world: &mut World<Kept>, client: ClientId, ids: std::ops::Range<u64>, bytes: usize) {
    for id in ids {
        let message = vec![0; bytes].into();
        let options = SendOptions::new(Delivery::AtLeastOnce);
        world.tell(client, Event::Send { id: MessageId(id), message, options });
    }
    world.run_for(Duration::ZERO, &mut ());
}

fn events<'a>(
    world: &'a World<Kept>,
    client: ClientId,
    kind: &'a str,
) -> impl Iterator<Item = &'a (Timestamp, String)> {
    world.machine(client).events.iter().filter(move |(_, event)| event.starts_with(kind))
}

#[test]
fn latency_is_paid_in_each_direction() {
    let link = Link { latency_up: SECOND, latency_down: SECOND * 2, ..Link::default() };
    let (mut world, client) = kept(on(link));
    world.run_for(SECOND * 9, &mut ());
    send(&mut world, client, 0..1, 10);
    let sent = world.now();
    world.run_for(SECOND * 5, &mut ());
    assert_eq!(world.arrivals(client)[0].at, sent + SECOND);
    assert_eq!(events(&world, client, "Received").next().map(|(at, _)| *at), Some(sent + SECOND * 3));
}

#[test]
fn bandwidth_delays_what_is_large() {
    let (mut world, client) = kept(on(Link { bandwidth_up: 10_000, ..Link::default() }));
    let sent = world.now();
    send(&mut world, client, 0..1, 10_000);
    world.run_for(SECOND * 2, &mut ());
    let took = world.arrivals(client)[0].at - sent;
    assert!((1_000..1_010).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn a_full_kernel_holds_the_writes_back_and_what_was_not_taken_is_untouched() {
    let (mut world, client) = kept(on(Link { kernel_buffer: 250, ..Link::default() }));
    world.command(client, Command::Fault(Fault::Stall { way: Way::Up, span: SECOND * 20 }));
    send(&mut world, client, 0..5, 100);
    world.command(client, Command::Fault(Fault::Io(IoKind::BrokenPipe)));
    world.run_for(SECOND / 100, &mut ());
    let closed = events(&world, client, "Closed").next().map(|(_, event)| event.clone()).unwrap_or_default();
    // Frames of 106 bytes: two are taken whole, the third in part.
    assert!(closed.contains("untouched_from: Some(MessageId(3))"), "{closed}");
    world.checker(client).expect_clean();
}

#[test]
fn a_stall_delivers_everything_in_order_when_it_ends() {
    let (mut world, client) = kept(Surroundings::default());
    world.command(client, Command::Fault(Fault::Stall { way: Way::Both, span: SECOND * 5 }));
    send(&mut world, client, 0..20, 10);
    world.run_for(SECOND * 4, &mut ());
    assert!(world.arrivals(client).is_empty());
    world.run_for(SECOND * 2, &mut ());
    assert!(world.arrivals(client).iter().map(|arrival| arrival.id.0).eq(0..20));
}

#[test]
fn a_reset_loses_what_is_under_way_and_a_fin_what_comes_after_it() {
    for fault in [Fault::Reset, Fault::ServerReset, Fault::Fin] {
        let (mut world, client) = kept(Surroundings::default());
        send(&mut world, client, 0..3, 10);
        world.command(client, Command::Fault(fault));
        world.run_for(Duration::from_millis(50), &mut ());
        assert!(world.arrivals(client).is_empty(), "{fault:?}");
        assert_eq!(events(&world, client, "Closed").count(), 1);
    }
}

#[test]
fn coalesced_messages_come_with_one_read_and_split_ones_with_two() {
    let coalesced = on(Link { coalesce: Duration::from_millis(100), ..Link::default() });
    let (mut world, client) = kept(coalesced);
    send(&mut world, client, 0..10, 10);
    world.run_for(Duration::from_millis(110), &mut ());
    assert_eq!((events(&world, client, "Activity").count(), events(&world, client, "Received").count()), (1, 10));

    let (mut world, client) = kept(on(Link { split: 50, ..Link::default() }));
    send(&mut world, client, 0..1, 100);
    world.run_for(Duration::from_millis(3), &mut ());
    assert_eq!(events(&world, client, "Activity").count(), 2);
}

#[test]
fn a_process_that_sleeps_hears_everything_on_waking_and_its_timer_last() {
    let (mut world, client) = kept(Surroundings::default());
    send(&mut world, client, 0..1, 10);
    let before = world.machine(client).events.len();
    world.command(client, Command::Sleep { span: SECOND * 3_600, clock: Clock::Runs, told: true });
    world.run_for(SECOND * 3_000, &mut ());
    assert_eq!(world.machine(client).events.len(), before);
    world.run_for(SECOND * 601, &mut ());
    let woken: Vec<_> = world.machine(client).events[before..].iter().map(|(_, event)| event.as_str()).collect();
    assert!(woken[0].starts_with("Resumed"), "{woken:?}");
    let received = woken.iter().position(|event| event.starts_with("Received"));
    let fired = woken.iter().position(|event| event.starts_with("TimerFired"));
    assert!(received < fired || fired.is_none(), "{woken:?}");
    world.checker(client).expect_clean();
}

#[test]
fn a_clock_that_stops_does_not_see_the_sleep() {
    let (mut world, client) = kept(Surroundings::default());
    world.command(client, Command::Sleep { span: SECOND * 3_600, clock: Clock::Stops, told: false });
    world.run_for(SECOND * 3_700, &mut ());
    let last = world.machine(client).events.last().map(|(at, _)| *at);
    assert!(last.is_some_and(|at| at < Timestamp::ZERO + SECOND * 200), "{last:?}");
}

#[test]
fn paused_reads_are_read_when_they_go_on() {
    let (mut world, client) = kept(Surroundings::default());
    world.command(client, Command::PauseReads(SECOND * 60));
    send(&mut world, client, 0..1, 10);
    world.run_for(SECOND * 59, &mut ());
    assert_eq!(events(&world, client, "Received").count(), 0);
    world.run_for(SECOND * 2, &mut ());
    assert_eq!(events(&world, client, "Received").count(), 1);
    world.checker(client).expect_clean();
}

#[test]
fn a_ping_that_overtakes_fragments_says_so_and_confirms_nothing_of_them() {
    let driver = Driver { pings_overtake: true, ..Driver::default() };
    let link = Link { kernel_buffer: 1_000, bandwidth_up: 1_000, ..Link::default() };
    let (mut world, client) = kept(Surroundings { link, driver, ..Surroundings::default() });
    send(&mut world, client, 0..1, 10);
    send(&mut world, client, 1..2, 20_000);
    world.run_for(SECOND * 60, &mut ());
    assert!(events(&world, client, "PingFlushed").any(|(_, event)| event.contains("overtook: Some(MessageId(1))")));
    world.checker(client).expect_clean();
}

#[test]
fn every_server_model_ends_a_connection_as_it_says() {
    let cases = [
        (ServerModel::Refuse, Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused }),
        (ServerModel::Hang, Cause::ConnectTimeout { stage: Stage::Connect }),
        (ServerModel::DropAfter { after: SECOND }, Cause::Io(IoKind::Eof)),
        (ServerModel::Garbage, Cause::Handshake(steadfast_core::HandshakeKind::NotHttp)),
        (ServerModel::GarbageFrames, Cause::Protocol(steadfast_core::CloseCode::PROTOCOL_ERROR)),
        (ServerModel::Unresolved, Cause::Dns(steadfast_core::DnsKind::NotFound)),
        (ServerModel::Silent, Cause::HeartbeatTimeout),
    ];
    for (server, expected) in cases {
        let mut seen = None;
        let mut world = World::new(1);
        let around = Surroundings { servers: vec![server, ServerModel::Echo], ..Surroundings::default() };
        let client = world.session_in(&Config::default(), 1, around);
        world.tell(client, Event::Start);
        let mut app = |_: Timestamp, _: ClientId, heard: Heard<'_>, _: &mut steadfast_sim::Commands| {
            if let Heard::Notice(Notice::State(change)) = heard
                && let State::Waiting { cause, .. } = &change.to
            {
                seen.get_or_insert(cause.clone());
            }
        };
        world.run_for(SECOND * 100, &mut app);
        world.checker(client).expect_clean();
        assert_eq!(seen, Some(expected));
    }
}

#[test]
fn a_herd_of_sessions_lives_in_one_world() {
    let mut world = World::new(1);
    let clients: Vec<_> = (0..200).map(|seed| world.session(&Config::default(), seed)).collect();
    for &client in &clients {
        world.tell(client, Event::Start);
    }
    world.run_for(SECOND * 30, &mut ());
    for &client in &clients {
        world.command(client, Command::Fault(Fault::Close(1_012)));
    }
    world.run_for(SECOND * 3, &mut ());
    assert!(clients.iter().all(|&client| matches!(world.state(client), State::Waiting { .. })));
    world.run_for(SECOND * 60, &mut ());
    assert!(clients.iter().all(|&client| matches!(world.state(client), State::Open { .. })));
    for &client in &clients {
        world.checker(client).expect_clean();
    }
}
