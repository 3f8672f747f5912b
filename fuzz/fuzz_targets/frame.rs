//! Frame headers: reading and writing are inverse, and no judgement waits for a byte that it does not need.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_fuzz::fuzz_body;

fuzz_target!(|bytes: &[u8]| fuzz_body::frame(bytes));
