//! Steadfast's core: a WebSocket session that holds on, as a pure state machine.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod close;
pub mod config;
mod message;
mod rng;
mod session;
mod time;
#[cfg(feature = "trace")]
pub mod trace;

pub use crate::{
    close::{Cause, CauseKind, CloseCode, CloseFrame, DnsKind, HandshakeKind, IoKind, TlsKind},
    message::{Binary, ConnId, Delivery, Message, MessageId, SendOptions, Text},
    session::{
        Session,
        action::Action,
        event::{Event, Network, PingPayload, TimedEvent},
        metrics::{Metrics, Verdicts},
        notice::{Dropped, NotCancelled, Notice, Refusal, Transition, Verdict, Watermark},
        pending::Actions,
        policy::{Decided, DecidedBy, Decision},
        rtt::RttSnapshot,
        state::{State, StateKind, StopCause},
    },
    time::Timestamp,
};
