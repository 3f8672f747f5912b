//! The wire: RFC 6455 and RFC 7692 for the client, as a machine that takes bytes and gives messages, and the reverse.
//!
//! It is usable without a session, and knows no socket: whoever has one moves bytes between it and three buffers of
//! their own. What was read goes in as a slice. What is to be written comes out in a [`Buffer`]. A message that does not
//! lie in one read is put together in another.
//!
//! ```
//! use steadfast_core::{Message, wire::{Buffer, Config, Event, Wire}};
//!
//! // Behind the opening handshake (see `handshake`), with a seed from the operating system.
//! let mut wire = Wire::new(Config::default(), [42; 32]);
//! let (mut assembly, mut out) = (Buffer::new(), Buffer::new());
//!
//! wire.send(&Message::text("hello"), &mut out)?; // … and so many more, before one write takes all of `out`
//! assert_eq!(out.len(), 2 + 4 + 5);
//!
//! let mut input = &b"\x81\x05hello\x89\x00\x82\x03ab"[..]; // a text, a ping and the beginning of another message
//! while let Some(event) = wire.receive(&mut input, &mut assembly, &mut out) {
//!     match event? {
//!         Event::Message(message) => assert_eq!(message.as_text(), Some("hello")), // borrowed, not copied
//!         Event::Close(frame) => println!("the server closed with {}", frame.code),
//!         _ => {} // the ping is answered: its pong is in `out`
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The contract
//! 1. **How bytes are cut never matters.** Any split of the same bytes gives the same events and the same answers.
//! 2. **Strict.** Whatever RFC 6455 forbids a server is a [`Violation`], which names the clause and the close code that
//!    it demands; the close frame is written by then. Text is judged byte by byte: bad text fails with its first bad byte.
//! 3. **Bounded.** Messages, frames, empty fragments and control frames have limits ([`Config`]); nothing is reserved on
//!    the word of a length; a server that pings and does not read gets 64 pongs, and then the latest when they have left.
//! 4. **Masks are unpredictable**: they come from a stream cipher that the caller seeds.
//! 5. **No allocation for a message** that is not compressed, once the buffers have found their size.
//!
//! # Map
//! Bytes in: [`Wire::receive`], and [`Wire::space`] to read large messages straight to their place. Bytes out:
//! [`Wire::send`], [`Wire::send_in_slices`] (a large message through a small buffer), [`Wire::send_from`] (a fragment at a
//! time), [`Wire::send_piece`] (whose end is not known yet), [`Wire::ping`], [`Wire::close`], and [`Wire::pull`] once
//! everything is written. [`FrameHeader`] alone reads and writes headers, for tools.

mod buffer;
mod config;
mod control;
#[cfg(feature = "deflate")]
pub mod deflate;
#[cfg(feature = "deflate")]
mod deflating;
mod event;
mod frame;
pub mod handshake;
mod inflating;
mod mask;
mod pieces;
mod receive;
mod send;
mod short;
mod slices;
mod utf8;
mod violation;

pub use self::{
    buffer::Buffer,
    config::{Config, ControlRate},
    event::{Event, Piece, Received},
    frame::{FrameHeader, OpCode},
    send::SendError,
    slices::Slices,
    violation::Violation,
};
use self::{receive::Receiver, send::Sender};
use crate::{CloseFrame, Message, Timestamp};

/// One WebSocket connection, from behind the opening handshake to the closing one.
#[derive(Debug)]
pub struct Wire {
    config: Config,
    receiver: Receiver,
    sender: Sender,
}

impl Wire {
    /// A connection on which no extension was agreed. Masks are made from `mask_seed`, which has to come from a source
    /// that nobody can foretell (RFC 6455 §5.3): the operating system, or another CSPRNG.
    #[must_use]
    pub fn new(config: Config, mask_seed: [u8; 32]) -> Self {
        Self { config, receiver: Receiver::new(&config), sender: Sender::new(&config, mask_seed) }
    }

    /// A connection on which permessage-deflate was agreed (RFC 7692). Messages from `agreed`'s threshold on are
    /// compressed, and compressed ones are inflated, up to the limit and not a byte further.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(config: Config, agreed: &deflate::Agreed, mask_seed: [u8; 32]) -> Self {
        let mut wire = Self::new(config, mask_seed);
        wire.receiver.inflater = Some(alloc::boxed::Box::new(deflate::Inflater::new(agreed)));
        if let Some(compressor) = deflating::Compressor::new(agreed) {
            wire.sender.compress(compressor);
        }
        wire
    }

    /// Gives back the memory that compression does not need while nothing is sent or received: all of the compressor's,
    /// and what of the inflater's is not the server's window. It costs some microseconds when it is needed again, so it
    /// is for connections that have been quiet for a while. Nothing happens in the middle of a message.
    #[cfg(feature = "deflate")]
    pub fn release(&mut self) {
        if self.is_at_rest()
            && let Some(inflater) = &mut self.receiver.inflater
        {
            inflater.release();
        }
        if !self.sender.is_under_way()
            && let Some(compressor) = &mut self.sender.compressor
        {
            compressor.release();
        }
    }

    /// How many bytes of heap compression holds.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn compression_memory(&self) -> usize {
        self.receiver.inflater.as_ref().map_or(0, |inflater| size_of::<deflate::Inflater>() + inflater.memory())
            + self.sender.compressor.as_ref().map_or(0, |it| size_of::<deflating::Compressor>() + it.memory())
    }

    /// Takes what it can use from the front of `input`, and says what that came to; `None` once all is taken and more is
    /// needed. What has to be answered (pongs, the reply to a close frame, the close frame that a violation demands) is
    /// written to `out`.
    ///
    /// A message that lies in `input` as a whole is borrowed from there; others are put together in `assembly`, which
    /// has to be the same from call to call while [`is_at_rest`](Self::is_at_rest) says no, and borrowed from there. How
    /// the bytes are cut never matters, except for where [pieces](Config::pieces) begin and end.
    ///
    /// # Errors
    /// What the server did wrong. Nothing comes after it: further bytes are taken and ignored.
    #[inline]
    pub fn receive<'b, 'i: 'b>(
        &mut self,
        input: &mut &'i [u8],
        assembly: &'b mut Buffer,
        out: &mut Buffer,
    ) -> Option<Result<Event<'b>, Violation>> {
        if let Some(message) = self.receive_whole(input) {
            return Some(Ok(Event::Message(message)));
        }
        self.receive_any(input, assembly, out)
    }

    /// The short way of [`receive`](Self::receive), which tries it first: takes a message that lies at the front of
    /// `input` as a whole, in one frame and not compressed. `None`, with nothing taken, if something else lies there,
    /// or nothing: then `receive` is to be asked. For those who count nanoseconds, as no error and no other event
    /// stands between them and the message.
    #[inline]
    pub fn receive_whole<'i>(&mut self, input: &mut &'i [u8]) -> Option<Received<'i>> {
        self.receiver.short(&self.config, input)
    }

    fn receive_any<'b, 'i: 'b>(
        &mut self,
        input: &mut &'i [u8],
        assembly: &'b mut Buffer,
        out: &mut Buffer,
    ) -> Option<Result<Event<'b>, Violation>> {
        self.sender.pull(out);
        if self.receiver.take_back(&self.config, assembly)
            && let Some(message) = self.receiver.short(&self.config, input)
        {
            return Some(Ok(Event::Message(message)));
        }
        if self.receiver.begin_large(&self.config, input, assembly) {
            return None;
        }
        let event = if self.receiver.is_assembled(&self.config) {
            self.receiver.assembled(input, assembly).map(Event::Message)
        } else {
            self.receiver.next(&self.config, input, assembly)?
        };
        match &event {
            Ok(Event::Ping(payload)) => self.sender.answer(payload, out),
            // §5.5.1: the reply says what the frame said.
            Ok(Event::Close(frame)) => self.sender.end(frame, out),
            // §7.1.7
            Err(violation) => self.sender.end(&CloseFrame::new(violation.close_code(), ""), out),
            Ok(Event::Message(_) | Event::Piece(_) | Event::Pong(_)) => {}
        }
        Some(event)
    }

    /// Where the rest of a message may be read to directly, so that it is not copied: in the middle of a plain message
    /// that is not whole, and as far as there is memory, or as much of the message as came in, 4 KiB at least. Say with
    /// [`filled`](Self::filled) how many bytes came, and then ask again, or call [`receive`](Self::receive), with
    /// whatever else there is or nothing: it hands the message out once it is whole, and judges a text as far as it is
    /// there. Call it before waiting for more, or bad text is found later than it could be.
    pub fn space<'b>(&self, assembly: &'b mut Buffer) -> Option<&'b mut [u8]> {
        self.receiver.space(&self.config, assembly)
    }

    /// So many bytes were read into the [`space`](Self::space); more than it has are not counted.
    pub fn filled(&mut self, bytes: usize, assembly: &mut Buffer) {
        self.receiver.filled(&self.config, bytes, assembly);
    }

    /// Writes a message, in one frame or, with [`Config::fragment_bytes`], in as many as it takes.
    ///
    /// # Errors
    /// If a close frame was written, or pieces of another message are under way.
    #[inline]
    pub fn send(&mut self, message: &Message<'_>, out: &mut Buffer) -> Result<(), SendError> {
        self.sender.send(&self.config, message, out)
    }

    /// Writes a message in one frame, but only so many bytes of it at a time, each slice to be written out before the next
    /// is made: a large message needs no large buffer, and what is made is still in the processor's cache when the socket
    /// takes it. 4 to 16 KiB are good; [`send`](Self::send) is as good for a message that is not longer.
    ///
    /// A message that has to be compressed or fragmented is one slice.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use steadfast_core::{Message, wire::{Buffer, Config, Wire}};
    /// # let mut wire = Wire::new(Config::default(), [42; 32]);
    /// # let mut socket = Vec::new();
    /// let (message, mut out) = (Message::binary(vec![0; 1 << 20]), Buffer::new());
    /// let mut slices = wire.send_in_slices(&message, 16 << 10, &mut out)?;
    /// while let Some(out) = slices.more() {
    ///     let taken = socket.write(out.as_slice())?;
    ///     out.consume(taken);
    ///     if !out.is_empty() {
    ///         break; // the socket takes no more: the rest of the message joins what waits in `out`
    ///     }
    /// }
    /// # drop(slices);
    /// # assert_eq!((socket.len(), out.len()), ((1 << 20) + 14, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As with `send`.
    pub fn send_in_slices<'w>(
        &'w mut self,
        message: &'w Message<'_>,
        slice_bytes: usize,
        out: &'w mut Buffer,
    ) -> Result<Slices<'w>, SendError> {
        self.sender.send_in_slices(&self.config, message, slice_bytes, out)
    }

    /// Writes the one fragment of a message that begins at byte `from`, and says where the next one begins: at the
    /// message's length, once all is written. Between two of them, control frames may be written, and no other message.
    ///
    /// # Errors
    /// If a close frame was written, if `from` is 0 and a message is under way, or if it is not and none is. `from` has to
    /// be what the last call said.
    pub fn send_from(&mut self, message: &Message<'_>, from: usize, out: &mut Buffer) -> Result<usize, SendError> {
        self.sender.send_from(&self.config, message, from, out)
    }

    /// Writes a piece of a message whose end is not known yet, as a frame.
    ///
    /// # Errors
    /// If a close frame was written, or the piece does not fit to what is under way.
    pub fn send_piece(&mut self, piece: &Piece<'_>, out: &mut Buffer) -> Result<(), SendError> {
        self.sender.send_piece(piece, out)
    }

    /// Writes a ping of at most 125 bytes.
    ///
    /// # Errors
    /// If the payload is longer, or a close frame was written.
    pub fn ping(&mut self, payload: &[u8], out: &mut Buffer) -> Result<(), SendError> {
        self.sender.control(OpCode::Ping, payload, out)
    }

    /// Writes a pong that nobody asked for, of at most 125 bytes (RFC 6455 §5.5.3). Pings are answered without it.
    ///
    /// # Errors
    /// If the payload is longer, or a close frame was written.
    pub fn pong(&mut self, payload: &[u8], out: &mut Buffer) -> Result<(), SendError> {
        self.sender.control(OpCode::Pong, payload, out)
    }

    /// Begins the closing handshake: writes a close frame, unless one was written. Nothing can be sent behind it;
    /// messages still come in until the server's close frame, and pings are still answered. A code that may not stand
    /// on the wire (1005, say) is left out, together with the reason.
    pub fn close(&mut self, frame: &CloseFrame, out: &mut Buffer) {
        self.sender.close(frame, out);
    }

    /// Writes the pong of a ping that came when too many were in `out`, if they have left it. To be called when something
    /// was written; it is next to nothing when there is no such ping.
    #[inline]
    pub fn pull(&mut self, out: &mut Buffer) {
        self.sender.pull(out);
    }

    /// Tells it the time, for [`Config::control_rate`]; nothing else depends on it.
    pub fn tick(&mut self, now: Timestamp) {
        self.receiver.tick(&self.config, now);
    }

    /// Whether messages can be sent: no close frame was written.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Whether it is over: the closing handshake is complete, or the server broke the protocol.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.receiver.is_over() && self.sender.is_closed()
    }

    /// Whether it stands between two messages, or nothing more comes: nothing is assembled, and the assembly buffer may be
    /// given to another connection. What is left in it then has no meaning, and is forgotten by whoever uses it next.
    #[must_use]
    pub const fn is_at_rest(&self) -> bool {
        self.receiver.is_at_rest()
    }

    /// Whether the frame that begins with this input breaks the protocol by its first byte (RFC 6455 §5.2 and §5.4), so
    /// that to [receive](Self::receive) it ends the connection. Of what lies behind the first byte it says nothing.
    ///
    /// For drivers whose application answers messages elsewhere: it may answer what came before, first.
    #[must_use]
    pub fn is_doomed(&self, input: &[u8]) -> bool {
        self.receiver.is_doomed(input)
    }

    /// What it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }
}
