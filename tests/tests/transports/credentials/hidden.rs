//! Nobody is shown a token, whatever is asked for and whatever goes wrong.

use std::{
    io,
    sync::{Arc, Mutex},
};

use steadfast_core::{FetchReason, Message, Notice, trace::Payloads};
use steadfast_mio::{Secret, Token};
use steadfast_sim::mock::{Answer, MockServer};

use super::{
    places,
    source::{Source, Step},
};
use crate::{
    case::{Case, Transport, config},
    client::Client,
};

over_everything!(only over tcp: no_token_is_in_anything_that_is_shown, no_token_is_in_a_recording,
    a_token_that_a_server_quotes_is_shown_nowhere, a_close_that_quotes_a_token_does_not_show_it);

const TOKEN: &str = "hunter2-token";

/// As people, logs and debuggers see it: as text, as bytes in a list, in base64, in hexadecimal.
fn assert_hidden(what: &str, text: &str) {
    let listed = TOKEN.bytes().take(7).map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    let hex = TOKEN.bytes().take(7).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    for shape in ["hunter2", "aHVudGVyM", &listed, &hex] {
        assert!(!text.to_lowercase().contains(&shape.to_lowercase()), "{what}: {text}");
    }
}

fn source() -> Source {
    Source::of([
        Step::Brings(Token::new(format!("{TOKEN}\r\nX: 1"))),
        Step::Brings(Token::new(TOKEN)),
        Step::Brings(Token::new(TOKEN)),
        Step::Brings(Token::new(TOKEN)),
    ])
}

fn auth(secret: &Secret) -> Message<'static> {
    Message::text(secret.expose_text().unwrap_or_default().to_owned())
}

fn no_token_is_in_anything_that_is_shown(case: Case) {
    for place in places() {
        let server = case.by_hand();
        let source = source();
        let credentials = source.credentials(case).at(place).renewed_by_message(auth);
        assert_hidden("credentials", &format!("{credentials:?}"));
        let endpoint = case.endpoint(&server.url()).subprotocol("chat").expect("a subprotocol");
        let endpoint = endpoint.credentials(credentials).expect("room for a token");
        let client = case.connect_to(endpoint.clone(), config());
        server.incoming().answer(&Answer::status(401).body("who are you"));
        let end = client.end();
        assert_hidden("end", &format!("{end:?} {}", end.text()));
        let accept = steadfast_sim::mock::Accept::new().subprotocol("chat");
        let conn = server.accept_with(&accept);
        client.conn();
        assert_hidden("client", &client.shown());
        client.refresh_credentials();
        conn.expect_text(TOKEN);
        conn.reset();
        while !matches!(client.notice().notice, Notice::CredentialsRefreshed { .. }) {}
        let failure = client.last_failure();
        assert_hidden(
            "the rest",
            &format!(
                "{endpoint} {endpoint:?} {:?} {failure:?} {client_state:?}",
                client.now(),
                client_state = client.state()
            ),
        );
    }
    let token = Token::new(TOKEN);
    assert_hidden("token", &format!("{token:?} {:?}", token.secret()));
}

fn a_token_that_a_server_quotes_is_shown_nowhere(case: Case) {
    let answers = [
        Answer::status(401)
            .header("WWW-Authenticate", &format!("Bearer error=\"{TOKEN}\""))
            .body(format!("no: {TOKEN}")),
        // It breaks off within the token.
        Answer::status(503).header("X", &TOKEN.to_uppercase()).body(format!("{}{TOKEN}", "x".repeat(4_090))),
        Answer::status(302).header("Location", &format!("/{TOKEN}")).body(TOKEN),
        Answer::status(101).header("Upgrade", TOKEN),
    ];
    let source = Source::of((0..8).map(|_| Step::Brings(Token::new(TOKEN))));
    for answer in answers {
        let server = case.by_hand();
        let client = case.connect_to(source.endpoint(case, &server), config());
        server.incoming().answer(&answer);
        let end = client.end();
        assert!(end.text().contains('*') || end.text().contains("503"), "{end:?}");
        assert_hidden("the end", &format!("{end:?} {}", end.text()));
        assert_hidden("the last failure", &format!("{:?} {}", client.last_failure(), client.shown()));
    }
}

fn a_close_that_quotes_a_token_does_not_show_it(case: Case) {
    let server = case.by_hand();
    let source = Source::of((0..3).map(|_| Step::Brings(Token::new(TOKEN))));
    let client = case.connect_to(source.endpoint(case, &server), config());
    let conn = server.accept();
    client.conn();
    conn.close(4_000, &format!("not you, {TOKEN}"));
    let end = client.end();
    assert!(format!("{end:?}").contains("not you, *"), "{end:?}");
    assert_hidden("the end", &format!("{end:?} {}", client.shown()));
}

/// Keeps what is written to it.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl io::Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn recorded(case: Case, server: &MockServer, source: &Source, tape: Tape) -> Client {
    let endpoint = case.endpoint(&server.url());
    let endpoint = endpoint.credentials(source.credentials(case).renewed_by_message(auth)).expect("room for a token");
    let config = config().build().expect("a good configuration");
    match case.transport {
        Transport::Mio => {
            let mut builder = steadfast_mio::Client::to(endpoint).config(config).record(tape, Payloads::Keep);
            let notices = builder.notices();
            Client::Mio(builder.connect().expect("a client"), notices)
        }
        Transport::AsyncStd => {
            let mut builder = steadfast_async_std::Client::to(endpoint).config(config).record(tape, Payloads::Keep);
            let notices = builder.notices();
            let client = steadfast_async_std::Client::new(builder).expect("a client");
            client.start();
            Client::AsyncStd(client, Mutex::new(notices))
        }
    }
}

fn no_token_is_in_a_recording(case: Case) {
    let (server, source, tape) = (case.by_hand(), source(), Tape::default());
    let client = recorded(case, &server, &source, tape.clone());
    let conn = server.accept();
    client.conn();
    client.refresh_credentials();
    conn.expect_text(TOKEN);
    let receipt = client.send("hello");
    conn.expect_text("hello");
    assert!(receipt.wait().is_confirmed());
    let _ = client.close(None);
    let lines = String::from_utf8(tape.0.lock().expect("no panic").clone()).expect("text");
    assert!(lines.contains("credentials") && lines.contains("hello"), "{lines}");
    assert_hidden("recording", &lines);
    assert_eq!(source.next().reason, FetchReason::First);
}
