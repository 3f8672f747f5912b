//! The native wire behind the engine's door.

use steadfast_core::{
    CloseFrame, Message, PingPayload, Timestamp,
    wire::{Buffer, Config, Event, Received, Wire, handshake::Accepted},
};

use super::{Incoming, WireOptions};
use crate::failure::Failure;

/// A WebSocket of our own, open.
#[derive(Debug)]
pub(super) struct Native {
    wire: Wire,
    /// Whether memory that compression needs is given back when nothing is sent.
    #[cfg(feature = "deflate")]
    releases: bool,
}

impl Native {
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "no extension can be agreed on"))]
    pub(super) fn new(
        options: &WireOptions,
        accepted: &Accepted,
        max_message_bytes: usize,
        mask_seed: [u8; 32],
    ) -> Self {
        let config = Config {
            control_rate: options.control_rate,
            fragment_bytes: options.fragment_bytes,
            ..Config::for_messages_of(max_message_bytes as u64)
        };
        #[cfg(feature = "deflate")]
        if let Some(agreed) = accepted.deflate() {
            return Self { wire: Wire::with_deflate(config, agreed, mask_seed), releases: agreed.release_when_idle() };
        }
        Self {
            wire: Wire::new(config, mask_seed),
            #[cfg(feature = "deflate")]
            releases: false,
        }
    }

    #[inline]
    pub(super) fn whole<'i>(&mut self, input: &mut &'i [u8]) -> Option<Message<'i>> {
        self.wire.receive_whole(input).map(Received::into_message)
    }

    #[inline]
    pub(super) fn next<'b, 'i: 'b>(
        &mut self,
        input: &mut &'i [u8],
        assembly: &'b mut Buffer,
        out: &mut Buffer,
    ) -> Option<Incoming<'b>> {
        Some(match self.wire.receive(input, assembly, out)? {
            Ok(Event::Message(message)) => Incoming::Message(message.into_message()),
            // Anything else answers no ping of ours (RFC 6455 §5.5.3 allows it).
            Ok(Event::Pong(payload)) => PingPayload::from_slice(payload).map_or(Incoming::Nothing, Incoming::Pong),
            Ok(Event::Close(frame)) => Incoming::Closed(frame),
            // A ping is answered already. Pieces come only to those who ask for them.
            Ok(_) => Incoming::Nothing,
            Err(violation) => Incoming::Failed(Box::new(Failure::Protocol(violation))),
        })
    }

    pub(super) fn space<'b>(&self, assembly: &'b mut Buffer) -> Option<&'b mut [u8]> {
        self.wire.space(assembly)
    }

    pub(super) fn filled(&mut self, bytes: usize, assembly: &mut Buffer) {
        self.wire.filled(bytes, assembly);
    }

    pub(super) const fn is_at_rest(&self) -> bool {
        self.wire.is_at_rest()
    }

    pub(super) fn is_doomed(&self, input: &[u8]) -> bool {
        self.wire.is_doomed(input)
    }

    pub(super) fn tick(&mut self, now: Timestamp) {
        self.wire.tick(now);
    }

    #[inline]
    pub(super) fn send(&mut self, message: &Message<'_>, out: &mut Buffer) -> bool {
        self.wire.send(message, out).is_ok()
    }

    pub(super) const fn fragments(&self, len: usize) -> bool {
        matches!(self.wire.config().fragment_bytes, Some(most) if len > most)
    }

    pub(super) fn send_from(&mut self, message: &Message<'_>, from: usize, out: &mut Buffer) -> Option<usize> {
        self.wire.send_from(message, from, out).ok()
    }

    pub(super) fn ping(&mut self, payload: PingPayload, out: &mut Buffer) -> bool {
        self.wire.ping(&payload.0, out).is_ok()
    }

    pub(super) fn close(&mut self, frame: &CloseFrame, out: &mut Buffer) {
        self.wire.close(frame, out);
    }

    #[inline]
    pub(super) fn pull(&mut self, out: &mut Buffer) {
        self.wire.pull(out);
    }

    #[cfg_attr(not(feature = "deflate"), expect(clippy::unused_self, clippy::needless_pass_by_ref_mut))]
    pub(super) fn release(&mut self) {
        #[cfg(feature = "deflate")]
        if self.releases {
            self.wire.release();
        }
    }
}

#[cfg(all(test, feature = "deflate"))]
mod tests {
    use steadfast_core::wire::deflate::{Offer, Options};

    use super::*;
    use crate::engine::{Engine, Phase, Socket, testing};

    #[test]
    fn memory_of_compression_is_given_back_if_that_is_wished_for() {
        for release_when_idle in [true, false] {
            let offer = Offer::new(Options { release_when_idle, ..Options::default() }).expect("in range");
            let mut engine = testing::open(WireOptions { compression: Some(offer), ..WireOptions::default() });
            let mut out = Buffer::new();
            assert!(engine.send(&Message::text("much of the same, ".repeat(100)), &mut out));
            let held = memory(&engine);
            assert!(held > 200_000, "{held} B");
            engine.release();
            if release_when_idle {
                assert!(memory(&engine) < 1_000, "{} B", memory(&engine));
            } else {
                assert_eq!(memory(&engine), held);
            }
        }
    }

    fn memory(engine: &Engine) -> usize {
        match &engine.phase {
            Phase::Open(Socket::Native(native)) => native.wire.compression_memory(),
            other => panic!("not open: {other:?}"),
        }
    }
}
