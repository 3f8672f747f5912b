//! Arbitrary events in arbitrary order at arbitrary times: nothing panics, and every promise is kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_fuzz::fuzz_body;

fuzz_target!(|bytes: &[u8]| fuzz_body::session(bytes));
