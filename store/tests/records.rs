//! Records: what is written is read, and nothing else is.

use proptest::{collection::vec, option, prelude::*};
use std::time::Duration;

use steadfast_core::{Identity, Lane, Message, MessageId, Persist, SendOptions};
use steadfast_store::{
    Restored,
    record::{RecordError, VERSION, decode, encode},
};

fn options(max_resends: Option<u32>) -> SendOptions {
    SendOptions { max_resends, ..SendOptions::durable() }
}

fn persist(text: &'static str, options: SendOptions) -> Persist {
    Persist { id: MessageId(1), message: Message::text(text), options, identity: Some(Identity(7)) }
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
        identity in option::of(any::<u64>()),
    ) {
        let message = text.map_or_else(|| Message::binary(bytes), Message::text);
        let ttl = ttl.map(|micros| Duration::from_micros(micros.into()));
        let lane = if control { Lane::Control } else { Lane::Data };
        let options = SendOptions { ttl, lane, ..options(max_resends) };
        let mut record = Vec::new();
        let (id, identity) = (MessageId(id), identity.map(Identity));
        encode(&Persist { id, message: message.clone(), options, identity }, 5, &mut record);
        prop_assert_eq!(decode(&record, 5), Ok(Restored { id, message, options, identity }));
    }

    #[test]
    fn whatever_is_read_would_be_written_like_that(record in vec(any::<u8>(), 0..60)) {
        if let Ok(Restored { id, message, options, identity }) = decode(&record, 0) {
            let mut again = Vec::new();
            encode(&Persist { id, message, options, identity }, 0, &mut again);
            prop_assert_eq!(again, record);
        }
    }
}

#[test]
fn a_record_that_breaks_off_in_its_head_is_damaged() {
    let mut record = Vec::new();
    encode(&persist("", options(Some(3))), 5, &mut record);
    for len in 0..record.len() {
        assert_eq!(decode(&record[..len], 5), Err(RecordError::Damaged), "{len} bytes");
    }
}

#[test]
fn what_is_left_of_a_time_to_live_is_what_the_clock_on_the_wall_leaves() {
    let mut record = Vec::new();
    let options = SendOptions::durable().ttl(Duration::from_micros(100));
    encode(&persist("", options), 1_000, &mut record);
    let left = |now| decode(&record, now).expect("whole").options.ttl;
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
    encode(&persist("a", options(None)), 5, &mut record);
    *record.last_mut().expect("a payload") = 0xFF;
    assert_eq!(decode(&record, 5), Err(RecordError::Damaged));
}

#[test]
fn a_record_without_an_identity_is_one_that_older_programs_read_and_one_with_it_is_newer_to_them() {
    let first_byte = |identity| {
        let mut record = Vec::new();
        encode(&Persist { identity, ..persist("a", options(None)) }, 5, &mut record);
        record[0]
    };
    assert_eq!((first_byte(None), first_byte(Some(Identity(0)))), (1, 2));
}

#[test]
fn a_version_that_does_not_fit_what_is_said_of_the_identity_is_damage() {
    let mut record = Vec::new();
    encode(&persist("a", options(None)), 5, &mut record);
    record[0] = 1;
    assert_eq!(decode(&record, 5), Err(RecordError::Damaged));
    let flags = record[1] & !16;
    (record[0], record[1]) = (2, flags);
    assert_eq!(decode(&record, 5), Err(RecordError::Damaged));
}
