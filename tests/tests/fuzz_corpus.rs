//! The fuzz target's corpus, replayed on stable.

use std::{fs, path::Path};

use steadfast_tests::fuzz_body;

#[test]
fn the_corpus_of_the_session_target_breaks_no_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/session");
    let mut replayed = 0;
    for entry in fs::read_dir(folder).expect("the corpus is committed") {
        let path = entry.expect("a readable folder").path();
        println!("{}", path.display());
        fuzz_body::session(&fs::read(&path).expect("a readable file"));
        replayed += 1;
    }
    assert!(replayed >= 10, "{replayed} inputs");
}
