//! The native wire behind the engine's door.

use steadfast_core::{
    Cause, CloseFrame, Message, PingPayload, Timestamp,
    wire::{Buffer, Config, Event, Wire, handshake::Accepted},
};

use super::{Incoming, WireOptions};

/// A WebSocket of our own, open.
#[derive(Debug)]
pub(super) struct Native(Wire);

impl Native {
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "no extension can be agreed on"))]
    pub(super) fn new(
        options: &WireOptions,
        accepted: &Accepted,
        max_message_bytes: usize,
        mask_seed: [u8; 32],
    ) -> Self {
        let limit = max_message_bytes as u64;
        let config = Config {
            max_message_bytes: limit,
            max_frame_bytes: limit,
            control_rate: options.control_rate,
            fragment_bytes: options.fragment_bytes,
            ..Config::default()
        };
        #[cfg(feature = "deflate")]
        if let Some(agreed) = accepted.deflate() {
            return Self(Wire::with_deflate(config, agreed, mask_seed));
        }
        Self(Wire::new(config, mask_seed))
    }

    #[inline]
    pub(super) fn next<'b, 'i: 'b>(
        &mut self,
        input: &mut &'i [u8],
        assembly: &'b mut Buffer,
        out: &mut Buffer,
    ) -> Option<Incoming<'b>> {
        Some(match self.0.receive(input, assembly, out)? {
            Ok(Event::Message(message)) => Incoming::Message(message.into_message()),
            // Anything else answers no ping of ours (RFC 6455 §5.5.3 allows it).
            Ok(Event::Pong(payload)) => PingPayload::from_slice(payload).map_or(Incoming::Nothing, Incoming::Pong),
            Ok(Event::Close(frame)) => Incoming::Closed(frame),
            // A ping is answered already. Pieces come only to those who ask for them.
            Ok(_) => Incoming::Nothing,
            Err(violation) => Incoming::Failed(Cause::Protocol(violation.close_code())),
        })
    }

    pub(super) fn space<'b>(&self, assembly: &'b mut Buffer) -> Option<&'b mut [u8]> {
        self.0.space(assembly)
    }

    pub(super) fn filled(&mut self, bytes: usize, assembly: &mut Buffer) {
        self.0.filled(bytes, assembly);
    }

    pub(super) const fn is_at_rest(&self) -> bool {
        self.0.is_at_rest()
    }

    pub(super) fn tick(&mut self, now: Timestamp) {
        self.0.tick(now);
    }

    #[inline]
    pub(super) fn send(&mut self, message: &Message<'_>, out: &mut Buffer) -> bool {
        self.0.send(message, out).is_ok()
    }

    pub(super) const fn fragments(&self, len: usize) -> bool {
        matches!(self.0.config().fragment_bytes, Some(most) if len > most)
    }

    pub(super) fn send_from(&mut self, message: &Message<'_>, from: usize, out: &mut Buffer) -> Option<usize> {
        self.0.send_from(message, from, out).ok()
    }

    pub(super) fn ping(&mut self, payload: PingPayload, out: &mut Buffer) -> bool {
        self.0.ping(&payload.0, out).is_ok()
    }

    pub(super) fn close(&mut self, frame: &CloseFrame, out: &mut Buffer) {
        self.0.close(frame, out);
    }

    #[inline]
    pub(super) fn pull(&mut self, out: &mut Buffer) {
        self.0.pull(out);
    }

    #[cfg_attr(not(feature = "deflate"), expect(clippy::unused_self, clippy::needless_pass_by_ref_mut))]
    pub(super) fn release(&mut self) {
        #[cfg(feature = "deflate")]
        self.0.release();
    }
}
