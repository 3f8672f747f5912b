//! What a server does with what arrives, and by itself.

use steadfast_core::{CloseFrame, Event, Message, MessageId, PingPayload, Timestamp};

use super::{
    client::Facts,
    conn::{Conn, ServerEnd, frame},
    hub::Hub,
    pipe::{DownWhat, UpWhat},
    queue::{ServerAct, What},
};
use crate::{ServerModel, Service};

/// The server reads everything that has arrived whole.
pub(super) fn read(conn: &mut Conn, client: u32, hub: &mut Hub, facts: &mut Facts) {
    while let Some(what) = conn.up.next_whole() {
        match (conn.server, what) {
            (ServerEnd::Open, UpWhat::Message { id, message }) => {
                message_arrived(conn, client, hub, facts, id, message);
            }
            (ServerEnd::Open, UpWhat::Ping(payload)) => answer_ping(conn, client, hub, ServerAct::Pong(payload.0)),
            (ServerEnd::Open, UpWhat::Heartbeat) => answer_ping(conn, client, hub, ServerAct::TextPong),
            (ServerEnd::Open, UpWhat::Present(epoch)) => {
                facts.source.present(conn.id, epoch);
                hub.queue.push(hub.now, client, What::Server(conn.id, ServerAct::Guard));
            }
            (ServerEnd::Open, UpWhat::Close(frame)) => answer_close(conn, client, hub, &frame),
            (ServerEnd::Closing | ServerEnd::Gone | ServerEnd::None, _) => {}
        }
    }
}

fn message_arrived(
    conn: &mut Conn,
    client: u32,
    hub: &mut Hub,
    facts: &mut Facts,
    id: MessageId,
    message: Message<'static>,
) {
    facts.arrived(hub.now, conn.id, id);
    if conn.model.echoes() && hub.service.is_none() {
        conn.send(hub.now, client, hub, DownWhat::Message(message));
    } else if conn.model != ServerModel::Silent {
        hub.serve(client, conn, |service: &mut dyn Service, now, peer, replies| {
            service.received(now, peer, &message, replies);
        });
    }
}

fn answer_ping(conn: &mut Conn, client: u32, hub: &mut Hub, act: ServerAct) {
    match conn.model {
        ServerModel::Silent | ServerModel::NoPong | ServerModel::GarbageFrames => {}
        ServerModel::LatePong { after } => hub.queue.push(hub.now + after, client, What::Server(conn.id, act)),
        _ => pong(conn, client, hub, act),
    }
}

fn pong(conn: &mut Conn, client: u32, hub: &mut Hub, act: ServerAct) {
    if let ServerAct::Pong(payload) = act {
        conn.send(hub.now, client, hub, DownWhat::Pong(PingPayload(payload)));
    } else {
        conn.send(hub.now, client, hub, DownWhat::TextPong);
    }
}

fn answer_close(conn: &mut Conn, client: u32, hub: &mut Hub, said: &CloseFrame) {
    let code = said.code.0;
    match conn.model {
        ServerModel::Silent | ServerModel::SlowClose { after: None } => {}
        ServerModel::SlowClose { after: Some(after) } => {
            hub.queue.push(hub.now + after, client, What::Server(conn.id, ServerAct::AnswerClose(code)));
        }
        _ => conn.server_closes(hub.now, client, hub, frame(code)),
    }
}

/// The server does something by itself.
pub(super) fn act(conn: &mut Conn, client: u32, hub: &mut Hub, act: ServerAct) {
    if conn.server != ServerEnd::Open || conn.silent {
        return;
    }
    match act {
        ServerAct::Pong(_) | ServerAct::TextPong => pong(conn, client, hub, act),
        ServerAct::Close(code) | ServerAct::AnswerClose(code) => {
            conn.server_closes(hub.now, client, hub, frame(code));
        }
        ServerAct::Drop => conn.server_drops(hub.now, client, hub),
        // The client's whole knowledge of it is needed for that.
        ServerAct::Guard => {}
        ServerAct::WakeService => {
            hub.serve(client, conn, |service: &mut dyn Service, now, peer, replies| service.woken(now, peer, replies));
        }
        ServerAct::Talk => {
            if let ServerModel::Talkative { every, bytes } = conn.model {
                let message = hub.invent(bytes);
                conn.send(hub.now, client, hub, DownWhat::Message(message));
                hub.queue.push(hub.now + every, client, What::Server(conn.id, ServerAct::Talk));
            }
        }
    }
}

/// An event that a connection's driver might have said late.
pub(super) fn late_event(conn: steadfast_core::ConnId, kind: u64, now: Timestamp) -> Event<'static> {
    match kind {
        0 => Event::Activity { conn },
        1 => Event::Pong { conn, payload: PingPayload(now.as_micros().to_le_bytes()) },
        2 => Event::Received { conn, message: Message::text("from a connection that is gone") },
        3 => Event::Flushed { conn, up_to: MessageId(u64::MAX) },
        4 => Event::Wrote { conn, bytes: 1 },
        5 => Event::PingFlushed { conn, overtook: None },
        6 => Event::Opened { conn, can_ping: true },
        7 => Event::Ready { conn },
        8 => Event::ReadsPaused { conn },
        _ => Event::Closed { conn, cause: steadfast_core::Cause::Aborted, untouched_from: None },
    }
}
