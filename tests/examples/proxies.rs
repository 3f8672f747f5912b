//! Our clients through proxies that others wrote. `tests/proxies.sh` starts them, and this.
//!
//! `proxies [TRANSPORT...]`; where the proxies are is told by `STEADFAST_HTTP_PROXY`, `STEADFAST_HTTP_PROXY_PASSWORD`,
//! `STEADFAST_SOCKS_PROXY` and `STEADFAST_SOCKS_PROXY_PASSWORD`. They know the name `echo.test`, and forbid `forbidden.test`.
//! Prints what was tried, and last one line `N passed, N failed`; the exit code is 1 if one failed.

use std::{env, net::TcpListener, process::ExitCode, time::Duration};

use steadfast_mio::{
    Client, Endpoint, Outcome,
    core::{Cause, IoKind, ProxyKind, Stage, State, StateKind, StopCause, config::Config, dial::proxy::Proxy},
    tls::{Roots, TlsConfig},
};
use steadfast_sim::mock::{Authority, Certificate, MockServer, Script, ServerTls};

/// What can be put to the test.
const TRANSPORTS: [(&str, Attempt); 2] = [("mio", over_mio), ("async-std", over_async_std)];

/// Connects once, sends a message and takes its echo; or says why there was no connection.
type Attempt = fn(Endpoint) -> Result<Result<(), Cause>, String>;

/// The servers behind the proxies.
struct Servers {
    plain: MockServer,
    secure: MockServer,
    trust: TlsConfig,
}

fn main() -> ExitCode {
    let asked: Vec<String> = env::args().skip(1).collect();
    let servers = Servers::start();
    let (mut passed, mut failed) = (0, 0);
    for (transport, attempt) in
        TRANSPORTS.iter().filter(|(name, _)| asked.is_empty() || asked.iter().any(|of| of == name))
    {
        for variable in PROXIES {
            for (what, result) in try_proxy(variable, &servers, *attempt) {
                match result {
                    Ok(()) => {
                        passed += 1;
                        println!("ok: {transport}, {variable}: {what}");
                    }
                    Err(why) => {
                        failed += 1;
                        println!("failed: {transport}, {variable}: {what}: {why}");
                    }
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0 || passed == 0))
}

const PROXIES: [&str; 4] = [
    "STEADFAST_HTTP_PROXY",
    "STEADFAST_HTTP_PROXY_PASSWORD",
    "STEADFAST_SOCKS_PROXY",
    "STEADFAST_SOCKS_PROXY_PASSWORD",
];

impl Servers {
    fn start() -> Self {
        let authority = Authority::new();
        let identity = authority.issue(Certificate::ForNames(vec!["echo.test".to_owned()]));
        let trust = TlsConfig::builder().roots(Roots::None).root_pem(authority.pem()).build();
        Self {
            plain: MockServer::echo(),
            secure: MockServer::builder().tls(ServerTls::new(&identity)).start(Script::echoing()),
            trust: trust.expect("the authority's certificate is one"),
        }
    }
}

/// Everything that is tried with one proxy.
fn try_proxy(variable: &str, servers: &Servers, attempt: Attempt) -> Vec<(&'static str, Result<(), String>)> {
    let url = match env::var(variable) {
        Ok(url) => url,
        Err(error) => return vec![("where it is", Err(format!("`{variable}`: {error}")))],
    };
    let port = |server: &MockServer| server.address().expect("it has a port").port();
    let through = |proxy: &str, host: &str, port: u16| -> Result<Endpoint, String> {
        let endpoint = Endpoint::parse(&format!("ws://{host}:{port}/")).map_err(|error| error.to_string())?;
        Ok(endpoint.proxy(Proxy::parse(proxy).map_err(|error| error.to_string())?))
    };
    let echoed = |endpoint: Result<Endpoint, String>| match attempt(endpoint?)? {
        Ok(()) => Ok(()),
        Err(cause) => Err(format!("there is no connection: {cause:?}")),
    };
    let fails = |endpoint: Result<Endpoint, String>, fits: &dyn Fn(&Cause) -> bool| match attempt(endpoint?)? {
        Err(cause) if fits(&cause) => Ok(()),
        other => Err(format!("it ended otherwise: {other:?}")),
    };
    let secure = || -> Result<Endpoint, String> {
        let url_of_server = format!("wss://echo.test:{}/", port(&servers.secure));
        let endpoint = Endpoint::parse(&url_of_server).map_err(|error| error.to_string())?;
        let proxy = Proxy::parse(&url).map_err(|error| error.to_string())?;
        Ok(endpoint.tls(servers.trust.clone()).proxy(proxy))
    };
    let plain = port(&servers.plain);
    // Nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let mut results = vec![
        ("an echo by address", echoed(through(&url, "127.0.0.1", plain))),
        ("an echo by a name that only the proxy knows", echoed(through(&url, "echo.test", plain))),
        ("an echo over TLS", echoed(secure())),
        (
            "a port where nobody listens",
            fails(through(&url, "127.0.0.1", closed), &|cause| {
                matches!(cause, Cause::Proxy(ProxyKind::Refused | ProxyKind::Unreachable | ProxyKind::Failed))
            }),
        ),
        (
            "a name that nobody knows",
            fails(through(&url, "unknown.invalid", plain), &|cause| matches!(cause, Cause::Proxy(_))),
        ),
        (
            "a host that its rules forbid",
            fails(through(&url, "forbidden.test", plain), &|cause| *cause == Cause::Proxy(ProxyKind::Forbidden)),
        ),
    ];
    if let Some((scheme, (credentials, at))) =
        url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?)))
    {
        let denied: &dyn Fn(&Cause) -> bool = &|cause| *cause == Cause::Proxy(ProxyKind::Authentication);
        let user = credentials.split(':').next().unwrap_or_default();
        let wrong = format!("{scheme}://{user}:wrong@{at}");
        results.push(("a wrong password", fails(through(&wrong, "127.0.0.1", plain), denied)));
        let none = format!("{scheme}://{at}");
        results.push(("no password", fails(through(&none, "127.0.0.1", plain), denied)));
    } else {
        let nobody = "http://127.0.0.1:1";
        let refused = &|cause: &Cause| *cause == Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused };
        results.push(("a proxy that is not there", fails(through(nobody, "127.0.0.1", plain), refused)));
    }
    results
}

/// See [`Attempt`].
fn over_mio(endpoint: Endpoint) -> Result<Result<(), Cause>, String> {
    let config = Config::builder().max_attempts(0).build().map_err(|error| error.to_string())?;
    let client = Client::to(endpoint).config(config).connect().map_err(|error| error.to_string())?;
    let settled =
        client.state().wait_for(PATIENCE, |state| matches!(state.kind(), StateKind::Open | StateKind::Stopped));
    match settled {
        Some(State::Open { .. }) => {}
        Some(State::Stopped { cause: StopCause::Terminal(cause) | StopCause::Exhausted(cause) }) => {
            return Ok(Err(cause));
        }
        other => return Err(format!("neither open nor stopped: {other:?}")),
    }
    let receipt = client.send("through the proxy").map_err(|error| error.to_string())?;
    let echo = client.receive_timeout(PATIENCE).map_err(|error| error.to_string())?;
    let outcome = receipt.wait_timeout(PATIENCE);
    let good = echo.as_text() == Some("through the proxy") && outcome.as_ref().is_some_and(Outcome::is_confirmed);
    if good { Ok(Ok(())) } else { Err(format!("came back: {echo:?}; {outcome:?}")) }
}

/// See [`Attempt`].
fn over_async_std(endpoint: Endpoint) -> Result<Result<(), Cause>, String> {
    use steadfast_async_std::Client;

    let config = Config::builder().max_attempts(0).build().map_err(|error| error.to_string())?;
    let client = Client::new(Client::to(endpoint).config(config)).map_err(|error| error.to_string())?;
    client.start();
    let talk = async {
        let settled = |state: &State| matches!(state.kind(), StateKind::Open | StateKind::Stopped);
        match client.state().wait_for(settled).await {
            Some(State::Open { .. }) => {}
            Some(State::Stopped { cause: StopCause::Terminal(cause) | StopCause::Exhausted(cause) }) => {
                return Ok(Err(cause));
            }
            other => return Err(format!("neither open nor stopped: {other:?}")),
        }
        let receipt = client.send("through the proxy").await.map_err(|error| error.to_string())?;
        let echo = client.receive().await.map_err(|error| error.to_string())?;
        let outcome = receipt.await;
        let good = echo.as_text() == Some("through the proxy") && outcome.is_confirmed();
        if good { Ok(Ok(())) } else { Err(format!("came back: {echo:?}; {outcome:?}")) }
    };
    async_std::task::block_on(async_std::future::timeout(PATIENCE, talk)).map_err(|_| "not in time".to_owned())?
}

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
