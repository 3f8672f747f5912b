//! Rates: how fast what is accepted goes out, in messages and in bytes.

mod common;

use std::time::Duration;

use common::{Act, Rig, millis, secs, steady};
use steadfast_core::{
    Delivery, Dropped, Event, Message, MessageId, SendOptions, StateKind, Verdict,
    config::{Bucket, Heartbeat, Rate, Ready, Settings},
};

const ONCE: SendOptions = SendOptions::new(Delivery::AtMostOnce);

const AGAIN: SendOptions = SendOptions::new(Delivery::AtLeastOnce);

const EXPIRED: Verdict = Verdict::Dropped(Dropped::Expired);

/// Offline but for the test's word, with a wait of a second between attempts.
fn settings() -> Settings {
    Settings { backoff: steady(1), ..Settings::default() }
}

fn paced(messages: Option<Bucket>, bytes: Option<Bucket>) -> Settings {
    Settings { rate: Some(Rate { messages, bytes }), ..settings() }
}

const TWO_A_SECOND: Bucket = Bucket { count: 2, per: Duration::from_secs(1), burst: 3 };

/// When each message was handed over, from now on.
fn times(rig: &Rig) -> Vec<u64> {
    let start = 1_000_000;
    let sent = rig.all.iter().filter(|(_, act)| matches!(act, Act::Send(..)));
    sent.map(|(at, _)| (at.as_micros() - start) / 1_000).collect()
}

#[test]
fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
    let mut rig = Rig::started_and_open(paced(Some(TWO_A_SECOND), None));
    for _ in 0..6 {
        rig.send();
    }
    rig.pass(secs(2));
    assert_eq!(times(&rig), [0, 0, 0, 500, 1_000, 1_500]);
}

#[test]
fn a_rate_that_does_not_come_out_even_does_not_drift() {
    let third = Bucket { count: 3, per: secs(1), burst: 2 };
    let silent = Settings { heartbeat: Heartbeat::Off, answer_timeout: None, ..paced(Some(third), None) };
    let mut rig = Rig::started_and_open(Settings { write_timeout: secs(600), ..silent });
    for _ in 0..302 {
        rig.send_with(ONCE);
    }
    rig.pass(secs(100));
    assert_eq!((times(&rig).len(), times(&rig)[301]), (302, 100_000));
}

#[test]
fn a_reconnect_earns_nothing() {
    let mut rig = Rig::started_and_open(paced(Some(Bucket { count: 1, per: secs(60), burst: 2 }), None));
    rig.send();
    rig.send();
    rig.reset();
    rig.wait_out();
    rig.open();
    assert_eq!(rig.sent(), [1, 2]);
}

#[test]
fn a_message_larger_than_the_burst_goes_when_the_bucket_is_full_and_is_paid_for_after() {
    let bytes = Bucket { count: 10, per: secs(1), burst: 20 };
    let mut rig = Rig::started_and_open(paced(None, Some(bytes)));
    let send = |rig: &mut Rig, id, len: usize| {
        rig.event(Event::Send { id: MessageId(id), message: Message::binary(vec![0; len]), options: AGAIN });
    };
    send(&mut rig, 1, 10);
    send(&mut rig, 2, 50);
    send(&mut rig, 3, 10);
    rig.pass(secs(10));
    // A second until the bucket is full; then 30 bytes of debt, and 10 for the next.
    assert_eq!(times(&rig), [0, 1_000, 5_000]);
}

#[test]
fn pings_are_not_held_back() {
    let mut rig = Rig::started_and_open(paced(Some(Bucket { count: 1, per: secs(60), burst: 1 }), None));
    rig.send();
    rig.send();
    assert_eq!((rig.sent().len(), rig.pings()), (1, 1));
    rig.pong();
    rig.pass(secs(26));
    assert_eq!(rig.pings(), 2, "the heartbeat");
}

#[test]
fn what_is_sent_ahead_counts() {
    let rate = paced(Some(Bucket { count: 1, per: secs(1), burst: 1 }), None);
    let mut rig = Rig::started_and_open(Settings { ready: Ready::WhenTold, ..rate });
    let conn = rig.conn();
    rig.send_with(AGAIN.bound_to(conn));
    rig.send_with(AGAIN.bound_to(conn));
    assert_eq!(rig.sent(), [1]);
    rig.pass(secs(1));
    assert_eq!(rig.sent(), [1, 2]);
}

#[test]
fn control_goes_first_when_the_rate_allows_the_next() {
    let mut rig = Rig::started_and_open(paced(Some(Bucket { count: 1, per: secs(1), burst: 1 }), None));
    rig.send();
    let (data, control) = (rig.send(), rig.send_with(AGAIN.control()));
    rig.pass(secs(2));
    assert_eq!(rig.sent()[1..], [control, data]);
}

#[test]
fn a_message_may_expire_while_the_rate_holds_it_back() {
    let mut rig = Rig::started_and_open(paced(Some(Bucket { count: 1, per: secs(9), burst: 1 }), None));
    rig.send();
    let held = rig.send_with(AGAIN.ttl(millis(100)));
    rig.pass(secs(1));
    assert_eq!(rig.verdicts(), [(held, EXPIRED)]);
    assert_eq!(rig.kind(), StateKind::Open);
}
