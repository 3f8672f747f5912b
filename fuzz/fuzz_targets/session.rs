//! Arbitrary events in arbitrary order at arbitrary times: nothing panics, and every promise is kept.
#![no_main]

// The same code replays the corpus on stable, in `tests/tests/fuzz_corpus.rs`.
#[path = "../../tests/src/fuzz_body/mod.rs"]
mod fuzz_body;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz_body::session(bytes));
