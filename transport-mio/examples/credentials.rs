//! A client whose tokens expire: they are fetched before they are needed, again when the server rejects them, and renewed by
//! message ahead of their end, without a reconnect.
//!
//! `cargo run -p steadfast-mio --example credentials`
//!
//! Server and token endpoint are a part of the program. The guide `docs/credentials.md` goes through this file.

use std::{
    error::Error,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use steadfast_mio::{
    Client, Credentials, Place, SourceError, Token,
    core::{Identity, Message, Notice, StateKind},
};

fn main() -> Result<(), Box<dyn Error>> {
    chat(&server::start()?)
}

/// The client's part, all of it.
fn chat(url: &str) -> Result<(), Box<dyn Error>> {
    // Blocks for as long as the token endpoint takes, on a thread of its own.
    let credentials = Credentials::fetched_by(|wanted| {
        println!("fetching   {}: {}", wanted.epoch, wanted.reason);
        let (token, seconds) = ask_the_token_endpoint()?;
        Ok(Token::new(token).expires_in(Duration::from_secs(seconds)).identity(Identity(7)))
    })
    .at(Place::bearer())
    // This server takes a newer token on the connection that is open.
    .renewed_by_message(|secret| Message::text(format!("token {}", secret.expose_text().unwrap_or_default())));

    let mut builder = Client::builder(url).credentials(credentials);
    let notices = builder.notices();
    let client = builder.connect()?;
    client.state().wait_for(Duration::from_secs(10), |state| state.kind() == StateKind::Open).ok_or("not open")?;
    let receipt = client.send("hello")?;
    println!("received   {:?}", client.receive_timeout(Duration::from_secs(10))?);
    println!("hello      {:?}", receipt.wait().verdict());
    // Half of its two seconds later, the third token is on its way.
    println!("received   {:?}", client.receive_timeout(Duration::from_secs(10))?);

    let report = client.close(Some(Duration::from_secs(2)));
    println!("closed     {}, {} unsettled", report.state, report.unsettled.len());
    for noticed in notices {
        match noticed.notice {
            Notice::CredentialsRefreshed { epoch, expires_in } => println!("refreshed  {epoch}, for {expires_in:?}"),
            Notice::CredentialsRejected { epoch, cause } => println!("rejected   {epoch}: {cause}"),
            Notice::CredentialsFailed { epoch, kind } => println!("failed     {epoch}: {kind:?} {:?}", noticed.failure),
            _ => {}
        }
    }
    Ok(())
}

/// What an HTTP client would do: `POST /token`, and read `access_token` and `expires_in` from the answer (RFC 6749 §5.1).
fn ask_the_token_endpoint() -> Result<(String, u64), SourceError> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    match ASKED.fetch_add(1, Ordering::Relaxed) {
        // Trouble of its own, of the kind that passes.
        1 => Err(SourceError::retry("the token endpoint said 503")),
        nth => Ok((format!("token-{nth}"), if nth == 2 { 2 } else { 3_600 })),
    }
}

/// A chat server that does not like the first token.
mod server {
    use std::{io, net::TcpListener, thread};

    use tungstenite::{
        accept_hdr,
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
    };

    pub(super) fn start() -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("ws://{}/", listener.local_addr()?);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let Ok(mut socket) = accept_hdr(stream, judge) else { return };
                    while let Ok(message) = socket.read() {
                        if message.is_text() && socket.send(message).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(url)
    }

    #[expect(clippy::result_large_err, reason = "that is what tungstenite asks for")]
    fn judge(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        match request.headers().get("authorization").and_then(|value| value.to_str().ok()) {
            Some(bearer) if bearer.starts_with("Bearer token-") && bearer != "Bearer token-0" => Ok(response),
            _ => {
                let mut no = ErrorResponse::new(Some("who are you?".to_owned()));
                *no.status_mut() = StatusCode::UNAUTHORIZED;
                Err(no)
            }
        }
    }
}

#[test]
fn it_runs_to_its_end() {
    main().expect("nothing goes wrong");
}
