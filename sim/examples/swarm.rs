//! Many random scenarios, each with a random set of features: says how often each set occurred, and what broke the contract.
//!
//! ```text
//! cargo run --release -p steadfast-sim --example swarm                       # seeds 0..10000
//! cargo run --release -p steadfast-sim --example swarm -- 0..60000
//! cargo run --release -p steadfast-sim --example swarm -- 0..60000 --keep found   # what breaks, shrunk, as files in there
//! ```
//!
//! `--example replay -- SEED` shows one of them event by event; so does it with a file.

use std::{
    collections::BTreeMap, env, fs, num::NonZero, ops::Range, path::PathBuf, process::ExitCode, thread, time::Instant,
};

use steadfast_sim::{Clause, Feature, Features, Report, Scenario};

/// What came of some of the seeds.
#[derive(Default)]
struct Outcome {
    occurred: BTreeMap<Features, u64>,
    events: u64,
    actions: u64,
    offered: u64,
    connections: u64,
    broken: Vec<(u64, Clause, String)>,
}

impl Outcome {
    fn of(seeds: impl Iterator<Item = u64>) -> Self {
        let mut outcome = Self::default();
        for seed in seeds {
            let scenario = Scenario::from_seed(seed);
            *outcome.occurred.entry(scenario.features()).or_default() += 1;
            let report = scenario.run().expect("drawn settings are possible");
            outcome.count(seed, &report);
        }
        outcome
    }

    fn count(&mut self, seed: u64, report: &Report) {
        self.events += report.events;
        self.actions += report.actions;
        self.offered += report.tally.offered;
        self.connections += report.tally.connections;
        if let Some(violation) = report.violations.first() {
            self.broken.push((seed, violation.clause, violation.to_string()));
        }
    }

    fn add(&mut self, other: Self) {
        for (features, count) in other.occurred {
            *self.occurred.entry(features).or_default() += count;
        }
        self.events += other.events;
        self.actions += other.actions;
        self.offered += other.offered;
        self.connections += other.connections;
        self.broken.extend(other.broken);
    }

    /// How many scenarios had all of these.
    fn with(&self, features: &[Feature]) -> u64 {
        let has = |set: Features| features.iter().all(|feature| set.contains(*feature));
        self.occurred.iter().filter(|(set, _)| has(**set)).map(|(_, count)| count).sum()
    }
}

fn main() -> ExitCode {
    let Some((seeds, keep)) = arguments() else {
        eprintln!("usage: swarm [FROM..TO] [--keep FOLDER]");
        return ExitCode::from(2);
    };
    if let Some(folder) = &keep
        && let Err(error) = fs::create_dir_all(folder)
    {
        eprintln!("{}: {error}", folder.display());
        return ExitCode::from(2);
    }
    let began = Instant::now();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut all = Outcome::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn({
                    let seeds = seeds.clone();
                    move || Outcome::of(seeds.skip(first).step_by(threads))
                })
            })
            .collect();
        for worker in workers {
            all.add(worker.join().expect("no scenario makes the session panic"));
        }
    });
    all.broken.sort();
    print(&all, began.elapsed().as_secs_f64());
    for (seed, clause, what) in &all.broken {
        println!("seed {seed}: {what}");
        if let Some(folder) = &keep {
            let path = folder.join(format!("{seed}.json"));
            let fails = |scenario: &Scenario| scenario.run().is_ok_and(|report| report.breaks(*clause));
            if let Err(error) = Scenario::from_seed(*seed).shrunk(fails).save(&path) {
                eprintln!("{}: {error}", path.display());
            }
        }
    }
    println!("{} of {} scenarios broke the contract", all.broken.len(), seeds.end - seeds.start);
    ExitCode::from(u8::from(!all.broken.is_empty()))
}

fn arguments() -> Option<(Range<u64>, Option<PathBuf>)> {
    let (mut seeds, mut keep) = (0..10_000, None);
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--keep" {
            keep = Some(words.next()?.into());
        } else {
            let (from, to) = word.split_once("..")?;
            seeds = from.parse().ok()?..to.parse().ok()?;
        }
    }
    (!seeds.is_empty()).then_some((seeds, keep))
}

fn print(all: &Outcome, seconds: f64) {
    let Outcome { occurred, events, actions, offered, connections, .. } = all;
    println!("{events} events, {actions} actions, {offered} messages, {connections} connections in {seconds:.1} s\n");
    println!("How many scenarios had each feature (diagonal), and each two of them:\n");
    print!("{:12}", "");
    for feature in Feature::ALL {
        print!("{:>12}", feature.name());
    }
    println!();
    for (n, row) in Feature::ALL.iter().enumerate() {
        print!("{:12}", row.name());
        for column in &Feature::ALL[..n] {
            print!("{:>12}", all.with(&[*row, *column]));
        }
        println!("{:>12}", all.with(&[*row]));
    }
    let counts: Vec<u64> = Features::every().map(|set| occurred.get(&set).copied().unwrap_or(0)).collect();
    let (least, most) = (counts.iter().min().unwrap_or(&0), counts.iter().max().unwrap_or(&0));
    let met = counts.iter().filter(|count| **count > 0).count();
    println!("\n{met} of {} sets of features occurred, each {least} to {most} times:\n", counts.len());
    let letters: String = Feature::ALL.iter().filter_map(|feature| feature.name().chars().next()).collect();
    for (n, set) in Features::every().enumerate() {
        let shown: String = Feature::ALL
            .iter()
            .zip(letters.chars())
            .map(|(feature, letter)| if set.contains(*feature) { letter } else { '.' })
            .collect();
        print!("{shown} {:>5}{}", counts[n], if n % 8 == 7 { "\n" } else { "  " });
    }
    println!();
}
