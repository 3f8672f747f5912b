//! What a session costs: `cargo bench -p steadfast-core`.
//!
//! `round` is the figure to keep: one `Received`, one `Send` and one `Flushed` in the open state with confirmation on, the
//! pings answered as they come, 50 ns at most for the three together.

#[expect(dead_code, reason = "each of its users takes what it needs")]
#[path = "../tests/steady/mod.rs"]
mod steady;

use divan::Bencher;
use steadfast_core::config::Config;
use steady::Steady;

fn main() {
    divan::main();
}

#[divan::bench]
fn round(bencher: Bencher<'_, '_>) {
    let mut steady = Steady::warm(Config::default());
    bencher.bench_local(|| steady.round());
    assert!(steady.actions() > 0);
}

#[divan::bench]
fn received(bencher: Bencher<'_, '_>) {
    let mut steady = Steady::warm(Config::default());
    bencher.bench_local(|| steady.receive());
}

/// With the answers, without which the window would be full.
#[divan::bench]
fn send(bencher: Bencher<'_, '_>) {
    let mut steady = Steady::warm(Config::default());
    bencher.bench_local(|| {
        steady.answer();
        steady.send();
    });
}

/// The call itself: what it names has left already. `round` has the one that tells something new.
#[divan::bench]
fn flushed(bencher: Bencher<'_, '_>) {
    let mut steady = Steady::warm(Config::default());
    bencher.bench_local(|| steady.flush());
}

/// The timer fires, a ping goes out, its pong comes in.
#[divan::bench]
fn heartbeat(bencher: Bencher<'_, '_>) {
    let mut steady = Steady::warm(Config::default());
    bencher.bench_local(|| steady.tick());
}

/// Broken, waited, connected and open again.
#[divan::bench]
fn reconnect(bencher: Bencher<'_, '_>) {
    let mut steady = Steady::warm(Config::default());
    bencher.bench_local(|| steady.reconnect());
}
