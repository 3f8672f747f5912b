//! What a connection is met by: an upgrade, or something else.

use std::{
    fmt::Write as _,
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tungstenite::handshake::{
    derive_accept_key,
    machine::TryParse as _,
    server::{Request as Upgrade, create_response},
};

use super::{
    Mismatch,
    link::Link,
    pipe::Pipe,
    reading,
    record::{Ending, Request},
};

/// How the server begins with a connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Opening {
    /// It accepts the upgrade.
    Accept(Accept),
    /// It answers something else.
    Answer(Answer),
    /// It reads nothing and says nothing.
    Hang,
    /// It resets the stream at once (RST).
    Reset,
    /// It ends the stream at once (FIN).
    Fin,
}

/// An upgrade that is accepted, and what is expected of the request for it.
///
/// ```
/// use steadfast_sim::mock::Accept;
///
/// let accept = Accept::new()
///     .expect_target("/chat?room=7")
///     .expect_header("authorization", "Bearer 1")
///     .subprotocol("chat.v2")
///     .set_cookie("node=3; Path=/");
/// ```
#[derive(Clone, Default, Debug)]
#[must_use]
pub struct Accept {
    expected: Vec<(String, Option<String>)>,
    target: Option<String>,
    headers: Vec<(String, String)>,
    key: Option<String>,
    followed_by: Vec<u8>,
    pace: Option<Duration>,
    leave_pings: bool,
    frozen: bool,
}

impl Accept {
    /// Accepts every request that RFC 6455 §4.2.1 allows, without a subprotocol or an extension.
    pub fn new() -> Self {
        Self::default()
    }

    /// The request must have a header with this value. Names are compared without regard to case.
    pub fn expect_header(mut self, name: &str, value: &str) -> Self {
        self.expected.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// The request must not have such a header.
    pub fn expect_no_header(mut self, name: &str) -> Self {
        self.expected.push((name.to_owned(), None));
        self
    }

    /// The request must ask for this path and query.
    pub fn expect_target(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// Chooses a subprotocol, whether it was offered or not.
    pub fn subprotocol(self, name: &str) -> Self {
        self.header("Sec-WebSocket-Protocol", name)
    }

    /// Sets a cookie; may be repeated.
    pub fn set_cookie(self, cookie: &str) -> Self {
        self.header("Set-Cookie", cookie)
    }

    /// Adds a header to the answer; may be repeated. Nothing is done about it: an extension that is agreed on here is
    /// not spoken.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers with this `Sec-WebSocket-Accept`, and not with the one that follows from the request's key.
    pub fn accept_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Sends these bytes in one piece with the answer: frames that come as early as they can.
    pub fn followed_by(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.followed_by = bytes.into();
        self
    }

    /// Sends the answer byte by byte, this far apart.
    pub fn slowly(mut self, pace: Duration) -> Self {
        self.pace = Some(pace);
        self
    }

    /// Whether pings are answered, from the first one on; they are unless told otherwise.
    pub fn answer_pings(mut self, answer: bool) -> Self {
        self.leave_pings = !answer;
        self
    }

    /// Reads nothing of what comes after the request, until it is told to.
    pub fn frozen(mut self) -> Self {
        self.frozen = true;
        self
    }

    /// What does not fit the request.
    fn judge(&self, request: &Request) -> Result<(), Mismatch> {
        if let Some(target) = &self.target
            && request.target() != target
        {
            return Err(Mismatch(format!("expected the target `{target}`, but `{}` was asked for", request.target())));
        }
        for (name, expected) in &self.expected {
            let found = request.header(name);
            if found != expected.as_deref() {
                let show =
                    |value: Option<&str>| value.map_or("no such header".to_owned(), |value| format!("`{value}`"));
                return Err(Mismatch(format!(
                    "expected of the header `{name}`: {}, but found {}",
                    show(expected.as_deref()),
                    show(found)
                )));
            }
        }
        Ok(())
    }

    fn answer(&self, key: &str) -> Vec<u8> {
        let mut head =
            String::from("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
        let key = self.key.clone().unwrap_or_else(|| derive_accept_key(key.as_bytes()));
        write_headers(&mut head, &[("Sec-WebSocket-Accept".to_owned(), key)]);
        write_headers(&mut head, &self.headers);
        head.push_str("\r\n");
        [head.as_bytes(), &self.followed_by].concat()
    }
}

/// An answer to the upgrade that does not accept it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Answer {
    /// `None` for what is no HTTP.
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    pace: Option<Duration>,
    then: Then,
}

/// What follows an [`Answer`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Then {
    /// The stream is ended (FIN).
    #[default]
    Fin,
    /// The stream is reset (RST).
    Reset,
    /// Nothing: the stream stays open.
    Stay,
}

impl Answer {
    /// An HTTP answer with this status.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), headers: Vec::new(), body: Vec::new(), pace: None, then: Then::Fin }
    }

    /// A redirect: 301, 302, 307 or 308, and where to.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header("Location", location)
    }

    /// 503, to be tried again after so many seconds.
    pub fn retry_after(seconds: u32) -> Self {
        Self::status(503).header("Retry-After", &seconds.to_string())
    }

    /// Just these bytes, HTTP or not.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { status: None, ..Self::status(0) }.body(bytes)
    }

    /// Adds a header; may be repeated. `Content-Length` is added unless it is here.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it byte by byte, this far apart.
    pub fn slowly(mut self, pace: Duration) -> Self {
        self.pace = Some(pace);
        self
    }

    /// What follows.
    pub fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let Some(status) = self.status else { return self.body.clone() };
        let reason = tungstenite::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or("Unknown"));
        write_headers(&mut head, &self.headers);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            write_headers(&mut head, &[("Content-Length".to_owned(), self.body.len().to_string())]);
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

impl From<Accept> for Opening {
    fn from(accept: Accept) -> Self {
        Self::Accept(accept)
    }
}

impl From<Answer> for Opening {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// Reads the request, if it was not read before. What came behind it is the second part.
pub(super) fn read_request(link: &Arc<Link>) -> Result<(Request, Vec<u8>), Mismatch> {
    let gone = |link: &Link| Mismatch(format!("expected an upgrade, but the connection is over: {:?}", link.record()));
    let pipe = link.pipe().ok_or_else(|| gone(link))?;
    let until = Instant::now() + link.patience;
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    let end = loop {
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if head.len() > HEAD_MAX {
            link.end(Ending::Violation(format!("the head has more than {HEAD_MAX} B")));
            return Err(gone(link));
        }
        match link.read(&pipe, &mut chunk, Some(until)) {
            Ok(0) => link.end(Ending::Fin),
            Ok(read) => {
                head.extend_from_slice(&chunk[..read]);
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(Mismatch(format!(
                    "expected an upgrade within {:?}, but {} B came: \"{}\"",
                    link.patience,
                    head.len(),
                    head.escape_ascii()
                )));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => link.end(Ending::Tls(error.to_string())),
            Err(_) => link.end(Ending::Reset),
        }
        link.give_up(false);
        return Err(gone(link));
    };
    let tail = head.split_off(end);
    let request = Request::parse(&head);
    link.change(|state| {
        state.request = Some(request.clone());
        state.security = pipe.security();
    });
    judge_upgrade(link, &head)?;
    Ok((request, tail))
}

/// Whether it is one, in the view of tungstenite.
fn judge_upgrade(link: &Arc<Link>, head: &[u8]) -> Result<(), Mismatch> {
    let judged = match Upgrade::try_parse(head) {
        Ok(Some((_, upgrade))) => create_response(&upgrade).map(drop),
        Ok(None) => return Err(Mismatch("expected an upgrade, but its head is not whole".to_owned())),
        Err(error) => Err(error),
    };
    judged.map_err(|error| {
        link.end(Ending::Violation(error.to_string()));
        respond(link, &Answer::status(400).body(error.to_string()));
        Mismatch(format!("expected an upgrade, but {error}: {:?}", link.look(|state| state.request.clone())))
    })
}

/// Meets a connection.
pub(super) fn meet(link: &Arc<Link>, opening: &Opening) -> Result<(), Mismatch> {
    match opening {
        Opening::Accept(accept) => {
            let read = read_request(link)?;
            upgrade(link, accept, read)
        }
        Opening::Answer(answer) => {
            read_request(link)?;
            respond(link, answer);
            Ok(())
        }
        Opening::Hang => Ok(()),
        Opening::Reset => {
            link.reset();
            Ok(())
        }
        Opening::Fin => {
            respond(link, &Answer::raw([]));
            Ok(())
        }
    }
}

/// Accepts an upgrade that was read, and starts to read and write frames.
pub(super) fn upgrade(link: &Arc<Link>, accept: &Accept, read: (Request, Vec<u8>)) -> Result<(), Mismatch> {
    let (request, tail) = read;
    if let Err(mismatch) = accept.judge(&request) {
        respond(link, &Answer::status(400).body(mismatch.0.clone()));
        return Err(mismatch);
    }
    let Some(pipe) = link.pipe() else { return Ok(()) };
    link.change(|state| (state.answer_pings, state.frozen) = (!accept.leave_pings, accept.frozen));
    let key = request.header("sec-websocket-key").unwrap_or_default();
    write_paced(&pipe, &accept.answer(key), accept.pace);
    link.start(tail);
    Ok(())
}

/// Answers on a thread of its own: the client may take its time to read.
pub(super) fn respond(link: &Arc<Link>, answer: &Answer) {
    let answer = answer.clone();
    if answer.then != Then::Stay {
        link.end(Ending::Rejected(answer.status));
    }
    link.spawn(move |link, pipe| {
        write_paced(pipe, &answer.bytes(), answer.pace);
        match answer.then {
            Then::Fin => {
                pipe.finish(false);
                // With something unread it would be a reset, and the client might not see the answer.
                reading::drain(link, pipe);
                link.give_up(false);
            }
            Then::Reset => link.give_up(true),
            Then::Stay => {}
        }
    });
}

fn write_paced(pipe: &Pipe, bytes: &[u8], pace: Option<Duration>) {
    let piece = pace.map_or(bytes.len().max(1), |_| 1);
    for piece in bytes.chunks(piece) {
        // Whoever reads learns that the client has gone.
        if !pipe.write(piece, |_| {}).unwrap_or(false) {
            return;
        }
        if let Some(pace) = pace {
            thread::sleep(pace);
        }
    }
}

fn write_headers(head: &mut String, headers: &[(String, String)]) {
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("memory takes everything");
    }
}

const HEAD_MAX: usize = 64 << 10;
