//! What a message may ask for beside its delivery: a time to live, a lane, a key.

mod common;

use std::time::Duration;

use common::{Act, Rig, millis, secs, steady};
use steadfast_core::{
    Cause, CloseFrame, Delivery, Dropped, Event, IoKind, Key, Message, MessageId, Notice, Refusal, SendOptions,
    StateKind, Verdict, Watermark,
    config::{Bucket, Confirm, Outbox, Rate, Ready, Settings, WhenFull},
};

const ONCE: SendOptions = SendOptions::new(Delivery::AtMostOnce);

const AGAIN: SendOptions = SendOptions::new(Delivery::AtLeastOnce);

const EXPIRED: Verdict = Verdict::Dropped(Dropped::Expired);

const CONFLATED: Verdict = Verdict::Dropped(Dropped::Conflated);

fn quote() -> SendOptions {
    ONCE.key(Key(7))
}

/// Offline but for the test's word, with a wait of a second between attempts.
fn settings() -> Settings {
    Settings { backoff: steady(1), ..Settings::default() }
}

fn window(max_messages: u32) -> Settings {
    Settings { confirm: Confirm { max_messages, ..Confirm::default() }, ..settings() }
}

fn bounded(max_messages: u32, when_full: WhenFull) -> Settings {
    Settings { outbox: Outbox { max_messages, when_full, ..Outbox::default() }, ..settings() }
}

fn paced(messages: Option<Bucket>, bytes: Option<Bucket>) -> Settings {
    Settings { rate: Some(Rate { messages, bytes }), ..settings() }
}

fn refusals(rig: &Rig) -> Vec<(u64, Refusal)> {
    let refused = |notice| match notice {
        Notice::Refused { id, why, .. } => Some((id.0, why)),
        _ => None,
    };
    rig.notices().into_iter().filter_map(refused).collect()
}

/// Ids may fall, too.
fn send_named(rig: &mut Rig, id: u64, options: SendOptions) {
    rig.event(Event::Send { id: MessageId(id), message: Message::text("x"), options });
}

mod time_to_live {
    use super::*;

    #[test]
    fn a_message_that_waits_too_long_is_dropped_at_that_very_time() {
        let mut rig = Rig::new(settings());
        let id = rig.send_with(AGAIN.ttl(secs(3)));
        rig.pass(Duration::from_micros(2_999_999));
        assert!(rig.verdicts().is_empty());
        rig.pass(Duration::from_micros(1));
        assert_eq!(rig.verdicts(), [(id, EXPIRED)]);
        assert_eq!(rig.timer, None, "nothing is left to wait for");
    }

    #[test]
    fn a_message_that_was_handed_over_outlives_its_time() {
        let mut rig = Rig::started_and_open(settings());
        let id = rig.send_with(AGAIN.ttl(secs(1)));
        rig.pass(secs(2));
        assert!(rig.verdicts().is_empty());
        rig.pong();
        assert_eq!(rig.verdicts(), [(id, Verdict::Confirmed)]);
    }

    #[test]
    fn a_message_that_may_have_been_sent_and_expires_is_in_doubt() {
        let mut rig = Rig::started_and_open(Settings { backoff: steady(60), ..Settings::default() });
        let id = rig.send_with(AGAIN.ttl(secs(5)));
        rig.reset();
        assert!(rig.verdicts().is_empty());
        rig.pass(secs(5));
        assert_eq!(rig.verdicts(), [(id, Verdict::InDoubt)]);
    }

    #[test]
    fn a_message_whose_time_came_on_a_connection_is_settled_when_that_ends() {
        let mut rig = Rig::started_and_open(settings());
        let id = rig.send_with(AGAIN.ttl(secs(1)));
        rig.pass(secs(2));
        rig.reset();
        assert_eq!(rig.verdicts(), [(id, Verdict::InDoubt)]);
    }

    #[test]
    fn a_suspend_counts() {
        let mut rig = Rig::new(settings());
        let id = rig.send_with(AGAIN.ttl(secs(60)));
        rig.pass(secs(10));
        rig.event(Event::Resumed { gap: secs(49) });
        assert!(rig.verdicts().is_empty());
        rig.pass(secs(1));
        assert_eq!(rig.verdicts(), [(id, EXPIRED)]);
    }

    #[test]
    fn a_suspend_counts_for_what_is_handed_over_and_comes_back() {
        let mut rig = Rig::started_and_open(Settings { backoff: steady(60), ..Settings::default() });
        let id = rig.send_with(AGAIN.ttl(secs(30)));
        rig.event(Event::Resumed { gap: secs(31) });
        rig.reset();
        assert_eq!(rig.verdicts(), [(id, Verdict::InDoubt)]);
    }

    #[test]
    fn what_expired_while_the_timer_was_late_is_not_sent() {
        let mut rig = Rig::new(settings());
        let stale = rig.send_with(AGAIN.ttl(secs(2)));
        let fresh = rig.send();
        rig.start();
        rig.sleep(secs(3));
        rig.open();
        assert_eq!((rig.sent(), rig.verdicts()), (vec![fresh], vec![(stale, EXPIRED)]));
    }

    /// Its verdict comes before what goes in its stead.
    #[test]
    fn what_has_expired_is_settled_before_what_follows_it_goes() {
        let mut rig = Rig::started_and_open(paced(Some(Bucket { count: 1, per: secs(1), burst: 1 }), None));
        rig.send();
        let stale = rig.send_with(AGAIN.ttl(millis(100)));
        rig.sleep(secs(9));
        let id = rig.send();
        let place = |is_it: &dyn Fn(&Act) -> bool| rig.last.iter().position(is_it).expect("it happened");
        let settled = |act: &Act| matches!(act, Act::Notify(Notice::Verdict { id, .. }) if id.0 == stale);
        assert!(place(&settled) < place(&|act| *act == Act::Send(1, id)), "{:?}", rig.last);
    }

    #[test]
    fn an_event_that_comes_with_the_deadline_wins() {
        let mut rig = Rig::new(settings());
        let id = rig.send_with(AGAIN.ttl(secs(2)));
        rig.start();
        rig.sleep(secs(2));
        let conn = rig.conn();
        rig.event(Event::Opened { conn, can_ping: true });
        assert_eq!((rig.sent(), rig.verdicts()), (vec![id], vec![]));
    }

    #[test]
    fn none_at_all_is_refused() {
        let mut rig = Rig::started_and_open(settings());
        let id = rig.send_with(AGAIN.ttl(Duration::ZERO));
        assert_eq!(refusals(&rig), [(id, Refusal::Expired)]);
    }

    #[test]
    fn the_end_of_time_never_comes() {
        let mut rig = Rig::new(settings());
        rig.send_with(AGAIN.ttl(Duration::MAX));
        assert_eq!(rig.timer, None);
    }

    #[test]
    fn messages_expire_in_the_order_of_their_deadlines() {
        let mut rig = Rig::new(settings());
        let (late, soon) = (rig.send_with(AGAIN.ttl(secs(9))), rig.send_with(AGAIN.ttl(secs(1))));
        rig.pass(secs(10));
        assert_eq!(rig.verdicts(), [(soon, EXPIRED), (late, EXPIRED)]);
    }

    #[test]
    fn a_drain_that_waits_for_a_message_ends_when_it_expires() {
        let mut rig = Rig::new(settings());
        rig.start();
        rig.send_with(AGAIN.ttl(secs(2)));
        rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(60)) });
        let acts = rig.pass(secs(2));
        assert!(acts.contains(&Act::Abort(1)), "{acts:?}");
    }

    #[test]
    fn a_session_that_stops_as_its_last_message_expires_leaves_no_timer() {
        let mut rig = Rig::new(Settings { backoff: steady(60), ..Settings::default() });
        rig.start();
        rig.reset();
        rig.send_with(AGAIN.ttl(secs(2)));
        rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(30)) });
        rig.reset();
        rig.pass(secs(2));
        assert_eq!((rig.kind(), rig.timer), (StateKind::Stopped, None));
    }

    #[test]
    fn what_goes_with_its_connection_replaces_nothing_when_that_ends() {
        let mut rig = Rig::started_and_open(window(1));
        let stays = rig.send_with(quote());
        let goes = rig.send_with(SendOptions { delivery: Delivery::Volatile, ..quote() });
        let conn = rig.conn();
        let untouched_from = Some(MessageId(stays));
        rig.event(Event::Closed { conn, cause: Cause::Io(IoKind::Reset), untouched_from });
        assert_eq!(rig.verdicts(), [(goes, Verdict::Dropped(Dropped::ConnectionLost))]);
    }

    #[test]
    fn the_low_mark_is_told_when_enough_has_expired() {
        let outbox = Outbox { max_messages: 4, ..Outbox::default() };
        let mut rig = Rig::new(Settings { outbox, ..settings() });
        for _ in 0..3 {
            rig.send_with(AGAIN.ttl(secs(1)));
        }
        rig.pass(secs(1));
        let marks: Vec<_> = rig.notices().into_iter().filter(|n| matches!(n, Notice::Watermark { .. })).collect();
        assert!(matches!(
            marks[..],
            [
                Notice::Watermark { mark: Watermark::High, messages: 3, .. },
                Notice::Watermark { mark: Watermark::Low, messages: 0, .. }
            ]
        ));
    }
}

mod lanes {
    use super::*;

    #[test]
    fn control_goes_before_data_that_waits() {
        let mut rig = Rig::new(settings());
        let (data, control) = (rig.send(), rig.send_with(AGAIN.control()));
        rig.start();
        rig.open();
        assert_eq!(rig.sent(), [control, data]);
    }

    #[test]
    fn after_a_burst_of_control_one_of_data_goes() {
        let outbox = Outbox { control_burst: 2, ..Outbox::default() };
        let mut rig = Rig::new(Settings { outbox, ..settings() });
        let data: Vec<u64> = (0..2).map(|_| rig.send()).collect();
        let control: Vec<u64> = (0..5).map(|_| rig.send_with(AGAIN.control())).collect();
        rig.start();
        rig.open();
        assert_eq!(rig.sent(), [control[0], control[1], data[0], control[2], control[3], data[1], control[4]]);
    }

    #[test]
    fn what_may_have_been_sent_goes_again_before_either_lane() {
        let mut rig = Rig::started_and_open(window(1));
        let (data, control) = (rig.send(), rig.send_with(AGAIN.control()));
        rig.reset();
        rig.wait_out();
        rig.open();
        rig.pong();
        assert_eq!(rig.sent(), [data, data, control]);
    }

    #[test]
    fn what_came_back_untouched_is_first_in_its_lane() {
        let mut rig = Rig::started_and_open(settings());
        let (a, b) = (rig.send(), rig.send());
        let conn = rig.conn();
        let untouched_from = Some(MessageId(a));
        rig.event(Event::Closed { conn, cause: Cause::Io(IoKind::Reset), untouched_from });
        let (c, control) = (rig.send(), rig.send_with(AGAIN.control()));
        rig.wait_out();
        rig.open();
        assert_eq!(rig.sent()[2..], [control, a, b, c]);
    }

    #[test]
    fn what_is_sent_ahead_keeps_the_order_of_the_application() {
        let mut rig = Rig::started_and_open(Settings { ready: Ready::WhenTold, ..settings() });
        let conn = rig.conn();
        let (first, second) = (rig.send_with(AGAIN.bound_to(conn)), rig.send_with(AGAIN.bound_to(conn).control()));
        assert_eq!(rig.sent(), [first, second]);
    }

    #[test]
    fn data_never_displaces_control() {
        let mut rig = Rig::new(bounded(2, WhenFull::DropOldest));
        rig.send_with(AGAIN.control());
        rig.send_with(AGAIN.control());
        let data = rig.send();
        assert_eq!((rig.verdicts(), refusals(&rig)), (vec![], vec![(data, Refusal::Full)]));
    }

    #[test]
    fn control_displaces_data_first() {
        let mut rig = Rig::new(bounded(2, WhenFull::DropOldest));
        let (control, data) = (rig.send_with(AGAIN.control()), rig.send());
        let displaced = Verdict::Dropped(Dropped::Displaced);
        rig.send_with(AGAIN.control());
        assert_eq!(rig.verdicts(), [(data, displaced)]);
        rig.send_with(AGAIN.control());
        assert_eq!(rig.verdicts(), [(data, displaced), (control, displaced)]);
    }
}

mod conflation {
    use super::*;

    #[test]
    fn the_newest_of_a_key_takes_the_place_of_the_one_that_waits() {
        let mut rig = Rig::new(settings());
        let (old, other, new) = (rig.send_with(quote()), rig.send(), rig.send_with(quote()));
        assert_eq!(rig.verdicts(), [(old, CONFLATED)]);
        rig.start();
        rig.open();
        assert_eq!(rig.sent(), [new, other]);
    }

    #[test]
    fn keys_and_lanes_are_kept_apart() {
        let mut rig = Rig::new(settings());
        rig.send_with(quote());
        rig.send_with(ONCE.key(Key(8)));
        rig.send_with(quote().control());
        assert_eq!(rig.verdicts(), []);
    }

    #[test]
    fn what_may_have_been_sent_is_not_replaced() {
        let mut rig = Rig::started_and_open(settings());
        let sent = rig.send_with(AGAIN.key(Key(7)));
        rig.reset();
        let new = rig.send_with(AGAIN.key(Key(7)));
        assert_eq!(rig.verdicts(), []);
        rig.wait_out();
        rig.open();
        assert_eq!(rig.sent(), [sent, sent, new]);
    }

    #[test]
    fn what_came_back_untouched_is_replaced_by_what_came_since() {
        let mut rig = Rig::started_and_open(window(2));
        let (a, b, c) = (rig.send_with(quote()), rig.send_with(quote()), rig.send());
        let new = rig.send_with(quote());
        let conn = rig.conn();
        let untouched_from = Some(MessageId(a));
        rig.event(Event::Closed { conn, cause: Cause::Io(IoKind::Reset), untouched_from });
        assert_eq!(rig.verdicts(), [(a, CONFLATED), (b, CONFLATED)]);
        rig.wait_out();
        rig.open();
        assert_eq!(rig.sent()[2..], [new, c]);
    }

    #[test]
    fn a_full_outbox_takes_what_replaces_a_message() {
        for when_full in [WhenFull::Refuse, WhenFull::DropNewest, WhenFull::DropOldest] {
            let mut rig = Rig::new(bounded(2, when_full));
            let (old, _, _) = (rig.send_with(quote()), rig.send(), rig.send_with(quote()));
            assert_eq!((rig.verdicts(), refusals(&rig)), (vec![(old, CONFLATED)], vec![]), "{when_full:?}");
        }
    }

    #[test]
    fn one_that_is_refused_replaces_nothing() {
        let outbox = Outbox { max_bytes: 12, ..Outbox::default() };
        let mut rig = Rig::new(Settings { outbox, ..settings() });
        rig.send_with(quote());
        let large = Event::Send { id: MessageId(9), message: Message::text("thirteen byte"), options: quote() };
        rig.event(large);
        assert_eq!((rig.verdicts(), refusals(&rig)), (vec![], vec![(9, Refusal::TooLarge)]));
    }

    #[test]
    fn what_is_bound_is_neither_replaced_nor_replaces() {
        let mut rig = Rig::started_and_open(window(1));
        rig.send();
        let conn = rig.conn();
        rig.send_with(quote());
        rig.send_with(quote().bound_to(conn));
        rig.send_with(quote().bound_to(conn));
        assert_eq!(rig.verdicts(), []);
    }

    #[test]
    fn a_replaced_message_expires_no_more() {
        let mut rig = Rig::new(settings());
        let old = rig.send_with(quote().ttl(secs(1)));
        rig.send_with(quote());
        rig.pass(secs(2));
        assert_eq!(rig.verdicts(), [(old, CONFLATED)]);
    }

    #[test]
    fn cancelling_frees_the_key() {
        let mut rig = Rig::new(settings());
        let id = rig.send_with(quote());
        rig.event(Event::Cancel { id: MessageId(id) });
        rig.send_with(quote());
        assert_eq!(rig.verdicts(), [(id, Verdict::Dropped(Dropped::Cancelled))]);
    }
}

mod names {
    use super::*;

    #[test]
    fn ids_that_fall_are_found() {
        let mut rig = Rig::new(settings());
        for id in [50, 40, 60, 10] {
            send_named(&mut rig, id, AGAIN);
        }
        send_named(&mut rig, 40, AGAIN);
        assert_eq!(refusals(&rig), [(40, Refusal::DuplicateId)]);
        rig.event(Event::Cancel { id: MessageId(60) });
        send_named(&mut rig, 60, AGAIN);
        rig.start();
        rig.open();
        assert_eq!(rig.sent(), [50, 40, 10, 60]);
    }
}
