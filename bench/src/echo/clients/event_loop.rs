//! Steadfast's whole session on its user's thread: heartbeat, outbox and confirmation on, as by default. On either engine.

use steadfast_mio::{
    Application, Endpoint, EngineKind, EventLoop, Reads, Requests, SessionId,
    core::{
        Message, Notice, SendOptions, StateKind, Timestamp,
        config::{Config, ConfigError, Confirm, Outbox},
    },
    tls::{Roots, TlsConfig},
};

use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes},
    server::Server,
};

/// With tungstenite's engine, or the native one.
pub(crate) struct Session<const TUNGSTENITE: bool, const TLS: bool = false> {
    sessions: EventLoop<Player>,
    id: SessionId,
}

/// The application: it answers a whole window with the next.
struct Player {
    load: Load,
    notes: Notes,
    open: bool,
    /// Messages of this window that have not come back.
    missing: usize,
    /// Windows that are to follow.
    windows: usize,
    failure: Option<String>,
}

impl<const TUNGSTENITE: bool, const TLS: bool> Echo for Session<TUNGSTENITE, TLS> {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let engine = if TUNGSTENITE { EngineKind::Tungstenite } else { EngineKind::default() };
        let endpoint = if TLS { secure(server)? } else { Endpoint::parse(&format!("ws://{}/", server.messages))? };
        let endpoint = endpoint.engine(engine);
        let player =
            Player { load: load.clone(), notes: Notes::new(load), open: false, missing: 0, windows: 0, failure: None };
        let mut sessions = EventLoop::new()?;
        let id = sessions.add(endpoint, config()?, 1, player);
        let mut this = Self { sessions, id };
        this.run_until(|player| player.open)?;
        Ok(this)
    }

    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure> {
        let load = self.player()?.load.clone();
        std::mem::swap(&mut self.player()?.notes, notes);
        self.player()?.windows = windows - 1;
        self.player()?.missing = load.window;
        self.player()?.notes.sending();
        for _ in 0..load.window {
            self.sessions.driver_mut().send(self.id, Message::binary(load.payload.clone()), SendOptions::default());
        }
        let done = self.run_until(|player| player.missing == 0);
        std::mem::swap(&mut self.player()?.notes, notes);
        done
    }
}

impl<const TUNGSTENITE: bool, const TLS: bool> Session<TUNGSTENITE, TLS> {
    fn player(&mut self) -> Result<&mut Player, Failure> {
        self.sessions.driver_mut().application(self.id).ok_or_else(|| "the session is gone".into())
    }

    fn run_until(&mut self, done: impl Fn(&Player) -> bool) -> Result<(), Failure> {
        while !done(self.player()?) {
            self.sessions.run_once(None)?;
            if let Some(failure) = self.player()?.failure.take() {
                return Err(failure.into());
            }
        }
        Ok(())
    }
}

impl Application for Player {
    #[inline]
    fn deliver(&mut self, message: Message<'_>, requests: &mut Requests<'_>) -> Reads {
        if let Err(failure) = self.notes.received(message.as_bytes(), &self.load) {
            self.failure = Some(failure.to_string());
        }
        self.missing -= 1;
        if self.missing == 0 && self.windows > 0 {
            self.windows -= 1;
            self.missing = self.load.window;
            self.notes.sending();
            for _ in 0..self.load.window {
                requests.send(Message::binary(self.load.payload.clone()), SendOptions::default());
            }
        }
        Reads::Continue
    }

    fn notify(&mut self, _: Timestamp, notice: Notice, _: &mut Requests<'_>) {
        match notice {
            Notice::State(transition) => {
                let now = transition.to.kind();
                if self.open || now == StateKind::Waiting {
                    self.failure = Some(transition.to.to_string());
                }
                self.open = now == StateKind::Open;
            }
            Notice::Refused { .. } => self.failure = Some(String::from("a message was refused")),
            _ => {}
        }
    }
}

/// The server over TLS, and whom to trust.
fn secure(server: &Server) -> Result<Endpoint, Failure> {
    let tls = TlsConfig::builder().roots(Roots::None).root_der(server.root.as_ref()).build()?;
    Ok(Endpoint::parse(&format!("wss://localhost:{}/", server.secure.port()))?.tls(tls))
}

/// The defaults, but for room for 64 messages of 64 KiB: a client with such a load has such bounds.
pub(super) fn config() -> Result<Config, ConfigError> {
    Config::builder()
        .confirm(Confirm { max_bytes: 16 << 20, ..Confirm::default() })
        .outbox(Outbox { max_bytes: 64 << 20, ..Outbox::default() })
        .build()
}
