//! A real process, killed with SIGKILL at drawn moments under load, and started again on the same store: what it was told to
//! be accepted arrives, in order, and nothing arrives twice but what was in doubt.
//!
//! `STEADFAST_KILLS` says how often it is killed (20), `STEADFAST_SEED` when (1).

mod judge;
mod server;

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use judge::{Life, Line, judge};
use server::Server;

/// How long the last process may take to have everything confirmed.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many lines of a process are waited for at most before it is killed, and how long for after that.
const LINES: u64 = 600;
const MICROS: u64 = 8_000;

#[test]
fn a_process_that_is_killed_again_and_again_loses_nothing_that_is_durable() {
    let kills = from_environment("STEADFAST_KILLS", 20);
    let mut rng = Rng(from_environment("STEADFAST_SEED", 1));
    let folder = Folder::new();
    let server = Server::start();
    let (mut lives, mut next) = (Vec::new(), 0);
    for life in 0..kills {
        let said = run(&server, life, &folder, Some(next), Some((rng.below(LINES), rng.below(MICROS))));
        next = said.iter().filter_map(Line::sent).max().map_or(next, |last| last + 1);
        lives.push(Life { lines: said, arrived: Vec::new() });
    }
    let said = run(&server, kills, &folder, None, None);
    lives.push(Life { lines: said, arrived: Vec::new() });
    for (life, arrived) in server.stop() {
        lives[life].arrived.extend(arrived);
    }
    let sum = judge(&lives);
    println!("{kills} kills: {sum}");
    assert!(sum.accepted > kills, "the process was given the time to do something: {sum}");
}

/// Lets the process live until it has said so many lines, and for so many microseconds longer, or until it ends by itself; what
/// it said.
fn run(server: &Server, life: u64, folder: &Folder, from: Option<u64>, until: Option<(u64, u64)>) -> Vec<Line> {
    let from = from.map_or("-".into(), |from| from.to_string());
    let mut child = Command::new(env!("CARGO_BIN_EXE_durable_client"))
        .args([server.url(life), folder.0.join("outbox").display().to_string(), from])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program is there");
    let out = child.stdout.take().expect("piped");
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || {
        // A line that breaks off was not said.
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    let mut lines: Vec<String> = Vec::new();
    match until {
        Some((count, micros)) => {
            // What it finds in its store is no work of its own.
            let mut left = count;
            while left > 0
                && let Ok(line) = told.recv()
            {
                left -= u64::from(!line.starts_with("restored"));
                lines.push(line);
            }
            let end = Instant::now() + Duration::from_micros(micros);
            while let Ok(line) = told.recv_timeout(end.saturating_duration_since(Instant::now())) {
                lines.push(line);
            }
            child.kill().expect("it lives, or did");
        }
        None => loop {
            match told.recv_timeout(PATIENCE) {
                Ok(text) => lines.push(text),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the process does not end: {lines:?}"),
            }
        },
    }
    lines.extend(told);
    reader.join().expect("no panic");
    ended(&mut child, until.is_some());
    lines.iter().filter_map(|line| Line::parse(line)).collect()
}

fn ended(child: &mut Child, killed: bool) {
    let status = child.wait().expect("it was started here");
    assert!(status.success() || killed && status.code().is_none(), "the process ended by itself: {status}");
}

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("steadfast-kills-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `SplitMix64`: the moments are the same for the same seed, as far as processes let them be.
struct Rng(u64);

impl Rng {
    const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

fn from_environment(name: &str, usual: u64) -> u64 {
    env::var(name).map_or(usual, |value| value.parse().unwrap_or_else(|_| panic!("{name}={value}: expected a number")))
}
