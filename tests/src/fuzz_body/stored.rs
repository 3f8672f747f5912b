//! The target `stored`: any bytes as a message that a store wrote.

use steadfast_core::Persist;
use steadfast_store::{
    Restored,
    record::{RecordError, VERSION, decode, encode},
};

/// # Panics
/// When a record is read that would not be written like that, or refused for another reason than its own.
pub fn stored(bytes: &[u8]) {
    match decode(bytes, 0) {
        Ok(Restored { id, message, options, identity }) => {
            let mut again = Vec::new();
            encode(&Persist { id, message, options, identity }, 0, &mut again);
            assert_eq!(again, bytes, "what was read is written in the same way");
        }
        Err(RecordError::Newer(version)) => assert!(version > VERSION && bytes[0] == version),
        Err(RecordError::Damaged) => {}
    }
}
