//! The echo over steadfast-mio: a session that connects once.

use std::error::Error;

use steadfast_mio::{
    Application, Endpoint, EngineKind, EventLoop, Reads, Requests, WireOptions,
    core::{
        Delivery, Message, Notice, SendOptions, StateKind, Timestamp,
        config::{Config, ConfigError, Heartbeat},
        wire::deflate::Offer,
    },
};

/// Sends everything back, in its order.
#[derive(Default)]
struct Echo {
    last: Option<String>,
    refused: Option<String>,
    stopped: bool,
}

impl Application for Echo {
    fn deliver(&mut self, message: Message<'_>, requests: &mut Requests<'_>) -> Reads {
        // The count of cases is short, and a long text is not worth keeping.
        self.last = message.as_text().filter(|text| text.len() < 100).map(str::to_owned);
        requests.send(message.into_owned(), SendOptions::new(Delivery::AtMostOnce));
        Reads::Continue
    }

    fn notify(&mut self, _at: Timestamp, notice: Notice, _requests: &mut Requests<'_>) {
        match notice {
            Notice::State(transition) => self.stopped = transition.to.kind() == StateKind::Stopped,
            Notice::Refused { why, .. } => self.refused = Some(format!("an echo was refused: {why:?}")),
            _ => {}
        }
    }
}

/// See [`super::Echo`].
pub(crate) fn echo(url: &str, engine: &str, offer: Offer) -> Result<Option<String>, Box<dyn Error>> {
    let engine = match engine {
        "native" => EngineKind::Native(WireOptions { compression: Some(offer), ..WireOptions::default() }),
        "tungstenite" => EngineKind::Tungstenite,
        _ => return Err(format!("no such engine: `{engine}`; there are `native` and `tungstenite`").into()),
    };
    let mut event_loop = EventLoop::new()?;
    let session = event_loop.add(Endpoint::parse(url)?.engine(engine), config()?, 1, Echo::default());
    let driver = loop {
        event_loop.run_once(None)?;
        let driver = event_loop.driver_mut();
        if driver.application(session).is_some_and(|echo| echo.stopped) {
            break driver;
        }
    };
    let echo = driver.remove(session).ok_or("the session was there just now")?;
    echo.refused.map_or(Ok(echo.last), |refused| Err(refused.into()))
}

/// The suite judges what it is sent: no pings but those that it asks for, no second connection. Its largest messages
/// have 16 MiB, and come without waiting for the echo of the one before.
fn config() -> Result<Config, ConfigError> {
    Config::builder()
        .heartbeat(Heartbeat::Off)
        .confirmation(false)
        .max_attempts(0)
        .max_message_bytes(64 << 20)
        .outbox_bounds(1 << 20, 256 << 20)
        .build()
}
