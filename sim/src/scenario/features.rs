//! What a scenario makes use of beside a session's bare necessities.

use std::fmt;

use steadfast_core::{Lane, config::Background};

use super::{Scenario, Step};
use crate::Grant;

/// Something that a session may be asked to do beside holding a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Feature {
    /// Several endpoints, and what happens to their regions.
    Endpoints,
    /// Connections carry credentials, which expire, are revoked, and cannot be fetched.
    Credentials,
    /// A store for durable messages, which is slow, full or broken.
    Store,
    /// Lanes, keys and times to live of what is not durable, and rates.
    Options,
    /// What a network monitor says, truly or not, and suspend.
    Signals,
    /// The background, and what becomes of connections there.
    Background,
    /// Identities that change.
    Identities,
    /// The process dies, and begins again.
    Crashes,
}

impl Feature {
    /// Every feature.
    pub const ALL: &'static [Self] = &[
        Self::Endpoints,
        Self::Credentials,
        Self::Store,
        Self::Options,
        Self::Signals,
        Self::Background,
        Self::Identities,
        Self::Crashes,
    ];

    /// Its name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints",
            Self::Credentials => "credentials",
            Self::Store => "store",
            Self::Options => "options",
            Self::Signals => "signals",
            Self::Background => "background",
            Self::Identities => "identities",
            Self::Crashes => "crashes",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }

    fn is_in(self, scenario: &Scenario) -> bool {
        let Scenario { config, around, steps, .. } = scenario;
        let any = |fits: fn(&Step) -> bool| steps.iter().any(fits);
        match self {
            Self::Endpoints => config.endpoints.count > 1,
            Self::Credentials => config.credentials.is_some(),
            Self::Store => config.store,
            Self::Options => {
                config.rate.is_some()
                    || any(|step| {
                        matches!(step, Step::SendWith { options, .. }
                            if !options.durable
                                && (options.lane != Lane::Data || options.ttl.is_some() || options.key.is_some()))
                    })
            }
            Self::Signals => any(|step| matches!(step, Step::Network(_) | Step::Sleep { .. })),
            Self::Background => {
                config.background != Background::Keep || any(|step| matches!(step, Step::Visibility(_)))
            }
            Self::Identities => {
                let elsewhere = |grant: &Grant| matches!(grant, Grant::Lease { identity: Some(_), .. });
                around.source.iter().any(elsewhere) || any(|step| matches!(step, Step::Identity(_)))
            }
            Self::Crashes => any(|step| matches!(step, Step::Crash)),
        }
    }
}

/// A set of [`Feature`]s; shown as their names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Features(u16);

impl Features {
    pub(super) fn of(scenario: &Scenario) -> Self {
        Self(Feature::ALL.iter().filter(|feature| feature.is_in(scenario)).map(|feature| feature.bit()).sum())
    }

    /// Every set there is.
    pub fn every() -> impl Iterator<Item = Self> {
        (0..1 << Feature::ALL.len()).map(Self)
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn contains(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }

    /// Which they are.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.iter().copied().filter(move |feature| self.contains(*feature))
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        for (n, feature) in self.iter().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { " " }, feature.name())?;
        }
        Ok(())
    }
}
