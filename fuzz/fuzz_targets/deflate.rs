//! Bombs, corrupt streams and conversations: inside the limit, the same for any cuts, and as elsewhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_fuzz::fuzz_body;

fuzz_target!(|bytes: &[u8]| fuzz_body::deflate(bytes));
