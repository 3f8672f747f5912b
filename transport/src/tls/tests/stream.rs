//! Bytes, once the handshake is done: whatever the stream does to them, they are the same.

use std::io::ErrorKind;

use proptest::{collection::vec, prelude::*};
use rustls::version::{TLS12, TLS13};
use steadfast_core::TlsKind;

use super::peer::*;
use crate::{dial::Stream, tls::TlsFailure};

/// Bytes that tell where they belong.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|index| u8::try_from(index * 31 % 251).expect("below 251")).collect()
}

/// A pair after its handshake.
fn open() -> Pair {
    let mut pair = Pair::plain();
    pair.handshake().expect("a handshake");
    pair
}

#[test]
fn what_was_written_has_left_when_it_is_said_to_have() {
    let mut pair = open();
    let plain = bytes(200_000);
    let mut written = 0;
    while written < plain.len() {
        pair.pipe.room = Some(1_000);
        match pair.client.write(&mut pair.pipe, &plain[written..]) {
            Ok(taken) => {
                written += taken;
                pair.serve().expect("good TLS");
                assert_eq!(pair.received.len(), written);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                let touched = pair.client.touched();
                pair.serve().expect("good TLS");
                assert!(pair.received.len() <= written + touched);
            }
        }
    }
    assert!(pair.received == plain);
}

#[test]
fn no_byte_of_a_record_has_reached_the_server_before_all_have() {
    let mut pair = open();
    let plain = bytes(40_000);
    let mut touched = Vec::new();
    pair.pipe.room = Some(100);
    while pair.client.write(&mut pair.pipe, &plain).is_err() {
        touched.push(pair.client.touched());
        pair.pipe.room = Some(100);
    }
    touched.dedup();
    assert_eq!(touched, [0, 16 << 10, 32 << 10]);
}

#[test]
fn the_last_record_is_touched_though_an_alert_behind_it_has_not_left() {
    let mut pair = open();
    let plain = bytes(100);
    pair.pipe.room = Some(0);
    assert!(pair.client.write(&mut pair.pipe, &plain).is_err());
    pair.say(b"bad");
    *pair.pipe.to_client.back_mut().expect("a record") ^= 1;
    // For the record, and for the beginning of the alert.
    pair.pipe.room = Some(100 + 22 + 3);
    failure(pair.read());
    assert!(pair.client.wants_write());
    pair.serve().expect("good TLS");
    assert_eq!((pair.received.len(), pair.client.touched()), (100, 100));
}

#[test]
fn every_batch_begins_untouched() {
    let mut pair = open();
    assert_eq!(pair.client.write(&mut pair.pipe, &bytes(60_000)).expect("room"), 60_000);
    assert_eq!(pair.client.touched(), 0);
    pair.pipe.room = Some(10_000);
    assert!(pair.client.write(&mut pair.pipe, &bytes(60_000)).is_err());
    assert_eq!(pair.client.touched(), 0);
}

#[test]
fn what_was_touched_is_known_after_the_stream_has_failed() {
    let mut pair = open();
    let plain = bytes(60_000);
    pair.pipe.room = Some(20_000);
    assert_eq!(pair.client.write(&mut pair.pipe, &plain).expect_err("no room").kind(), ErrorKind::WouldBlock);
    pair.pipe.write_error = Some(ErrorKind::ConnectionReset);
    assert_eq!(pair.client.write(&mut pair.pipe, &plain).expect_err("no stream").kind(), ErrorKind::ConnectionReset);
    assert_eq!(pair.client.touched(), 16 << 10);
    pair.serve().expect("good TLS");
    assert_eq!(pair.received.len(), 16 << 10);
}

#[test]
fn a_slow_stream_shows_progress_before_a_batch_has_left() {
    let mut pair = open();
    let plain = bytes(60_000);
    let mut before = pair.client.sent();
    for _ in 0..10 {
        pair.pipe.room = Some(1_000);
        assert!(pair.client.write(&mut pair.pipe, &plain).is_err());
        assert_eq!(pair.client.sent(), before + 1_000);
        before = pair.client.sent();
    }
}

#[test]
fn a_stream_over_tls_shows_progress_too() {
    let Pair { client, mut pipe, .. } = open();
    pipe.room = Some(1_000);
    let mut stream = Stream::Tls(Box::new(client), pipe);
    let before = stream.sent();
    assert!(stream.write(&bytes(60_000)).is_err());
    assert_eq!(stream.sent(), before + 1_000);
}

#[test]
fn a_server_that_says_goodbye_has_ended_the_stream() {
    let mut pair = open();
    pair.say(b"last words");
    pair.server.send_close_notify();
    pair.serve().expect("good TLS");
    pair.pipe.ended = true;
    assert_eq!(pair.read().expect("bytes"), b"last words");
    assert_eq!(pair.read().expect("the end"), b"");
}

#[test]
fn a_stream_that_ends_without_goodbye_may_have_been_cut() {
    let mut pair = open();
    pair.say(b"half a sen");
    pair.pipe.ended = true;
    assert_eq!(pair.read().expect("bytes"), b"half a sen");
    let error = pair.read().expect_err("no goodbye");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(error.to_string().contains("close_notify"), "{error}");
    assert!(TlsFailure::of(&error).is_none());
}

#[test]
fn a_record_that_was_changed_on_its_way_ends_the_connection_behind_what_came_before_it() {
    for room in [64 << 10, 1 << 10] {
        let mut pair = open();
        pair.say(b"hello");
        pair.serve().expect("good TLS");
        pair.say(b"world");
        *pair.pipe.to_client.back_mut().expect("a record") ^= 1;
        let mut buffer = vec![0; room];
        let read = pair.client.read(&mut pair.pipe, &mut [], &mut buffer).expect("bytes");
        assert_eq!(&buffer[..read], b"hello");
        let failure = failure(pair.client.read(&mut pair.pipe, &mut [], &mut buffer));
        assert_eq!(failure.kind(), TlsKind::Protocol);
        assert!(failure.text().contains("`example.com` broke TLS: cannot decrypt"), "{failure}");
        let told = rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac);
        assert_eq!(pair.serve(), Err(told));
    }
}

#[test]
fn an_alert_that_finds_no_room_waits_for_the_next_chance() {
    let mut pair = open();
    pair.say(b"world");
    *pair.pipe.to_client.back_mut().expect("a record") ^= 1;
    pair.pipe.room = Some(0);
    failure(pair.read());
    assert!(pair.client.wants_write());
    pair.pipe.room = None;
    pair.client.flush(&mut pair.pipe).expect("room");
    assert!(!pair.client.wants_write());
    assert!(pair.serve().is_err());
}

#[test]
fn keys_may_change_on_the_way() {
    let mut pair = open();
    for round in 0..3 {
        pair.server.refresh_traffic_keys().expect("TLS 1.3");
        pair.say(b"hello");
        assert_eq!(pair.read().expect("bytes"), b"hello");
        assert_eq!(pair.client.write(&mut pair.pipe, b"me, too").expect("room"), 7);
        pair.serve().expect("good TLS");
        assert_eq!(pair.received.len(), 7 * (round + 1));
    }
}

#[test]
fn goodbye_reaches_the_server() {
    let mut pair = open();
    pair.client.close(&mut pair.pipe);
    pair.serve().expect("good TLS");
    assert!(pair.server.process_new_packets().expect("good TLS").peer_has_closed());
}

#[test]
fn what_was_untouched_stays_so_when_the_connection_is_closed() {
    let mut pair = open();
    let plain = bytes(30_000);
    pair.pipe.room = Some(20_000);
    assert!(pair.client.write(&mut pair.pipe, &plain).is_err());
    let touched = pair.client.touched();
    pair.pipe.room = None;
    pair.client.close(&mut pair.pipe);
    pair.serve().expect("good TLS");
    assert_eq!(pair.received.len(), touched);
}

#[test]
fn whoever_closes_does_not_wait() {
    let mut pair = open();
    pair.pipe.room = Some(0);
    pair.client.close(&mut pair.pipe);
    assert!(pair.client.wants_write());
    assert!(pair.pipe.to_server.is_empty());
}

#[test]
fn a_read_says_whether_there_may_be_more() {
    let mut pair = open();
    pair.say(&bytes(10_000));
    assert_eq!(pair.read().expect("bytes").len(), 10_000);
    assert!(!pair.client.may_have_more());
    pair.say(&bytes(10_000));
    let mut little = [0; 5_000];
    pair.client.read(&mut pair.pipe, &mut [], &mut little).expect("bytes");
    assert!(pair.client.may_have_more());
}

#[test]
fn bytes_that_come_in_while_others_wait_are_not_overlooked() {
    let mut pair = open();
    pair.say(&bytes(10_000));
    let mut little = [0; 2_000];
    pair.client.read(&mut pair.pipe, &mut [], &mut little).expect("bytes");
    pair.say(b"later");
    // The socket is not asked for what is decrypted already.
    assert_eq!(pair.read().expect("bytes").len(), 8_000);
    assert!(pair.client.may_have_more());
    assert_eq!(pair.read().expect("bytes"), b"later");
}

#[test]
fn an_end_that_came_with_the_last_bytes_is_not_overlooked() {
    let mut pair = open();
    pair.say(b"last words");
    pair.server.send_close_notify();
    pair.serve().expect("good TLS");
    assert_eq!(pair.read().expect("bytes"), b"last words");
    // The stream itself goes on, and says nothing more.
    assert!(pair.client.may_have_more());
    assert_eq!(pair.read().expect("the end"), b"");
}

#[test]
fn a_failure_that_came_with_good_bytes_is_not_overlooked() {
    let mut pair = open();
    pair.say(b"good");
    pair.say(b"bad");
    *pair.pipe.to_client.back_mut().expect("a record") ^= 1;
    assert_eq!(pair.read().expect("bytes"), b"good");
    assert!(pair.client.may_have_more());
    failure(pair.read());
}

#[test]
fn many_records_come_in_with_one_call_to_the_stream() {
    let mut pair = open();
    for _ in 0..100 {
        pair.say(&bytes(300));
    }
    pair.pipe.calls = 0;
    assert_eq!(pair.read().expect("bytes").len(), 30_000);
    assert_eq!(pair.pipe.calls, 1);
}

#[test]
fn a_batch_goes_out_with_one_call_to_the_stream() {
    let mut pair = open();
    pair.pipe.calls = 0;
    assert_eq!(pair.client.write(&mut pair.pipe, &bytes(100_000)).expect("room"), 64 << 10);
    assert_eq!(pair.pipe.calls, 1);
}

#[test]
fn what_comes_in_without_a_byte_for_the_application_leaves_the_others_their_turn() {
    let mut pair = open();
    pair.say(b"hello");
    // As many little things as there are bytes in the record, each of them nothing to the application.
    pair.pipe.portions = [1; 20].into();
    pair.pipe.calls = 0;
    assert_eq!(pair.read().expect_err("not a whole record").kind(), ErrorKind::Interrupted);
    assert!(pair.pipe.calls < 20, "{} calls", pair.pipe.calls);
    let bytes = loop {
        match pair.read() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    assert_eq!(bytes.expect("bytes"), b"hello");
}

/// What the stream does to a connection, and what is said over it.
#[derive(Debug, Clone)]
struct Course {
    tls12: bool,
    portions: Vec<usize>,
    ours: usize,
    theirs: Vec<usize>,
    rooms: Vec<(usize, usize)>,
}

fn course() -> impl Strategy<Value = Course> {
    let portion = prop_oneof![3 => 1..50_usize, 3 => 1..20_000_usize, 2 => Just(0_usize), 1 => Just(1 << 20)];
    let said = prop_oneof![3 => 1..200_usize, 1 => 1..40_000_usize];
    let then = prop_oneof![1 => 1..3_000_usize, 1 => 20_000..30_000_usize, 2 => Just(64 << 10)];
    let first = prop_oneof![2 => Just(0_usize), 1 => 1..3_000_usize, 1 => 17_000..20_000_usize];
    let shape = (any::<bool>(), vec(portion, 0..300), 0..200_000_usize, vec(said, 0..20), vec((first, then), 1..5));
    shape.prop_map(|(tls12, portions, ours, theirs, rooms)| Course { tls12, portions, ours, theirs, rooms })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_bytes_both_ways(course in course()) {
        run(&course);
    }
}

fn run(course: &Course) {
    let mut pair = Pair::with(|serving| serving.versions = vec![if course.tls12 { &TLS12 } else { &TLS13 }]);
    pair.pipe.portions = course.portions.iter().copied().collect();
    pair.handshake().expect("a handshake");
    let (ours, theirs) = (bytes(course.ours), bytes(course.theirs.iter().sum()));
    let mut unsaid = &theirs[..];
    let mut said = course.theirs.iter();
    let (mut written, mut read) = (0, Vec::new());
    let mut rooms = course.rooms.iter().cycle();
    for _ in 0..100_000 {
        if let Some(len) = said.next() {
            let (now, later) = unsaid.split_at(*len);
            pair.say(now);
            unsaid = later;
        }
        written = write_once(&mut pair, &ours, written);
        let (first, then) = rooms.next().expect("a room at least");
        read.extend(read_once(&mut pair, *first, *then));
        if written == ours.len() && read.len() == theirs.len() && unsaid.is_empty() {
            assert!(pair.received == ours && read == theirs);
            return;
        }
    }
    panic!("no progress");
}

/// Writes what is left, once; how much of all has left.
fn write_once(pair: &mut Pair, ours: &[u8], written: usize) -> usize {
    let (now, touched) = match pair.client.write(&mut pair.pipe, &ours[written..]) {
        Ok(taken) => (written + taken, 0),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            (written, pair.client.touched())
        }
    };
    pair.serve().expect("good TLS");
    assert!(pair.received.len() >= now, "it has left, and did not arrive");
    assert!(pair.received.len() <= now + touched, "it arrived, and is said not to have been touched");
    now
}

fn read_once(pair: &mut Pair, first: usize, then: usize) -> Vec<u8> {
    let (mut first, mut then) = (vec![0; first], vec![0; then]);
    match pair.client.read(&mut pair.pipe, &mut first, &mut then) {
        Ok(read) => {
            assert!(read > 0, "nobody has ended it");
            first.extend(then);
            first.truncate(read);
            first
        }
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted));
            Vec::new()
        }
    }
}
