//! Several endpoints of one session, in their order.

use std::{fmt, slice, sync::Arc};

use steadfast_core::{
    EndpointId,
    config::{Config, Settings},
};

use super::{Endpoint, EndpointError, error::refuse};

/// Where a session may connect: one endpoint, or several of which it chooses by
/// [`Config::endpoints`](steadfast_core::config::Settings::endpoints). Their places in the list are their
/// [`EndpointId`]s.
///
/// ```
/// use steadfast_transport::Endpoints;
///
/// let endpoints = Endpoints::parse(["ws://eu.example.com/", "ws://us.example.com/"])?;
/// assert_eq!(endpoints.len(), 2);
///
/// let error = Endpoints::parse(["ws://eu.example.com/", "https://us.example.com/"]).unwrap_err();
/// assert_eq!((error.place(), error.field()), (Some(2), "scheme"));
/// # Ok::<(), steadfast_transport::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoints(Kind);

/// One is the usual case, and costs no list.
#[derive(Clone, PartialEq, Eq)]
enum Kind {
    One(Endpoint),
    Several(Arc<[Endpoint]>),
}

impl Endpoints {
    /// These endpoints, in this order.
    ///
    /// # Errors
    /// There are none, or more than 1,000.
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>) -> Result<Self, EndpointError> {
        let mut list: Vec<Endpoint> = endpoints.into_iter().collect();
        match list.len() {
            1 => Ok(Self(Kind::One(list.remove(0)))),
            2..=MOST => Ok(Self(Kind::Several(list.into()))),
            count => Err(refuse("endpoints", count, "1 to 1000 of them")),
        }
    }

    /// The endpoints behind these URLs; see [`Endpoint::parse`].
    ///
    /// # Errors
    /// As [`new`](Self::new), and what is wrong with the first URL that cannot be, and [which](EndpointError::place) that is.
    pub fn parse<'a>(urls: impl IntoIterator<Item = &'a str>) -> Result<Self, EndpointError> {
        let parse = |(place, url)| Endpoint::parse(url).map_err(|error: EndpointError| error.of(place));
        Self::new((1..).zip(urls).map(parse).collect::<Result<Vec<_>, _>>()?)
    }

    /// How many.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// The first.
    #[must_use]
    pub fn first(&self) -> &Endpoint {
        match &self.0 {
            Kind::One(endpoint) => endpoint,
            Kind::Several(list) => &list[0],
        }
    }

    /// The one at this place; `None` if there are not so many.
    #[must_use]
    pub fn get(&self, id: EndpointId) -> Option<&Endpoint> {
        self.as_slice().get(usize::from(id.0))
    }

    /// All of them, in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[Endpoint] {
        match &self.0 {
            Kind::One(endpoint) => slice::from_ref(endpoint),
            Kind::Several(list) => list,
        }
    }

    /// The configuration of a session of these endpoints: if one has credentials, the session is told that there are such;
    /// see [`Endpoint::configure`].
    #[must_use]
    pub fn configure(&self, config: Config) -> Config {
        match self.as_slice().iter().find(|endpoint| endpoint.credentials_wanted().is_some()) {
            Some(endpoint) => endpoint.configure(config),
            None => config,
        }
    }

    /// The configuration for so many. Priorities of endpoints that there are not mean nothing.
    pub(crate) fn fit(&self, config: Config) -> Config {
        let config = self.configure(config);
        config.for_endpoints(self.len()).unwrap_or_else(|_| {
            let mut settings = Settings::clone(&config);
            settings.endpoints.priorities.truncate(self.len());
            let fitting = Config::new(settings).and_then(|config| config.for_endpoints(self.len()));
            fitting.unwrap_or(config)
        })
    }
}

impl From<Endpoint> for Endpoints {
    fn from(endpoint: Endpoint) -> Self {
        Self(Kind::One(endpoint))
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

const MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_endpoint_is_too_few() {
        let error = Endpoints::new([]).unwrap_err();
        assert_eq!(error.to_string(), "endpoints `0`: expected 1 to 1000 of them");
    }

    #[test]
    fn a_bad_url_among_several_is_named_by_its_place() {
        let error = Endpoints::parse(["ws://a/", "ws://b/", "ws://c:port/"]).unwrap_err();
        assert_eq!((error.place(), error.field()), (Some(3), "port"));
        assert!(error.to_string().starts_with("endpoint 3: port "), "{error}");
    }

    #[test]
    fn endpoints_keep_their_places() {
        let endpoints = Endpoints::parse(["ws://a/", "ws://b/"]).unwrap();
        assert_eq!(endpoints.get(EndpointId(1)).map(Endpoint::host), Some("b"));
        assert_eq!((endpoints.get(EndpointId(2)), endpoints.first().host()), (None, "a"));
    }

    #[test]
    fn a_configuration_is_made_to_fit() {
        let endpoints = Endpoints::parse(["ws://a/", "ws://b/"]).unwrap();
        let mut settings = Settings::default();
        settings.endpoints.priorities = vec![0, 1, 2];
        let fitting = endpoints.fit(Config::new(settings).unwrap());
        assert_eq!((fitting.endpoints.count, &*fitting.endpoints.priorities), (2, &[0, 1][..]));
    }
}
