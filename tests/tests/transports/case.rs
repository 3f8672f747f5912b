//! What a scenario is run over, and servers for it.

use std::{sync::OnceLock, time::Duration};

use steadfast_core::config::{Backoff, Config, ConfigBuilder, Jitter, Schedule};
use steadfast_mio::{Endpoint, EngineKind, WireOptions, tls::TlsConfig};
use steadfast_sim::mock::{Authority, Builder, Certificate, Identity, MockServer, Script, ServerTls};

use crate::client::Client;

/// One way to run a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Case {
    pub(crate) transport: Transport,
    pub(crate) engine: Engine,
    pub(crate) tls: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transport {
    Mio,
    AsyncStd,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Native,
    /// That of the transport's world.
    Foreign,
}

/// Makes a test of each scenario for each case, or for those that it can say something about.
macro_rules! over_everything {
    ($($scenario:ident),* $(,)?) => {
        over_everything! { @native_tcp $($scenario)* }
        over_everything! { @native_tls $($scenario)* }
        over_everything! { @foreign_tcp $($scenario)* }
        over_everything! { @foreign_tls $($scenario)* }
    };
    (only over tls: $($scenario:ident),* $(,)?) => {
        over_everything! { @native_tls $($scenario)* }
        over_everything! { @foreign_tls $($scenario)* }
    };
    (only over tcp: $($scenario:ident),* $(,)?) => {
        over_everything! { @native_tcp $($scenario)* }
        over_everything! { @foreign_tcp $($scenario)* }
    };
    (@native_tcp $($scenario:ident)*) => {
        over_everything! { @case mio_native_tcp Mio Native false: $($scenario)* }
        over_everything! { @case async_std_native_tcp AsyncStd Native false: $($scenario)* }
    };
    (@native_tls $($scenario:ident)*) => {
        over_everything! { @case mio_native_tls Mio Native true: $($scenario)* }
        over_everything! { @case async_std_native_tls AsyncStd Native true: $($scenario)* }
    };
    (@foreign_tcp $($scenario:ident)*) => {
        over_everything! { @case mio_foreign_tcp Mio Foreign false: $($scenario)* }
        over_everything! { @case async_std_foreign_tcp AsyncStd Foreign false: $($scenario)* }
    };
    (@foreign_tls $($scenario:ident)*) => {
        over_everything! { @case mio_foreign_tls Mio Foreign true: $($scenario)* }
        over_everything! { @case async_std_foreign_tls AsyncStd Foreign true: $($scenario)* }
    };
    (@case $name:ident $transport:ident $engine:ident $tls:literal: $($scenario:ident)*) => {
        mod $name {
            const CASE: $crate::case::Case = $crate::case::Case {
                transport: $crate::case::Transport::$transport,
                engine: $crate::case::Engine::$engine,
                tls: $tls,
            };
            $(
                #[test]
                fn $scenario() {
                    super::$scenario(CASE);
                }
            )*
        }
    };
}

impl Case {
    /// A server of its kind that the test leads by hand.
    pub(crate) fn by_hand(self) -> MockServer {
        self.builder().by_hand()
    }

    /// A server of its kind that sends every message back.
    pub(crate) fn echo(self) -> MockServer {
        self.builder().start(Script::echoing())
    }

    /// A server of its kind, to be made.
    pub(crate) fn builder(self) -> Builder {
        let builder = MockServer::builder().patience(SOON);
        if self.tls { builder.tls(ServerTls::new(&known().valid)) } else { builder }
    }

    /// Where a server is, on the engine of this case, with trust in the authority of the tests.
    pub(crate) fn endpoint(self, url: &str) -> Endpoint {
        let endpoint = Endpoint::parse(url).expect("a good URL").tls(known().trust.clone());
        endpoint.engine(self.engine_kind())
    }

    fn engine_kind(self) -> EngineKind {
        match (self.engine, self.transport) {
            (Engine::Native, _) => EngineKind::Native(WireOptions::default()),
            (Engine::Foreign, Transport::Mio) => EngineKind::Tungstenite,
            (Engine::Foreign, Transport::AsyncStd) => EngineKind::AsyncTungstenite,
        }
    }

    /// A client of the server that retries at once.
    pub(crate) fn connect(self, server: &MockServer) -> Client {
        self.connect_to(self.endpoint(&server.url()), config())
    }

    /// A client of this configuration.
    pub(crate) fn connect_to(self, endpoint: Endpoint, config: ConfigBuilder) -> Client {
        Client::connect(self.transport, endpoint, config.build().expect("a good configuration"))
    }

    /// `ws` or `wss`.
    pub(crate) fn scheme(self) -> &'static str {
        if self.tls { "wss" } else { "ws" }
    }
}

/// What every server shows and every client trusts. Keys take a while to make.
pub(crate) struct Known {
    pub(crate) authority: Authority,
    pub(crate) valid: Identity,
    pub(crate) trust: TlsConfig,
}

pub(crate) fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let authority = Authority::new();
        let valid = authority.issue(Certificate::Valid);
        let trust = trusting(&authority);
        Known { authority, valid, trust }
    })
}

/// Trusts this authority, and no other.
pub(crate) fn trusting(authority: &Authority) -> TlsConfig {
    TlsConfig::builder().roots(steadfast_mio::tls::Roots::None).root_pem(authority.pem()).build().expect("a good root")
}

/// A configuration that retries after 10 ms.
pub(crate) fn config() -> ConfigBuilder {
    let schedule = Schedule::Fixed { delay: Duration::from_millis(10) };
    Config::builder().backoff(Backoff { schedule, jitter: Jitter::None, first: None, ..Backoff::default() })
}

/// A bound that only a failure reaches.
pub(crate) const SOON: Duration = Duration::from_secs(30);
