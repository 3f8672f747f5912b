//! Scenarios: replayed from a seed, from a file, from bytes.

use std::{env, fs, process};

use steadfast_sim::{Clause, Scenario};

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..50 {
        let (once, again) = (Scenario::from_seed(seed), Scenario::from_seed(seed));
        assert_eq!(once, again);
        assert_eq!(once.run().unwrap(), again.run().unwrap());
    }
}

#[test]
fn other_seeds_give_other_runs() {
    let mut digests: Vec<_> = (0..50).map(|seed| Scenario::from_seed(seed).run().unwrap().digest).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 50);
}

#[test]
fn a_scenario_is_replayed_from_a_file() {
    let path = env::temp_dir().join(format!("steadfast-scenario-{}.json", process::id()));
    let scenario = Scenario::from_seed(7);
    scenario.save(&path).unwrap();
    let read = Scenario::load(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(read, scenario);
    assert_eq!(read.run().unwrap().digest, scenario.run().unwrap().digest);
}

#[test]
fn a_file_that_is_no_scenario_is_refused_with_its_field() {
    let path = env::temp_dir().join(format!("steadfast-no-scenario-{}.json", process::id()));
    fs::write(&path, r#"{"seed": 1, "stps": []}"#).unwrap();
    let error = Scenario::load(&path).unwrap_err().to_string();
    fs::remove_file(&path).unwrap();
    assert!(error.contains("stps"), "{error}");
}

#[test]
fn clauses_have_names_of_their_own() {
    let mut names: Vec<_> = Clause::ALL.iter().map(|clause| clause.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Clause::ALL.len());
}

#[cfg(feature = "arbitrary")]
#[test]
fn any_bytes_make_a_scenario_that_keeps_the_contract() {
    use arbitrary::{Arbitrary, Unstructured};

    for length in 0..200_u8 {
        let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(97).wrapping_add(length)).collect();
        let scenario = Scenario::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        scenario.run().expect("drawn settings are possible").expect_clean();
    }
}
