//! A server's part, written down before the play.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use super::{
    expect::Expected,
    lock,
    opening::{Accept, Opening},
    record::Received,
};

/// What a server does, connection by connection.
///
/// ```
/// use steadfast_sim::mock::{Accept, Answer, Script};
///
/// let script = Script::new()
///     .connection(Accept::new().expect_header("authorization", "Bearer 1").subprotocol("chat"))
///     .expect_text("hello")
///     .send_text("world")
///     .close(1012, "restart")
///     .connection(Answer::retry_after(1))
///     .connection(Accept::new())
///     .echo();
/// ```
///
/// The steps belong to the connection before them, and are done one after the other. After the last step the connection
/// stays: pings and a close frame are answered until the client leaves. A connection that no step was written for is
/// reset, and counts as a [failure](super::MockServer::finish), unless there is an [`otherwise`](Self::otherwise).
#[derive(Clone, Default, Debug)]
#[must_use]
pub struct Script {
    pub(super) plans: Vec<Plan>,
    pub(super) otherwise: Option<Plan>,
    /// The steps are added to it, and not to the last connection.
    in_otherwise: bool,
}

/// What is done with one connection.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) opening: Opening,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone)]
pub(super) enum Step {
    Expect(Expected),
    ExpectEnd,
    Send(Received),
    Ping(Vec<u8>),
    Raw(Vec<u8>),
    WaitFor(Signal),
    Fire(Signal),
    Pause(Duration),
    AnswerEach(Reply),
    AnswerPings(bool),
    Freeze,
    Thaw,
    Close(u16, String),
    Fin,
    Reset,
    HalfAFrame,
    DownFor(Duration),
}

type Reply = Arc<dyn Fn(&Received) -> Vec<Received> + Send + Sync>;

impl Script {
    /// Without connections. Steps that come before the first [`connection`](Self::connection) belong to one that is
    /// simply accepted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every connection is accepted, and every message sent back.
    pub fn echoing() -> Self {
        Self::new().otherwise(Accept::new()).echo()
    }

    /// The next connection, and how it is met.
    pub fn connection(mut self, opening: impl Into<Opening>) -> Self {
        self.in_otherwise = false;
        self.plans.push(Plan { opening: opening.into(), steps: Vec::new() });
        self
    }

    /// All connections that come after those that were written down; the steps that follow are for each of them.
    pub fn otherwise(mut self, opening: impl Into<Opening>) -> Self {
        self.in_otherwise = true;
        self.otherwise = Some(Plan { opening: opening.into(), steps: Vec::new() });
        self
    }

    /// Expects this text as the next message.
    pub fn expect_text(self, text: &str) -> Self {
        self.step(Step::Expect(Expected::Text(text.to_owned())))
    }

    /// Expects this binary message as the next.
    pub fn expect_binary(self, bytes: &[u8]) -> Self {
        self.step(Step::Expect(Expected::Binary(bytes.to_vec())))
    }

    /// Expects a message, whatever it says.
    pub fn expect_message(self) -> Self {
        self.step(Step::Expect(Expected::Message))
    }

    /// Expects a next message that fits; `what` is what a failure calls it.
    pub fn expect_matching(self, what: &str, fits: impl Fn(&Received) -> bool + Send + Sync + 'static) -> Self {
        self.step(Step::Expect(Expected::Matching { what: what.to_owned(), fits: Arc::new(fits) }))
    }

    /// Expects a ping. It is answered whether it was expected or not.
    pub fn expect_ping(self) -> Self {
        self.step(Step::Expect(Expected::Ping))
    }

    /// Expects a close frame with this code.
    pub fn expect_close(self, code: u16) -> Self {
        self.step(Step::Expect(Expected::Close(Some(code))))
    }

    /// Expects the end of the connection, whatever comes before.
    pub fn expect_end(self) -> Self {
        self.step(Step::ExpectEnd)
    }

    /// Sends a text message.
    pub fn send_text(self, text: &str) -> Self {
        self.step(Step::Send(Received::Text(text.to_owned())))
    }

    /// Sends a binary message.
    pub fn send_binary(self, bytes: &[u8]) -> Self {
        self.step(Step::Send(Received::Binary(bytes.to_vec())))
    }

    /// Sends a ping with a payload of at most 125 bytes.
    pub fn ping(self, payload: &[u8]) -> Self {
        self.step(Step::Ping(payload.to_vec()))
    }

    /// Sends these bytes as they are.
    pub fn raw(self, bytes: &[u8]) -> Self {
        self.step(Step::Raw(bytes.to_vec()))
    }

    /// Goes on when the test [says so](Signal::fire).
    pub fn wait_for(self, signal: &Signal) -> Self {
        self.step(Step::WaitFor(signal.clone()))
    }

    /// Tells the test that the script has come here.
    pub fn fire(self, signal: &Signal) -> Self {
        self.step(Step::Fire(signal.clone()))
    }

    /// Waits.
    pub fn pause(self, span: Duration) -> Self {
        self.step(Step::Pause(span))
    }

    /// Sends back every message, until the connection ends.
    pub fn echo(self) -> Self {
        self.answer_each(|message| vec![message.clone()])
    }

    /// Answers every message with these messages, until the connection ends.
    pub fn answer_each(self, reply: impl Fn(&Received) -> Vec<Received> + Send + Sync + 'static) -> Self {
        self.step(Step::AnswerEach(Arc::new(reply)))
    }

    /// Whether pings are answered, from here on; for the very first, see [`Accept::answer_pings`].
    pub fn answer_pings(self, answer: bool) -> Self {
        self.step(Step::AnswerPings(answer))
    }

    /// Reads nothing more, and answers nothing: half-open. To read nothing at all, see [`Accept::frozen`].
    pub fn freeze(self) -> Self {
        self.step(Step::Freeze)
    }

    /// Reads on.
    pub fn thaw(self) -> Self {
        self.step(Step::Thaw)
    }

    /// Begins the closing handshake, and waits for its end.
    pub fn close(self, code: u16, reason: &str) -> Self {
        self.step(Step::Close(code, reason.to_owned())).expect_end()
    }

    /// Ends the stream without a close frame (FIN).
    pub fn fin(self) -> Self {
        self.step(Step::Fin)
    }

    /// Resets the stream (RST).
    pub fn reset(self) -> Self {
        self.step(Step::Reset)
    }

    /// Sends the first half of a message, and ends the stream (FIN).
    pub fn die_in_frame(self) -> Self {
        self.step(Step::HalfAFrame).step(Step::Fin)
    }

    /// The port refuses connections for so long.
    pub fn down_for(self, span: Duration) -> Self {
        self.step(Step::DownFor(span))
    }

    fn step(mut self, step: Step) -> Self {
        if self.in_otherwise {
            self.otherwise.as_mut().expect("set together").steps.push(step);
            return self;
        }
        if self.plans.is_empty() {
            self = self.connection(Accept::new());
        }
        self.plans.last_mut().expect("there is one").steps.push(step);
        self
    }
}

impl Step {
    /// Whether the client notices the end of its connection.
    pub(super) fn parts(&self) -> bool {
        matches!(self, Self::Close(..) | Self::Fin | Self::Reset | Self::ExpectEnd)
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expect(expected) => write!(f, "expect {expected}"),
            Self::ExpectEnd => f.write_str("expect the end"),
            Self::Send(message) => write!(f, "send {message}"),
            Self::Ping(_) => f.write_str("send a ping"),
            Self::Raw(bytes) => write!(f, "send {} raw bytes", bytes.len()),
            Self::WaitFor(_) => f.write_str("wait for a signal"),
            Self::Fire(_) => f.write_str("fire a signal"),
            Self::Pause(span) => write!(f, "pause for {span:?}"),
            Self::AnswerEach(_) => f.write_str("answer each message"),
            Self::AnswerPings(answer) => write!(f, "answer pings: {answer}"),
            Self::Freeze => f.write_str("freeze"),
            Self::Thaw => f.write_str("thaw"),
            Self::Close(code, _) => write!(f, "close with {code}"),
            Self::Fin => f.write_str("send FIN"),
            Self::Reset => f.write_str("send RST"),
            Self::HalfAFrame => f.write_str("send half a frame"),
            Self::DownFor(span) => write!(f, "refuse connections for {span:?}"),
        }
    }
}

/// Something that happens once, which one side waits for and the other says.
#[derive(Clone, Default, Debug)]
pub struct Signal(Arc<(Mutex<bool>, Condvar)>);

impl Signal {
    /// One that was not fired.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// It happens: all who wait go on, and so do those who come later.
    pub fn fire(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    /// Waits until it happens, at most so long; says whether it did.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        let fired = lock(&self.0.0);
        *self.0.1.wait_timeout_while(fired, timeout, |fired| !*fired).unwrap_or_else(PoisonError::into_inner).0
    }
}
