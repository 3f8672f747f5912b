//! Arbitrary bytes in arbitrary chunks: the same events for any cuts, bounded memory, nothing after the end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_fuzz::fuzz_body;

fuzz_target!(|bytes: &[u8]| fuzz_body::wire(bytes));
