//! The checker caught red-handed at what a message may ask for: a time to live, a lane, a key, a pace. Each session is broken on
//! purpose, and the unbroken one passes the same scenario.

use std::time::Duration;

use steadfast_core::{
    Action, ConnId, Delivery, Dropped, Event, Key, Message, MessageId, Notice, SendOptions, State, Timestamp, Verdict,
    config::{Bucket, Outbox, Rate, Settings},
};
use steadfast_sim::{Clause, Fault, Scenario, ServerModel, Step, Surroundings};

use steadfast_tests::broken::{Sink, caught, caught_with_settings, filtered};

const AGAIN: SendOptions = SendOptions::new(Delivery::AtLeastOnce);

fn wait(millis: u64) -> Step {
    Step::Wait { span: Duration::from_millis(millis) }
}

fn send(count: u32, options: SendOptions) -> Step {
    Step::SendWith { count, every: Duration::ZERO, bytes: 30, options, keys: 1 }
}

fn scenario(steps: Vec<Step>) -> Scenario {
    Scenario { steps, ..Scenario::default() }
}

/// What the application asks for is not what the session is asked for.
fn asked(
    mut change: impl FnMut(&mut SendOptions),
) -> impl FnMut(&mut steadfast_core::Session, Timestamp, Event<'_>, Sink<'_>) {
    move |session, now, event, sink| {
        let event = match event {
            Event::Send { id, message, mut options } => {
                change(&mut options);
                Event::Send { id, message, options }
            }
            event => event,
        };
        session.handle(now, event).for_each(sink);
    }
}

/// A queue of data with some control behind it, before there is a connection.
fn two_lanes() -> Scenario {
    scenario(vec![send(40, AGAIN), send(20, AGAIN.control()), Step::Start, wait(2_000)])
}

#[test]
fn control_that_waits_behind_data_is_caught() {
    caught(&two_lanes(), Clause::LanesTakeTurns, asked(|options| options.lane = steadfast_core::Lane::Data));
}

#[test]
fn control_that_starves_data_is_caught() {
    caught_with_settings(&two_lanes(), Clause::LanesTakeTurns, |settings| Settings {
        outbox: Outbox { control_burst: 1_000, ..settings.outbox },
        ..settings
    });
}

#[test]
fn a_lane_that_is_out_of_order_is_caught() {
    let mut held: Option<(ConnId, MessageId, Message<'static>)> = None;
    caught(&two_lanes(), Clause::InOrder, move |session, now, event, sink| {
        for action in session.handle(now, event) {
            // The 41st is the first of control.
            if let Action::Send { conn, id: id @ MessageId(41), message } = action {
                held = Some((conn, id, message.clone()));
                continue;
            }
            sink(action);
            if let Some((conn, id, message)) = held.take() {
                sink(Action::Send { conn, id, message: &message });
            }
        }
    });
}

/// Nothing can be sent for a minute, and half of it expires.
fn expiring() -> Scenario {
    let around = Surroundings { servers: vec![ServerModel::Refuse], ..Surroundings::default() };
    let ttl = Duration::from_secs(20);
    Scenario { around, ..scenario(vec![send(5, AGAIN.ttl(ttl)), send(5, AGAIN), Step::Start, wait(60_000)]) }
}

#[test]
fn a_message_that_outlives_its_time_is_caught() {
    caught(&expiring(), Clause::ExpiresInTime, asked(|options| options.ttl = None));
}

#[test]
fn a_message_that_expires_early_is_caught() {
    let early = asked(|options| options.ttl = options.ttl.map(|ttl| ttl.saturating_sub(Duration::from_micros(1))));
    caught(&expiring(), Clause::VerdictTrue, early);
}

#[test]
fn a_message_that_is_sent_after_its_time_is_caught() {
    let mut scenario = expiring();
    scenario.around.servers = vec![ServerModel::Echo];
    scenario.steps = vec![send(1, AGAIN.ttl(Duration::from_secs(2))), wait(2_500), Step::Start, wait(1_000)];
    let late = asked(|options| options.ttl = options.ttl.map(|ttl| ttl * 2));
    caught(&scenario, Clause::ExpiresInTime, late);
}

#[test]
fn a_message_that_may_have_arrived_and_is_said_to_have_expired_is_caught() {
    let ttl = Duration::from_millis(300);
    let steps = vec![
        Step::Start,
        wait(100),
        Step::Fault(Fault::Silence),
        send(1, AGAIN.ttl(ttl)),
        wait(50),
        Step::Fault(Fault::Reset),
        wait(5_000),
    ];
    let around = Surroundings { servers: vec![ServerModel::Echo, ServerModel::Refuse], ..Surroundings::default() };
    caught(&Scenario { around, ..scenario(steps) }, Clause::VerdictTrue, |session, now, event, sink| {
        for action in session.handle(now, event) {
            match action {
                Action::Notify(Notice::Verdict { id, verdict: Verdict::InDoubt, message }) => {
                    let verdict = Verdict::Dropped(Dropped::Expired);
                    sink(Action::Notify(Notice::Verdict { id, verdict, message }));
                }
                action => sink(action),
            }
        }
    });
}

/// The same quote ten times before there is a connection, among other messages.
fn quotes() -> Scenario {
    let quote = AGAIN.key(Key(1));
    scenario(vec![send(3, quote), send(1, AGAIN), send(7, quote), Step::Start, wait(1_000)])
}

#[test]
fn an_old_quote_that_waits_beside_the_new_one_is_caught() {
    caught(&quotes(), Clause::NewestOfKey, asked(|options| options.key = None));
}

#[test]
fn a_new_quote_at_the_end_of_the_queue_is_caught() {
    // Taken back and sent again under a verdict that does not fit, it loses the place of the old one.
    let mut last = None;
    caught(&quotes(), Clause::InOrder, move |session, now, event, sink| {
        let new = match &event {
            Event::Send { id, options, .. } if options.key.is_some() => Some(*id),
            _ => None,
        };
        let event = match event {
            Event::Send { id, message, options } => {
                Event::Send { id, message, options: SendOptions { key: None, ..options } }
            }
            event => event,
        };
        let old = new.and_then(|new| last.replace(new));
        if let Some(id) = old {
            let cancelled: Vec<_> = session.handle(now, Event::Cancel { id }).filter_map(verdict_message).collect();
            session.handle(now, event).for_each(&mut *sink);
            for message in cancelled {
                let verdict = Verdict::Dropped(Dropped::Conflated);
                sink(Action::Notify(Notice::Verdict { id, verdict, message: Some(message) }));
            }
        } else {
            session.handle(now, event).for_each(sink);
        }
    });
}

fn verdict_message(action: Action<'_>) -> Option<Box<Message<'static>>> {
    match action {
        Action::Notify(Notice::Verdict { message, .. }) => message,
        _ => None,
    }
}

#[test]
fn a_message_replaced_by_none_is_caught() {
    let mut done = false;
    caught(&two_lanes(), Clause::VerdictTrue, move |session, now, event, sink| {
        session.handle(now, event).for_each(&mut *sink);
        if !done && matches!(session.state(), State::Idle) && session.unsettled().0 == 60 {
            done = true;
            for action in session.handle(now, Event::Cancel { id: MessageId(5) }) {
                if let Action::Notify(Notice::Verdict { id, message, .. }) = action {
                    let verdict = Verdict::Dropped(Dropped::Conflated);
                    sink(Action::Notify(Notice::Verdict { id, verdict, message }));
                }
            }
        }
    });
}

/// A hundred messages at ten a second, or at ten times their bytes.
fn paced(rate: Rate) -> Scenario {
    let config = Settings { rate: Some(rate), ..Settings::default() };
    Scenario { config, ..scenario(vec![Step::Start, wait(100), send(100, AGAIN), wait(20_000)]) }
}

/// The rate of the session is another than the checker's, whichever of the two it is.
fn at_another_rate(clause: Clause, change: fn(Bucket) -> Bucket) {
    let per = Duration::from_secs(1);
    let messages = Rate { messages: Some(Bucket { count: 10, per, burst: 3 }), bytes: None };
    let bytes = Rate { messages: None, bytes: Some(Bucket { count: 300, per, burst: 90 }) };
    for rate in [messages, bytes] {
        caught_with_settings(&paced(rate), clause, move |settings| {
            let rate = Rate { messages: rate.messages.map(change), bytes: rate.bytes.map(change) };
            Settings { rate: Some(rate), ..settings }
        });
    }
}

#[test]
fn more_than_the_rate_is_caught() {
    at_another_rate(Clause::RateKept, |bucket| Bucket { burst: bucket.burst * 2, ..bucket });
    at_another_rate(Clause::RateKept, |bucket| Bucket { count: bucket.count + 1, ..bucket });
}

#[test]
fn less_than_the_rate_allows_is_caught() {
    at_another_rate(Clause::GoesAtOnce, |bucket| Bucket { burst: bucket.burst / 2, ..bucket });
    at_another_rate(Clause::GoesAtOnce, |bucket| Bucket { count: bucket.count - 1, ..bucket });
}

#[test]
fn a_mark_that_is_kept_quiet_is_caught() {
    let outbox = Outbox { max_messages: 40, ..Outbox::default() };
    let config = Settings { outbox, ..Settings::default() };
    let scenario = Scenario { config, ..scenario(vec![send(40, AGAIN), Step::Start, wait(1_000)]) };
    let quiet = filtered(|_, action| !matches!(action, Action::Notify(Notice::Watermark { .. })));
    caught(&scenario, Clause::WatermarksTurn, quiet);
}
