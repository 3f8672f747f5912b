//! What becomes of an attempt, told to the endpoints; and which of them is next.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::{
    Timestamp,
    cause::{Cause, IoKind},
    message::ConnId,
    session::{
        Session,
        endpoints::{BreakerState, EndpointId, Endpoints},
        notice::Notice,
        pending::Pending,
        policy::Decision,
        retry::Next,
    },
};

impl Session {
    /// The endpoint of the connection that lives, or that was last; the first, before there was one.
    #[must_use]
    pub fn endpoint(&self) -> EndpointId {
        self.endpoints().map_or(EndpointId(0), Endpoints::current)
    }

    /// How many attempts went elsewhere than the one before.
    pub(super) fn failovers(&self) -> u64 {
        self.endpoints().map_or(0, Endpoints::moves)
    }

    /// The endpoints, where there are several.
    fn endpoints(&self) -> Option<&Endpoints> {
        self.extras.as_deref().and_then(|extras| extras.endpoints.as_ref())
    }

    /// The endpoints, and who is told of their breakers.
    fn endpoints_mut(&mut self) -> Option<(&mut Endpoints, impl FnMut(EndpointId, BreakerState))> {
        let endpoints = self.extras.as_deref_mut()?.endpoints.as_mut()?;
        let pending: &mut VecDeque<Pending> = &mut self.pending;
        Some((endpoints, |endpoint, breaker| {
            pending.push_back(Pending::Notify(Notice::Endpoint { endpoint, breaker }));
        }))
    }

    /// Where this connection goes.
    pub(super) fn choose_endpoint(&mut self, conn: ConnId) -> EndpointId {
        let now = self.now;
        let Some((endpoints, tell)) = self.endpoints_mut() else { return EndpointId(0) };
        let endpoint = endpoints.choose(now, tell);
        self.notify(Notice::EndpointChosen { conn, endpoint });
        endpoint
    }

    /// A connection, or an attempt, has ended.
    pub(super) fn judge_endpoint(&mut self, cause: &Cause, decision: Decision) {
        let is_of_ours = self.offline || decision == Decision::RefreshCredentials || !blames_endpoint(cause);
        let (now, move_on) = (self.now, decision == Decision::NextEndpoint);
        let Some((endpoints, tell)) = self.endpoints_mut() else { return };
        if is_of_ours {
            endpoints.spared(now, tell);
        } else {
            endpoints.failed(now, move_on, tell);
        }
    }

    /// The application ended it.
    pub(super) fn spare_endpoint(&mut self) {
        let now = self.now;
        if let Some((endpoints, tell)) = self.endpoints_mut() {
            endpoints.spared(now, tell);
        }
    }

    /// The connection has proved itself, and so its endpoint.
    pub(super) fn endpoint_is_stable(&mut self) {
        let now = self.now;
        if let Some((endpoints, tell)) = self.endpoints_mut() {
            endpoints.stable(now, tell);
        }
    }

    /// Another row of attempts begins.
    pub(super) fn begin_endpoints_row(&mut self) {
        if let Some((endpoints, _)) = self.endpoints_mut() {
            endpoints.begin_row();
        }
    }

    /// The next attempt, given what would be waited for if there were no other endpoint. A server's word holds for its own
    /// endpoint; and if all are to be left alone, the first of them is waited for.
    pub(super) fn elsewhere(&mut self, next: Next) -> Next {
        let Some((endpoints, _)) = self.endpoints_mut() else { return next };
        if next.until > next.free {
            endpoints.hold(next.until);
        }
        let not_before = endpoints.earliest();
        Next { until: next.free.max(not_before), not_before, free: next.free }
    }

    /// Whether one of them may be tried now; of one alone nothing is known here that would speak against that.
    pub(super) fn may_be_tried(&self) -> bool {
        self.earliest() <= self.now
    }

    /// From when on one of several endpoints may be tried.
    pub(super) fn earliest(&self) -> Timestamp {
        self.endpoints().map_or(Timestamp::ZERO, Endpoints::earliest)
    }

    /// There is another network. Says from when on an attempt may be made, if endpoints have a say in it.
    pub(super) fn forgive_endpoints(&mut self) -> Option<Timestamp> {
        let now = self.now;
        let (endpoints, tell) = self.endpoints_mut()?;
        endpoints.forgive(now, tell);
        Some(endpoints.earliest())
    }

    /// The process slept.
    pub(super) fn endpoints_slept(&mut self, gap: Duration) {
        if let Some((endpoints, tell)) = self.endpoints_mut() {
            endpoints.slept(gap, tell);
        }
    }
}

/// Whether this cause says anything of the endpoint.
const fn blames_endpoint(cause: &Cause) -> bool {
    match cause {
        // This machine has no network, or no descriptors; or somebody here wanted it so.
        Cause::NetworkLost
        | Cause::Background
        | Cause::Credentials(_)
        | Cause::Aborted
        | Cause::Stopped
        | Cause::Io(IoKind::Exhausted)
        | Cause::Dial { kind: IoKind::Exhausted, .. } => false,
        Cause::Closed(_)
        | Cause::Io(_)
        | Cause::Dial { .. }
        | Cause::Dns(_)
        | Cause::Proxy(_)
        | Cause::Tls(_)
        | Cause::Rejected { .. }
        | Cause::Handshake(_)
        | Cause::Protocol(_)
        | Cause::ConnectTimeout { .. }
        | Cause::HeartbeatTimeout
        | Cause::AnswerTimeout
        | Cause::IdleTimeout
        | Cause::WriteTimeout
        | Cause::CloseTimeout => true,
    }
}
