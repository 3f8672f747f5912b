//! Messages made from structure: what is sent is what is received, either way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_fuzz::fuzz_body;

fuzz_target!(|bytes: &[u8]| fuzz_body::message(bytes));
