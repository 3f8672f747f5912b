//! The echo over steadfast-mio: a session that connects once.

use std::error::Error;

use steadfast_mio::{
    Application, Endpoint, EventLoop, Reads, Requests,
    core::{Delivery, Message, Notice, SendOptions, StateKind, Timestamp, wire::deflate::Offer},
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
    let endpoint = Endpoint::parse(url)?.engine(super::engine(engine, offer)?);
    let mut event_loop = EventLoop::new()?;
    let session = event_loop.add(endpoint, super::config()?, 1, Echo::default());
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
