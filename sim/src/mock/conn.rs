//! A connection in the hands of a test.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tungstenite::protocol::frame::{
    CloseFrame, Frame,
    coding::{Data, OpCode},
};

use super::{
    Mismatch,
    expect::Expected,
    link::{Last, Link, encode},
    must,
    opening::{Accept, Answer, read_request, respond, upgrade},
    record::{Ending, Received, Record, Request},
};

/// A connection that was accepted, before its upgrade.
///
/// Nothing was read from it. Dropping it closes it.
#[derive(Debug)]
#[must_use = "dropping it closes the connection"]
pub struct Incoming {
    held: Held,
    read: Option<(Request, Vec<u8>)>,
}

/// A WebSocket connection, step by step.
///
/// What the client sends is read as it comes, and answered as RFC 6455 §5.5 asks for: pings with pongs, a close frame
/// with a close frame. Each `expect_*` looks at what came next. All of them wait for it, at most for the server's
/// [patience](super::Builder::patience), and panic with what was expected and what came instead.
///
/// Dropping it closes the connection without a close frame.
#[derive(Debug)]
#[must_use = "dropping it closes the connection"]
pub struct Conn {
    held: Held,
}

/// What [`Conn::flood`] got rid of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Flood {
    /// Messages that the client gets when it reads on: those that the operating system has taken, and the rest of the
    /// one that it has taken in part.
    pub messages: u64,
    /// Bytes that it has taken.
    pub bytes: u64,
}

/// Closes the connection in the end.
#[derive(Debug)]
struct Held(Option<Arc<Link>>);

impl Incoming {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { held: Held(Some(link)), read: None }
    }

    /// Reads the request for the upgrade.
    ///
    /// # Panics
    /// If none comes, or something else.
    #[track_caller]
    pub fn request(&mut self) -> &Request {
        if self.read.is_none() {
            self.read = Some(must(read_request(self.held.link())));
        }
        &self.read.as_ref().expect("just read").0
    }

    /// Accepts the upgrade.
    ///
    /// # Panics
    /// If none comes, or one that does not fit.
    #[track_caller]
    pub fn accept(mut self, accept: &Accept) -> Conn {
        self.request();
        let read = self.read.take().expect("just read");
        must(upgrade(self.held.link(), accept, read));
        Conn { held: self.held }
    }

    /// Reads the request, and answers something else than an upgrade. It goes out by itself.
    ///
    /// # Panics
    /// If no request comes.
    #[track_caller]
    pub fn answer(mut self, answer: &Answer) {
        self.request();
        let link = self.held.release();
        respond(&link, answer);
    }

    /// Ends the stream (FIN), whatever was asked for.
    pub fn fin(mut self) {
        respond(&self.held.release(), &Answer::raw([]));
    }

    /// Resets the stream (RST). When this returns it was sent.
    pub fn reset(mut self) {
        self.held.release().reset();
    }

    /// Leaves it as it is until the server is dropped: nothing is read, nothing is said.
    pub fn hang(mut self) {
        self.held.release();
    }
}

#[expect(clippy::must_use_candidate, reason = "what was expected came, whether one looks at it or not")]
impl Conn {
    /// Which it is, counted from 1.
    #[must_use]
    pub fn number(&self) -> usize {
        self.link().number
    }

    /// What was seen of it so far.
    #[must_use]
    pub fn record(&self) -> Record {
        self.link().record()
    }

    /// Expects this text as the next message.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    #[track_caller]
    pub fn expect_text(&self, text: &str) {
        self.expect(&Expected::Text(text.to_owned()));
    }

    /// Expects this binary message as the next.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    #[track_caller]
    pub fn expect_binary(&self, bytes: &[u8]) {
        self.expect(&Expected::Binary(bytes.to_vec()));
    }

    /// Expects a message, and hands it out.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    #[track_caller]
    pub fn expect_message(&self) -> Received {
        self.expect(&Expected::Message)
    }

    /// Expects a ping, and hands out its payload. Each ping is expected once, whatever messages come between.
    ///
    /// # Panics
    /// If none comes.
    #[track_caller]
    pub fn expect_ping(&self) -> Vec<u8> {
        self.expect(&Expected::Ping).payload().to_vec()
    }

    /// Expects a close frame with this code.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    #[track_caller]
    pub fn expect_close(&self, code: u16) {
        self.expect(&Expected::Close(Some(code)));
    }

    /// Expects the end of the connection, whatever comes before, and says how it ended.
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn expect_end(&self) -> Ending {
        let link = self.link();
        let ending = link.wait(Instant::now() + link.patience, |state| state.ending.clone());
        must(ending.ok_or_else(|| {
            let (number, patience, record) = (link.number, link.patience, link.record());
            Mismatch(format!("connection {number}: expected its end within {patience:?}, but it lives: {record:?}"))
        }))
    }

    /// Expects that no message comes for so long.
    ///
    /// # Panics
    /// If one comes, or the connection ends.
    #[track_caller]
    pub fn expect_silence(&self, span: Duration) {
        if let Some(next) = self.link().next(&Expected::Message, Instant::now() + span) {
            panic!("connection {}: expected silence, but got {next:?}", self.number());
        }
    }

    /// The next message, or `None` if none comes within the time or the connection has ended.
    #[must_use]
    pub fn receive_timeout(&self, timeout: Duration) -> Option<Received> {
        self.link().next(&Expected::Message, Instant::now() + timeout)?.ok()
    }

    /// Sends a text message. Like everything that sends it returns when the operating system has taken it.
    ///
    /// # Panics
    /// If the client does not take it.
    #[track_caller]
    pub fn send_text(&self, text: &str) {
        self.send_frame(Frame::message(text.as_bytes().to_vec(), OpCode::Data(Data::Text), true));
    }

    /// Sends a binary message.
    ///
    /// # Panics
    /// If the client does not take it.
    #[track_caller]
    pub fn send_binary(&self, bytes: &[u8]) {
        self.send_frame(Frame::message(bytes.to_vec(), OpCode::Data(Data::Binary), true));
    }

    /// Sends a text message in these fragments (RFC 6455 §5.4); each is text of its own.
    ///
    /// # Panics
    /// If the client does not take it.
    #[track_caller]
    pub fn send_fragments(&self, fragments: &[&str]) {
        for (index, fragment) in fragments.iter().enumerate() {
            let opcode = if index == 0 { Data::Text } else { Data::Continue };
            let last = index + 1 == fragments.len();
            self.send_frame(Frame::message(fragment.as_bytes().to_vec(), OpCode::Data(opcode), last));
        }
    }

    /// Sends back what came.
    ///
    /// # Panics
    /// If the client does not take it.
    #[track_caller]
    pub fn send_back(&self, received: &Received) {
        self.send_frame(frame_of(received));
    }

    /// Sends a ping with a payload of at most 125 bytes.
    ///
    /// # Panics
    /// If the client does not take it.
    #[track_caller]
    pub fn ping(&self, payload: &[u8]) {
        self.send_frame(Frame::ping(payload.to_vec()));
    }

    /// Sends a pong that may answer nothing.
    ///
    /// # Panics
    /// If the client does not take it.
    #[track_caller]
    pub fn pong(&self, payload: &[u8]) {
        self.send_frame(Frame::pong(payload.to_vec()));
    }

    /// Sends these bytes as they are: frames of your own making, or none.
    ///
    /// # Panics
    /// If the client does not take them.
    #[track_caller]
    pub fn raw(&self, bytes: &[u8]) {
        self.link().queue(bytes.to_vec());
        self.flush();
    }

    /// Sends these bytes one by one, this far apart.
    ///
    /// # Panics
    /// If the client does not take them.
    #[track_caller]
    pub fn raw_slowly(&self, bytes: &[u8], pace: Duration) {
        for byte in bytes {
            self.raw(&[*byte]);
            std::thread::sleep(pace);
        }
    }

    /// Whether pings are answered, from now on; for the very first, see [`Accept::answer_pings`].
    pub fn answer_pings(&self, answer: bool) {
        self.link().change(|state| state.answer_pings = answer);
    }

    /// Whether a close frame is answered, and the stream ended after it, from now on. It is at first.
    pub fn answer_close(&self, answer: bool) {
        self.link().change(|state| state.answer_close = answer);
    }

    /// Reads nothing more: not a byte is taken from the operating system once this has returned, and no ping is
    /// answered. Its buffers fill up, and in the end the client's writes stall.
    pub fn freeze(&self) {
        self.link().change(|state| state.frozen = true);
    }

    /// Reads on.
    pub fn thaw(&self) {
        self.link().change(|state| state.frozen = false);
    }

    /// Sends this text again and again until the operating system has taken nothing for `quiet`: the client has
    /// stopped to read. The rest of the last message goes out when it reads on.
    ///
    /// # Panics
    /// If the client takes more than `at_most` bytes.
    #[track_caller]
    pub fn flood(&self, text: &str, quiet: Duration, at_most: u64) -> Flood {
        let link = self.link();
        let frame = encode(Frame::message(text.as_bytes().to_vec(), OpCode::Data(Data::Text), true));
        self.flush();
        let begin = link.taken();
        let (mut seen, mut still_since) = (begin, Instant::now());
        let mut messages = 0;
        while still_since.elapsed() < quiet && !link.look(|state| state.over) {
            while link.waiting() < FLOOD_AHEAD {
                link.queue(frame.clone());
                messages += 1;
            }
            link.wait(still_since + quiet, |state| (state.over || state.taken() > seen).then_some(()));
            let taken = link.taken();
            if taken > seen {
                (seen, still_since) = (taken, Instant::now());
            }
            assert!(seen - begin <= at_most, "the client was to stop reading, but has taken {} B", seen - begin);
        }
        messages -= link.unqueue(&frame);
        Flood { messages, bytes: link.taken() - begin }
    }

    /// Begins the closing handshake. The stream is ended once the client has answered.
    ///
    /// # Panics
    /// If the client does not take it.
    #[track_caller]
    pub fn close(&self, code: u16, reason: &str) {
        self.link().queue_close(Some(CloseFrame { code: code.into(), reason: reason.into() }));
        self.flush();
    }

    /// Ends the stream without a close frame (FIN); over TLS, with its goodbye.
    pub fn fin(mut self) {
        self.held.release().finish(Last::Fin);
    }

    /// Ends the stream without a close frame and without TLS's goodbye.
    pub fn cut(mut self) {
        self.held.release().finish(Last::Cut);
    }

    /// Resets the stream (RST). When this returns it was sent; what the client had not read may be lost.
    pub fn reset(mut self) {
        self.held.release().reset();
    }

    /// Sends the first half of a message, and ends the stream (FIN).
    ///
    /// # Panics
    /// If the client does not take it.
    #[track_caller]
    pub fn die_in_frame(self) {
        self.half_a_frame();
        self.fin();
    }

    /// Sends the first half of a message.
    ///
    /// # Panics
    /// If the client does not take it.
    #[track_caller]
    pub fn half_a_frame(&self) {
        self.raw(&half_a_frame());
    }

    /// Leaves it to the server: it answers pings and a close frame until it is dropped.
    pub fn leave(mut self) {
        self.held.release();
    }

    /// Sends back every message until the connection ends, on a thread of its own.
    pub fn echo(mut self) {
        let link = self.held.release();
        std::thread::spawn(move || echo(&link));
    }

    fn link(&self) -> &Arc<Link> {
        self.held.link()
    }

    #[track_caller]
    fn expect(&self, expected: &Expected) -> Received {
        must(self.link().expect(expected))
    }

    #[track_caller]
    fn send_frame(&self, frame: Frame) {
        self.link().queue_frame(frame);
        self.flush();
    }

    #[track_caller]
    fn flush(&self) {
        must(self.link().flush());
    }
}

impl Held {
    fn link(&self) -> &Arc<Link> {
        self.0.as_ref().expect("only what consumes the connection takes it")
    }

    /// Does not close it.
    fn release(&mut self) -> Arc<Link> {
        self.0.take().expect("only what consumes the connection takes it")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(link) = &self.0 {
            link.let_go();
        }
    }
}

impl Link {
    /// Waits until the operating system has taken everything that was queued.
    pub(super) fn flush(&self) -> Result<(), Mismatch> {
        self.flushed(Instant::now() + self.patience).map_err(|left| {
            Mismatch(format!(
                "connection {}: the client was to read on, but {left} B could not be written for {:?}",
                self.number, self.patience
            ))
        })
    }
}

/// Sends back every message until the connection ends.
pub(super) fn echo(link: &Link) {
    loop {
        match link.next(&Expected::Message, Instant::now() + link.patience) {
            Some(Ok(message)) if message.is_message() => link.queue_frame(frame_of(&message)),
            Some(Ok(_)) | None => {}
            Some(Err(_)) => return,
        }
    }
}

pub(super) fn frame_of(received: &Received) -> Frame {
    let opcode = if matches!(received, Received::Text(_)) { Data::Text } else { Data::Binary };
    Frame::message(received.payload().to_vec(), OpCode::Data(opcode), true)
}

/// The first half of a text message of 64 bytes.
pub(super) fn half_a_frame() -> Vec<u8> {
    let mut bytes = encode(Frame::message(vec![b'x'; 64], OpCode::Data(Data::Text), true));
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// How many bytes a flood keeps ready to be written.
const FLOOD_AHEAD: u64 = 64 << 10;
