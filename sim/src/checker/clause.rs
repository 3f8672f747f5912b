//! The clauses of the contract that a run can break.

use std::fmt;

use serde::{Deserialize, Serialize};
use steadfast_core::Timestamp;

macro_rules! clauses {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A clause of the session's contract, as the [`Checker`](crate::Checker) judges it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Clause {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Clause {
            /// Every clause, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The clause's name in one breath.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

clauses! {
    /// A connection is asked for only when the one before it is over: every `Connect` has had its `Closed`.
    OneConnection = "one connection at a time",
    /// The names of connections rise; none is used twice.
    ConnIdsRise = "connection ids rise",
    /// Actions name the live connection only; nothing is sent before it is open, after its close has begun, or after it
    /// was aborted; it is closed and aborted at most once.
    LiveConnection = "actions are for the live connection",
    /// A message that came in on the open connection is delivered, once, unchanged, and nothing else is.
    Delivered = "what came in is delivered once",
    /// `state()` is what the last notice said, and each notice says what the state was before.
    StateTold = "states are told as they are",
    /// A state fits what happened: connecting means that a connection was asked for, open that it opened.
    StateFits = "a state fits what happened",
    /// A timer is set for a time after the event's, and before the end of time.
    TimerInFuture = "timers are in the future",
    /// What is pending has a timer no later than its deadline, and when the timer fires after that it is acted on.
    TimerArmed = "what is pending has a timer",
    /// No timer is left in a session that is idle or stopped.
    TimerLeft = "no timer outlives its purpose",
    /// The timer does not fire again and again without anything happening.
    TimerSpins = "the timer does not spin",
    /// A wait lies within what the backoff policy gives for its place in the row, on top of the server's floor.
    BackoffBounds = "waits lie within the policy's bounds",
    /// Attempts are counted up by one, and from 1 again only after a connection was stable or a new start.
    BackoffEarnedBack = "backoff is earned back",
    /// A wait ends at its time: earlier only by `ReconnectNow`, or by `Online` if no server asked for patience.
    WaitKept = "waits are not skipped",
    /// Where no attempts were made, one follows soon once there is a network, or the application is seen, or it drains.
    HintHeeded = "hints are heeded soon",
    /// After `Stopped` there is no connection, no message and no wait until `Start`.
    StoppedStays = "stopped is stopped",
    /// The decision after an end is the close policy's for that cause, and is followed.
    PolicyKept = "the close policy is kept",
    /// A session that was told to stop does: at once, or when drained, or when the time for that is over.
    StopEnds = "a stop comes to its end",
    /// A connection that says nothing is given up within the bound that the heartbeat sets.
    SilenceNoticed = "silence is noticed in time",
    /// A connection is given up only for what was really seen: never earlier than the setting allows.
    HealthyKept = "a healthy connection is kept",
    /// A connection that is given up is aborted; a close frame is sent only in the application's name, with its code.
    DeadAborted = "the dead are aborted, not closed",
    /// From one ping to the next no more than the interval passes, whatever is being sent.
    PingsInTime = "pings keep their interval",
    /// One confirmation's ping at a time, no closer than `confirm.every`, and none when nothing is to be confirmed.
    BarrierPaced = "barriers are paced",
    /// Unconfirmed messages have a ping under way behind them, or a time for one.
    BarrierFollows = "a barrier follows what was sent",
    /// A message accepted has one verdict, one refused has none.
    OneVerdict = "one verdict for each message accepted",
    /// A verdict is true: of what the session could know, and of what arrived.
    VerdictTrue = "verdicts are true",
    /// A message refused, dropped or in doubt comes back, unchanged.
    ComesBack = "what is not sent comes back",
    /// A refusal has the reason it gives, and what has to be refused is.
    RefusalTrue = "refusals are true",
    /// All messages are settled before `Stopped` is told, and no verdict follows.
    SettledFirst = "all is settled before stopped",
    /// A message sent is one that is owed, as it was accepted, once on each connection.
    SendsOwed = "only what is owed is sent",
    /// No message overtakes an older one of its lane: bound messages first, then what is sent again, then the queue.
    InOrder = "messages keep their order",
    /// Control goes before data, and after a burst of control one of data goes.
    LanesTakeTurns = "lanes take turns",
    /// What waits expires at its time, and is not sent after it.
    ExpiresInTime = "messages expire in time",
    /// Of the messages of one key that cannot have been sent, one waits: the newest, in the place of the oldest.
    NewestOfKey = "only the newest of a key waits",
    /// In no span of time more goes than the rate allows for it.
    RateKept = "the rate is kept",
    /// What nothing holds back goes at once: neither the window, nor the rate, nor a message before it.
    GoesAtOnce = "nothing waits without a reason",
    /// The outbox waits until the connection is ready.
    WaitsForReady = "nothing before ready",
    /// What may be sent once is sent once; what may be sent again, no more often than was asked.
    ResendsAllowed = "resends are allowed ones",
    /// No more is handed over ahead of the last answer than `confirm` allows; one message may always go.
    HandOverBounded = "the hand-over is bounded",
    /// The outbox holds no more messages and bytes than it may.
    OutboxBounded = "the outbox is bounded",
    /// What was handed to the driver is never dropped to make room.
    HandedOverKept = "what was handed over is kept",
    /// A cancel has one answer, and the right one.
    CancelAnswered = "cancels are answered",
    /// An attempt goes to an endpoint that there is, and to the one that was told.
    EndpointTold = "the endpoint is told as it is",
    /// No attempt goes to an endpoint whose breaker is open.
    BreakerKept = "open breakers are kept",
    /// A breaker opens after so many failures in a row, is probed after its time, and closes when a connection was stable.
    BreakerTrue = "breakers are told and stand as they should",
    /// A half-open breaker has one probe: it opens again before there is another.
    OneProbe = "one probe at a time",
    /// No endpoint that is well is passed by for one that has just failed.
    HealthyServed = "no healthy endpoint starves",
    /// The preferred endpoint is the next one as soon as nothing speaks against it any more.
    PreferredServed = "the preferred endpoint is returned to",
    /// The marks of the outbox are told by turns, high first, with its true depth, as soon as they are reached.
    WatermarksTurn = "watermarks take turns",
    /// A long outage is told once, when it is one.
    OutageTold = "long outages are told",
    /// A durable message is handed to the store when it is offered, and to the driver only when it is stored.
    StoredFirst = "stored before it is sent",
    /// A durable message is said to be accepted when it is stored, and taken up from the store; never before.
    AcceptedTrue = "accepted when it is stored",
    /// What was accepted is in the store until it is settled, whenever the process dies, and is taken up by the next one.
    DurableKept = "what is durable is never lost",
    /// What was stored, or is to be, is forgotten once, with its verdict or its refusal; what is kept is not.
    ForgottenOnce = "forgotten once it is settled",
    /// Durable messages arrive for the first time in the order in which they were handed to the store, over all crashes.
    DurableOrder = "durable messages keep their order across crashes",
    /// The metrics agree with what was seen.
    MetricsTrue = "metrics are true",
    /// One fetch of credentials at a time, each with a higher epoch.
    OneFetch = "one fetch at a time",
    /// A connection stands for the newest credentials there are, of which none has expired on a clock that counts suspended time.
    LeaseValid = "no connect with credentials that are over",
    /// What is said of an epoch that is not being fetched changes nothing.
    EpochKept = "answers of other epochs are ignored",
    /// After a rejection one attempt may follow at once, and not soon again; others wait.
    RejectionPaced = "one retry at once after a rejection",
    /// A message goes out on a connection of the identity that it was accepted for, and on no other.
    IdentityKept = "nobody's messages go out as another's",
    /// Where credentials go in a first message, nothing goes before it.
    PresentedFirst = "credentials go first",
    /// A connection is never given up because credentials could not be refreshed.
    RefreshHarmless = "a failed refresh costs no connection",
    /// Offline and in the background nothing is attempted, and nothing fetched.
    QuietAtRest = "no attempts offline or in the background",
    /// A connection is closed when the background has lasted as long as it may, and not sooner.
    BackgroundKept = "the background is heeded",
    /// With a good server and no faults, everything that is at least once ends confirmed, and a stop ends.
    Settles = "when faults stop, all is settled",
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A broken clause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Violation {
    /// Which.
    pub clause: Clause,
    /// When, in the session's time.
    pub at: Timestamp,
    /// What was seen, and what was expected.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}: {}", self.at, self.clause, self.what)
    }
}
