//! Arbitrary URLs of proxies, exceptions from them, redirects and cookies: no secret shown, no header smuggled in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_fuzz::fuzz_body;

fuzz_target!(|bytes: &[u8]| fuzz_body::location(bytes));
