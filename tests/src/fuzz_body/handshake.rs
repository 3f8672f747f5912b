//! The target `handshake`: any answer, cut in any way, is judged the same, and accepted only if it says what it must.

use steadfast_core::{
    Cause,
    wire::{
        Buffer,
        deflate::{Offer, Options},
        handshake::{Accepted, BodyState, Handshake, Headers, Limits, Progress, Rejected, Request, Scheme, Violation},
    },
};

/// What became of an answer, and how many bytes of it were taken.
#[derive(PartialEq, Debug)]
enum Outcome {
    Accepted(Accepted, usize),
    Rejected(Rejected, usize),
    Failed(Violation),
    Ended(Cause),
}

/// A head, read in another and simpler way.
struct Head {
    /// The line's second word.
    status: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

/// The first byte says what is offered and what is allowed, the second how the others are cut; they are the answer.
///
/// # Panics
/// When the cuts matter, memory is not bounded, or what is accepted should not be.
pub fn handshake(bytes: &[u8]) {
    let Some((&[options, size], answer)) = bytes.split_first_chunk() else { return };
    let (request, limits) = (request(options), limits(options));
    let begin = || request.begin(*b"the sample nonce", &mut Buffer::new()).with_limits(limits);
    let outcome = run(begin(), limits, [answer]);
    assert_eq!(run(begin(), limits, answer.chunks(1)), outcome, "byte by byte");
    assert_eq!(run(begin(), limits, answer.chunks(usize::from(size).max(2))), outcome, "{size} bytes at a time");
    assert_eq!(run(begin(), limits, uneven(answer)), outcome, "in uneven pieces");
    match &outcome {
        Outcome::Accepted(accepted, taken) => accepted_rightly(&request, accepted, &answer[..*taken]),
        Outcome::Rejected(rejected, taken) => rejected_rightly(rejected, limits, &answer[..*taken]),
        Outcome::Failed(violation) => {
            assert_eq!(violation.cause(), Cause::Handshake(violation.kind()));
            assert!(!violation.to_string().contains(char::is_control), "{violation:?}");
        }
        Outcome::Ended(_) => assert!(answer.len() < limits.max_head_bytes, "it waits for what would be too much"),
    }
    let _ = format!("{outcome:?}");
}

fn request(options: u8) -> Request {
    let mut request = Request::new(Scheme::Ws, "example.com", None, "/chat").expect("a request");
    if options & 1 != 0 {
        for name in ["chat", "chat.v2"] {
            request = request.subprotocol(name).expect("a token");
        }
    }
    if options & 2 != 0 {
        request = request.deflate(Offer::new(Options::default()).expect("valid options"));
    }
    request
}

/// Limits so small that they are reached, or those that are usual.
fn limits(options: u8) -> Limits {
    match options & 4 {
        0 => Limits::default(),
        _ => Limits { max_head_bytes: 250, max_headers: 6, max_body_bytes: 16 },
    }
}

/// Pieces of up to 32 bytes, each as long as its first byte says.
fn uneven(mut answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (piece, rest) = answer.split_at(answer.len().min(1 + usize::from(*answer.first()? % 32)));
        answer = rest;
        Some(piece)
    })
}

fn run<'a>(mut handshake: Handshake, limits: Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let (mut taken, mut rejection) = (0, None::<Rejected>);
    for piece in pieces {
        let mut input = piece;
        match &mut rejection {
            Some(rejected) => assert_eq!(rejected.receive(&mut input), rejected.body_state()),
            None => match handshake.receive(&mut input) {
                Progress::Incomplete => {
                    assert!(input.is_empty(), "what is not taken comes again");
                    assert!(taken + piece.len() < limits.max_head_bytes, "it waits for what would be too much");
                }
                Progress::Accepted(accepted) => {
                    assert!(piece.ends_with(input));
                    over(&mut handshake);
                    return Outcome::Accepted(accepted, taken + piece.len() - input.len());
                }
                Progress::Rejected(rejected) => {
                    over(&mut handshake);
                    rejection = Some(rejected);
                }
                Progress::Failed(violation) => {
                    over(&mut handshake);
                    return Outcome::Failed(violation);
                }
            },
        }
        assert!(piece.ends_with(input));
        taken += piece.len() - input.len();
    }
    match rejection {
        Some(rejected) => Outcome::Rejected(rejected, taken),
        None => Outcome::Ended(handshake.ended()),
    }
}

/// It takes nothing more.
fn over(handshake: &mut Handshake) {
    let mut more = &b"HTTP/1.1 404 No\r\n\r\n"[..];
    assert_eq!(handshake.receive(&mut more), Progress::Incomplete);
    assert_eq!(more.len(), 19);
}

fn accepted_rightly(request: &Request, accepted: &Accepted, taken: &[u8]) {
    let head = last_head(taken);
    assert_eq!(head.status, "101");
    same_headers(accepted.headers(), &head);
    assert!(head.list("upgrade").iter().all(|protocol| protocol.eq_ignore_ascii_case("websocket")));
    assert!(!head.list("upgrade").is_empty());
    assert!(head.list("connection").iter().any(|option| option.eq_ignore_ascii_case("upgrade")));
    assert_eq!(head.values("sec-websocket-accept"), ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
    let extensions = head.values("sec-websocket-extensions").join(",");
    match accepted.deflate() {
        Some(_) => assert!(extensions.contains("permessage-deflate")),
        None => assert_eq!(extensions.trim_matches([' ', '\t', ',']), ""),
    }
    let chosen = head.list("sec-websocket-protocol");
    match accepted.subprotocol() {
        Some(name) => assert!(chosen == [name] && request.subprotocols().iter().any(|offered| offered == name)),
        None => assert!(chosen.is_empty() && request.subprotocols().is_empty()),
    }
}

fn rejected_rightly(rejected: &Rejected, limits: Limits, taken: &[u8]) {
    let body = rejected.body();
    assert!(body.len() <= limits.max_body_bytes);
    // What was taken of a body without chunks is the body.
    let chunked = rejected.headers().get("transfer-encoding").is_some();
    let head = if chunked { None } else { taken.strip_suffix(body) };
    assert!(chunked || head.is_some(), "the body is what came last");
    if let Some(head) = head {
        let head = last_head(head);
        assert_eq!(head.status, rejected.status().to_string());
        same_headers(rejected.headers(), &head);
    }
    assert_ne!(rejected.status(), 101);
    let at = rejected.retry_after(0);
    assert!(rejected.retry_after(u64::MAX) <= at, "later is sooner");
    assert_eq!(rejected.cause(0), Cause::Rejected { status: rejected.status(), retry_after: at });
    let mut ended = rejected.clone();
    assert_ne!(ended.ended(), BodyState::Pending);
    assert_eq!(ended.body(), body);
}

fn same_headers(headers: &Headers, head: &Head) {
    let text = |value: &[u8]| value.iter().copied().map(char::from).collect::<String>();
    let found: Vec<_> = headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect();
    assert_eq!(found, head.headers);
}

/// The last of the heads in these bytes, which end with it.
fn last_head(taken: &[u8]) -> Head {
    let text: String = taken.iter().copied().map(char::from).collect();
    let text = text.replace("\r\n", "\n");
    let heads = text.strip_suffix("\n\n").expect("a head ends with an empty line");
    let mut heads = heads.rsplit("\n\n");
    let mut lines = heads.next().expect("at least one").split('\n');
    for interim in heads {
        let status = interim.split([' ', '\n']).nth(1).expect("a status");
        assert!(status.starts_with('1') && status != "101", "{interim:?}");
    }
    let status = lines.next().expect("at least one").split(' ').nth(1).expect("a status").to_owned();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        (name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned())
    });
    Head { status, headers: headers.collect() }
}

impl Head {
    fn values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    }

    /// None of the lists that are looked at may have quotes in it.
    fn list(&self, name: &str) -> Vec<&str> {
        let elements = self.values(name).into_iter().flat_map(|value| value.split(','));
        elements.map(|element| element.trim_matches([' ', '\t'])).filter(|element| !element.is_empty()).collect()
    }
}
