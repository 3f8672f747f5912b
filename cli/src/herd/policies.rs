//! The backoffs that are compared.

use std::time::Duration;

use steadfast_core::config::{Backoff, Jitter, Settings};

/// A backoff, by its name.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) name: &'static str,
    pub(super) settings: Settings,
}

/// The default, every jitter on the default's schedule, and what people come from.
pub(super) fn policies() -> Vec<Policy> {
    let on_schedule = |jitter| Backoff { jitter, first: None, keep_pace_ppm: 0, ..Backoff::default() };
    let second = Duration::from_secs(1);
    [
        ("the default: full jitter that keeps pace with the outage", Backoff::default()),
        ("the same without keeping pace", Backoff { keep_pace_ppm: 0, ..Backoff::default() }),
        ("0.5 to 30 s, no jitter", on_schedule(Jitter::None)),
        ("0.5 to 30 s, full jitter", on_schedule(Jitter::default())),
        ("0.5 to 30 s, equal jitter", on_schedule(Jitter::Equal)),
        ("0.5 to 30 s, decorrelated jitter", on_schedule(Jitter::Decorrelated { base: second / 2, cap: second * 30 })),
        ("1 to 30 s, ±5 % (Android)", Backoff::proportional_jitter()),
        ("1 to 30 s, plus up to 1 s (Android, simple)", Backoff::additive_jitter()),
        ("1 to 30 s, plus up to 30 % (iOS)", Backoff::upward_jitter()),
        ("1, 2, 3, 4, 5 s (JavaScript)", Backoff::linear()),
        ("1, 2, 4, 8, 16 s (Dart)", Backoff::plain_exponential()),
        ("3 s (React)", Backoff::fixed()),
        ("0, 2, 10, 30 s (SignalR)", Backoff::list()),
        ("0.5 to 20 s, full jitter (Centrifugo)", Backoff::centrifugo()),
        ("1 to 120 s, ±20 % (gRPC)", Backoff::grpc()),
    ]
    .into_iter()
    .map(|(name, backoff)| Policy { name, settings: Settings { backoff, ..Settings::default() } })
    .collect()
}
