//! The fuzz targets' corpora, replayed on stable.

use std::{fs, path::Path};

use steadfast_tests::fuzz_body;

#[test]
fn the_corpus_of_the_session_target_breaks_no_promise() {
    replay("session", fuzz_body::session);
}

#[test]
fn the_corpus_of_the_frame_target_is_read_as_it_is_written() {
    replay("frame", fuzz_body::frame);
}

#[test]
fn the_corpus_of_the_wire_target_comes_to_the_same_for_any_cuts() {
    replay("wire", fuzz_body::wire);
}

#[test]
fn the_corpus_of_the_message_target_is_heard_as_it_was_said() {
    replay("message", fuzz_body::message);
}

#[test]
fn the_corpus_of_the_differential_target_is_judged_as_tungstenite_does() {
    replay("differential", fuzz_body::differential);
}

#[test]
fn the_corpus_of_the_handshake_target_is_judged_the_same_for_any_cuts() {
    replay("handshake", fuzz_body::handshake);
}

#[test]
fn the_corpus_of_the_deflate_target_stays_in_its_limits_and_is_read_as_elsewhere() {
    replay("deflate", fuzz_body::deflate);
}

#[test]
fn the_corpus_of_the_proxy_target_is_judged_the_same_for_any_cuts() {
    replay("proxy", fuzz_body::proxy);
}

#[test]
fn the_corpus_of_the_location_target_shows_no_secret_and_smuggles_nothing_in() {
    replay("location", fuzz_body::location);
}

#[test]
fn the_corpus_of_the_stored_target_is_read_as_it_is_written() {
    replay("stored", fuzz_body::stored);
}

/// Runs a target's body over its committed inputs.
fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut replayed = 0;
    for entry in fs::read_dir(folder).expect("the corpus is committed") {
        let path = entry.expect("a readable folder").path();
        println!("{}", path.display());
        body(&fs::read(&path).expect("a readable file"));
        replayed += 1;
    }
    assert!(replayed >= 10, "{replayed} inputs");
}
