//! Arbitrary answers of proxies in arbitrary pieces: the same judgement, bounded, and no way that was not made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_fuzz::fuzz_body;

fuzz_target!(|bytes: &[u8]| fuzz_body::proxy(bytes));
