//! Credentials: fetched once, by epoch, before they are needed; rejected, renewed, somebody else's.

#[path = "../common/mod.rs"]
mod common;
mod fetched;
mod identity;
mod rejected;
mod renewed;

use std::time::Duration;

use common::{Act, Rig, millis, secs, steady};
use steadfast_core::{
    Cause, CloseCode, CloseFrame, ConnId, CredentialsKind, Decision, Dropped, EndpointId, Epoch, Event, FetchError,
    FetchReason, Identity, IoKind, Lease, Message, MessageId, Network, Notice, SendOptions, State, StateKind,
    StopCause, Verdict,
    config::{CountedFrom, Credentials, Endpoints, Heartbeat, Match, Placement, Ready, Renewal, Rule, Settings},
};

const LIFETIME: Duration = Duration::from_mins(10);

fn settings() -> Settings {
    Settings {
        credentials: Some(Credentials::default()),
        backoff: steady(2),
        heartbeat: Heartbeat::Off,
        ..Settings::default()
    }
}

fn renewed_by(renewal: Renewal) -> Settings {
    Settings { credentials: Some(Credentials { renewal, ..Credentials::default() }), ..settings() }
}

fn lease(span: Duration) -> Lease {
    Lease { expires_in: Some(span), identity: Identity(1) }
}

fn answer(rig: &mut Rig, epoch: u64, result: Result<Lease, FetchError>) -> Vec<Act> {
    rig.event(Event::Credentials { epoch: Epoch(epoch), result }).to_vec()
}

fn granted(rig: &mut Rig, epoch: u64) -> Vec<Act> {
    answer(rig, epoch, Ok(lease(LIFETIME)))
}

fn open(rig: &mut Rig) -> ConnId {
    let conn = rig.conn();
    rig.event(Event::Opened { conn, can_ping: true });
    conn
}

fn close(rig: &mut Rig, cause: Cause) -> Vec<Act> {
    let conn = rig.conn();
    rig.event(Event::Closed { conn, cause, untouched_from: None }).to_vec()
}

fn code(code: u16) -> Cause {
    Cause::Closed(CloseFrame { code: CloseCode(code), reason: String::new() })
}

fn unauthorized() -> Cause {
    Cause::Rejected { status: 401, retry_after: None }
}

/// Open, on a lease of ten minutes, for long enough to be stable.
fn settled(settings: Settings) -> Rig {
    let mut rig = Rig::new(settings);
    rig.event(Event::Start);
    granted(&mut rig, 1);
    open(&mut rig);
    rig.pass(secs(31));
    rig
}

fn fetches(acts: &[Act]) -> Vec<(u64, FetchReason)> {
    acts.iter()
        .filter_map(|act| if let Act::Fetch(epoch, reason) = act { Some((*epoch, *reason)) } else { None })
        .collect()
}

fn connects(acts: &[Act]) -> usize {
    acts.iter().filter(|act| matches!(act, Act::Connect(..))).count()
}

fn failed(rig: &Rig) -> Vec<CredentialsKind> {
    let kind = |notice| if let Notice::CredentialsFailed { kind, .. } = notice { Some(kind) } else { None };
    rig.notices().into_iter().filter_map(kind).collect()
}

fn send(rig: &mut Rig, id: u64) {
    rig.event(Event::Send { id: MessageId(id), message: Message::text("hello"), options: SendOptions::default() });
}
