//! Records: what is written is read, and nothing else is.

use proptest::{collection::vec, option, prelude::*};
use steadfast_core::{Delivery, Message, MessageId, SendOptions};
use steadfast_store::record::{RecordError, VERSION, decode, encode};

fn options(max_resends: Option<u32>) -> SendOptions {
    SendOptions { max_resends, ..SendOptions::new(Delivery::AtLeastOnce) }
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        id: u64,
        text: Option<String>,
        bytes in vec(any::<u8>(), 0..600),
        max_resends in option::of(any::<u32>()),
    ) {
        let message = text.map_or_else(|| Message::binary(bytes), Message::text);
        let options = options(max_resends);
        let mut record = Vec::new();
        encode(MessageId(id), &message, &options, &mut record);
        prop_assert_eq!(decode(&record), Ok((MessageId(id), message, options)));
    }

    #[test]
    fn whatever_is_read_would_be_written_like_that(record in vec(any::<u8>(), 0..60)) {
        if let Ok((id, message, options)) = decode(&record) {
            let mut again = Vec::new();
            encode(id, &message, &options, &mut again);
            prop_assert_eq!(again, record);
        }
    }
}

#[test]
fn a_record_that_breaks_off_in_its_head_is_damaged() {
    let mut record = Vec::new();
    encode(MessageId(1), &Message::text(""), &options(Some(3)), &mut record);
    for len in 0..record.len() {
        assert_eq!(decode(&record[..len]), Err(RecordError::Damaged), "{len} bytes");
    }
}

#[test]
fn a_higher_version_is_newer_and_none_at_all_is_damage() {
    assert_eq!(decode(&[VERSION + 1, 0]), Err(RecordError::Newer(VERSION + 1)));
    assert_eq!(decode(&[0, 0]), Err(RecordError::Damaged));
}

#[test]
fn text_that_is_no_text_is_damage() {
    let mut record = Vec::new();
    encode(MessageId(1), &Message::text("a"), &options(None), &mut record);
    *record.last_mut().expect("a payload") = 0xFF;
    assert_eq!(decode(&record), Err(RecordError::Damaged));
}
