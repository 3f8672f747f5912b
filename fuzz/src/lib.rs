//! The bodies of the targets, which also replay their corpora on stable, in `tests/tests/fuzz_corpus.rs`.

#[path = "../../tests/src/fuzz_body/mod.rs"]
pub mod fuzz_body;
