//! Arbitrary bytes as a message that a store wrote: no panic, and what is read is written in the same way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_fuzz::fuzz_body;

fuzz_target!(|bytes: &[u8]| fuzz_body::stored(bytes));
