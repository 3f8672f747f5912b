//! What most sessions never need: one box, made when it is first asked for.

use alloc::boxed::Box;

use crate::{
    config::Settings,
    rng::Rng,
    session::{Session, credentials::Credentials, endpoints::Endpoints, rate::Tokens},
};

/// Seldom used state of a session.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub(super) struct Extras {
    pub(super) credentials: Credentials,
    /// What is left of the rate.
    pub(super) rate: Tokens,
    /// Where there are several.
    pub(super) endpoints: Option<Endpoints>,
}

impl Extras {
    /// What these settings ask for from the beginning on; `None` if that is nothing.
    pub(super) fn new(settings: &Settings, rng: &mut Rng) -> Option<Box<Self>> {
        let endpoints = (settings.endpoints.count > 1).then(|| Endpoints::new(&settings.endpoints, rng))?;
        Some(Box::new(Self { endpoints: Some(endpoints), ..Self::default() }))
    }
}

impl Session {
    /// What most sessions never need.
    pub(super) fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_with(Box::default)
    }
}
