//! Records: what is written is read, and nothing else is.

use proptest::{collection::vec, option, prelude::*};
use std::time::Duration;

use steadfast_core::{Lane, Message, MessageId, SendOptions};
use steadfast_store::record::{RecordError, VERSION, decode, encode};

fn options(max_resends: Option<u32>) -> SendOptions {
    SendOptions { max_resends, ..SendOptions::durable() }
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        id: u64,
        text: Option<String>,
        bytes in vec(any::<u8>(), 0..600),
        max_resends in option::of(any::<u32>()),
        ttl in option::of(any::<u32>()),
        control: bool,
    ) {
        let message = text.map_or_else(|| Message::binary(bytes), Message::text);
        let ttl = ttl.map(|micros| Duration::from_micros(micros.into()));
        let lane = if control { Lane::Control } else { Lane::Data };
        let options = SendOptions { ttl, lane, ..options(max_resends) };
        let mut record = Vec::new();
        encode(MessageId(id), &message, &options, 5, &mut record);
        prop_assert_eq!(decode(&record, 5), Ok((MessageId(id), message, options)));
    }

    #[test]
    fn whatever_is_read_would_be_written_like_that(record in vec(any::<u8>(), 0..60)) {
        if let Ok((id, message, options)) = decode(&record, 0) {
            let mut again = Vec::new();
            encode(id, &message, &options, 0, &mut again);
            prop_assert_eq!(again, record);
        }
    }
}

#[test]
fn a_record_that_breaks_off_in_its_head_is_damaged() {
    let mut record = Vec::new();
    encode(MessageId(1), &Message::text(""), &options(Some(3)), 5, &mut record);
    for len in 0..record.len() {
        assert_eq!(decode(&record[..len], 5), Err(RecordError::Damaged), "{len} bytes");
    }
}

#[test]
fn what_is_left_of_a_time_to_live_is_what_the_clock_on_the_wall_leaves() {
    let mut record = Vec::new();
    let options = SendOptions::durable().ttl(Duration::from_micros(100));
    encode(MessageId(1), &Message::text(""), &options, 1_000, &mut record);
    let left = |now| decode(&record, now).expect("whole").2.ttl;
    assert_eq!(left(1_040), Some(Duration::from_micros(60)));
    assert_eq!(left(5_000), Some(Duration::ZERO));
}

#[test]
fn a_higher_version_is_newer_and_none_at_all_is_damage() {
    assert_eq!(decode(&[VERSION + 1, 0], 5), Err(RecordError::Newer(VERSION + 1)));
    assert_eq!(decode(&[0, 0], 5), Err(RecordError::Damaged));
}

#[test]
fn text_that_is_no_text_is_damage() {
    let mut record = Vec::new();
    encode(MessageId(1), &Message::text("a"), &options(None), 5, &mut record);
    *record.last_mut().expect("a payload") = 0xFF;
    assert_eq!(decode(&record, 5), Err(RecordError::Damaged));
}
