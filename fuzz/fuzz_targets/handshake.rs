//! Arbitrary answers to an upgrade in arbitrary pieces: the same judgement, bounded, and none accepted that should not be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_fuzz::fuzz_body;

fuzz_target!(|bytes: &[u8]| fuzz_body::handshake(bytes));
