//! The same bytes to tungstenite and to us: the same messages and the same verdict, but for what is listed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_fuzz::fuzz_body;

fuzz_target!(|bytes: &[u8]| fuzz_body::differential(bytes));
