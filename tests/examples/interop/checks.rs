//! What is tried with every server.

use steadfast_core::{Cause, CloseCode, CloseFrame, Message};

use super::{Conversation, Server, cause};

/// A check says what it has seen beyond its name, or what was wrong.
type Check = fn(&Server<'_>) -> Result<String, String>;

pub(crate) const ALL: [(&str, Check); 10] = [
    ("texts come back, whatever their size", texts),
    ("binary messages come back, whatever their size", binaries),
    ("messages without compression come back", uncompressed),
    ("messages in fragments of ours come back", our_fragments),
    ("messages come back in fragments of the server's", their_fragments),
    ("ten thousand short messages keep their order", order),
    ("compression and a subprotocol are agreed on", agreed),
    ("pings are answered", pings),
    ("the server's close codes arrive", their_codes),
    ("our close codes arrive", our_codes),
];

fn texts(server: &Server<'_>) -> Result<String, String> {
    all_come_back(server.at("/echo")?, sizes().map(text))
}

fn binaries(server: &Server<'_>) -> Result<String, String> {
    all_come_back(server.at("/echo")?, sizes().map(binary))
}

fn uncompressed(server: &Server<'_>) -> Result<String, String> {
    let conversation = server.with("/echo", |ask| ask.compress = false)?;
    all_come_back(conversation, [0, 1, 126, 65_536, MIB].into_iter().flat_map(|size| [text(size), binary(size)]))
}

fn our_fragments(server: &Server<'_>) -> Result<String, String> {
    let conversation = server.with("/echo", |ask| ask.fragment_bytes = Some(1000))?;
    all_come_back(
        conversation,
        [0, 999, 1000, 1001, 65_536, MIB].into_iter().flat_map(|size| [text(size), binary(size)]),
    )
}

fn their_fragments(server: &Server<'_>) -> Result<String, String> {
    let messages = [0, 999, 1000, 1001, 65_536, MIB].map(|size| Message::text("x".repeat(size)));
    all_come_back(server.at("/fragments")?, messages)
}

fn order(server: &Server<'_>) -> Result<String, String> {
    all_come_back(server.at("/echo")?, (0..10_000).map(|number| Message::text(format!("message {number}"))))
}

fn agreed(server: &Server<'_>) -> Result<String, String> {
    let mut conversation = server.with("/about", |ask| ask.subprotocols = &["chat.v1", "chat.v2"])?;
    let said = conversation.receive()?;
    let extension = if server.agrees { "permessage-deflate" } else { "" };
    same(&said.as_text(), &Some(&format!("[chat.v2] [{extension}]")))?;
    same(&conversation.subprotocol().as_deref(), &Some("chat.v2"))?;
    Ok(format!(": {extension:?}"))
}

fn pings(server: &Server<'_>) -> Result<String, String> {
    let mut conversation = server.at("/pings?count=1000")?;
    same(&conversation.receive()?.as_text(), &Some("1000 answered"))?;
    Ok(": 1000".to_owned())
}

fn their_codes(server: &Server<'_>) -> Result<String, String> {
    for code in CODES {
        let mut conversation = server.at(&format!("/close?code={code}"))?;
        conversation.send(Message::text("now"))?;
        let ended = conversation.ended()?;
        let Some(Cause::Closed(frame)) = cause(&ended) else {
            return Err(format!("asked to close with {code}, the server ended like this: {ended:?}"));
        };
        same(&frame.code, &CloseCode(code))?;
    }
    Ok(format!(": {CODES:?}"))
}

fn our_codes(server: &Server<'_>) -> Result<String, String> {
    for code in CODES {
        // Its own for every run: the server remembers.
        let tag = format!("{}-{code}", std::process::id());
        let mut conversation = server.at(&format!("/echo?tag={tag}"))?;
        conversation.send(Message::text("first"))?;
        conversation.receive()?;
        let frame = CloseFrame::new(CloseCode(code), "our reason");
        conversation.close(frame)?;
        let said = server.at(&format!("/closed?tag={tag}"))?.receive()?;
        same(&said.as_text(), &Some(&format!("{code} our reason")))?;
    }
    Ok(format!(": {CODES:?}"))
}

/// Sends them all, and takes them all back in their order; all are confirmed.
fn all_come_back(
    mut conversation: Box<dyn Conversation>,
    messages: impl IntoIterator<Item = Message<'static>>,
) -> Result<String, String> {
    let sent: Vec<Message<'static>> = messages.into_iter().collect();
    for message in &sent {
        conversation.send(message.clone())?;
    }
    for (index, sent) in sent.iter().enumerate() {
        let received = conversation.receive()?;
        if received != *sent {
            let kind = |message: &Message<'_>| if message.is_text() { "text" } else { "binary" };
            return Err(format!(
                "sent as number {index}: {} of {} B, but got {} of {} B",
                kind(sent),
                sent.len(),
                kind(&received),
                received.len()
            ));
        }
    }
    conversation.confirmed()?;
    Ok(format!(": {} messages, {} B, confirmed", sent.len(), sent.iter().map(Message::len).sum::<usize>()))
}

fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, but got {found:?}")) }
}

/// Every size up to 300, those around every power of two up to a mebibyte, and some between.
fn sizes() -> impl Iterator<Item = usize> {
    let around = (9..=20).flat_map(|power| [(1_usize << power) - 1, 1 << power, (1 << power) + 1]);
    let between = (0..20).map(|step| 1000 + step * step * 2501);
    (0..=300).chain(around.filter(|size| *size <= MIB)).chain(between)
}

/// Text that compresses well, with characters of one to four bytes.
fn text(size: usize) -> Message<'static> {
    let mut text = "Stand\u{df}haft \u{20ac} \u{1f3d4} ".repeat(size / 20 + 1);
    while !text.is_char_boundary(size.min(text.len())) || text.len() > size {
        text.pop();
    }
    text.extend(std::iter::repeat_n('.', size - text.len()));
    Message::text(text)
}

/// Bytes that do not compress (an LCG's, Knuth's MMIX).
fn binary(size: usize) -> Message<'static> {
    let mut state = size as u64;
    let bytes: Vec<u8> = (0..size)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    Message::binary(bytes)
}

const MIB: usize = 1 << 20;

/// What may be sent by an endpoint (RFC 6455 §7.4), of each kind.
const CODES: [u16; 7] = [1000, 1001, 1008, 1011, 3000, 4000, 4999];
