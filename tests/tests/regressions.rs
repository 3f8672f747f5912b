//! What the swarm once found, shrunk: each scenario in `scenarios/` broke the contract, or the checker's idea of it.

use std::{fs, path::Path};

use steadfast_sim::Scenario;

#[test]
fn every_scenario_that_once_broke_the_contract_keeps_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut played = 0;
    for entry in fs::read_dir(&folder).expect("a folder of scenarios") {
        let path = entry.expect("an entry of the folder").path();
        let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let report = scenario.run().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(report.violations.is_empty(), "{}:\n{report}", path.display());
        played += 1;
    }
    assert!(played >= 4, "{played} scenarios");
}
