//! A client that is to be killed: sends durable numbers, and says on standard output what became of them.
//!
//! `durable_client URL STORE FROM`: sends FROM, FROM + 1, … until it is killed; with `-` instead of a number it sends nothing
//! new, and ends when everything is confirmed. Its lines: `restored N` for what the store held, `send N` before a number
//! is sent, `accepted N` when it is stored, `confirmed N`.

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use steadfast_core::{Message, Notice, SendOptions, Verdict};
use steadfast_mio::{Client, Receipt, store::Store};

/// How many numbers may be on their way to the disk.
const WINDOW: usize = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, store, from] = &arguments[..] else { return ExitCode::from(2) };
    match run(url, store, from.parse().ok()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(url: &str, store: &str, from: Option<u64>) -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::open(store)?;
    // Names are the session's; what people count is in the messages.
    let restored: Vec<_> = store.peek().iter().map(|restored| (restored.id, number(&restored.message))).collect();
    for (_, number) in &restored {
        say("restored", *number);
    }
    let mut names: std::collections::BTreeMap<_, _> = restored.into_iter().collect();
    let mut builder = Client::builder(url).without_receiver().store(store);
    let notices = builder.notices();
    let client = builder.connect()?;
    let (sent, accepted) = mpsc::sync_channel::<(u64, Receipt)>(WINDOW);
    let (tell_name, told_names) = mpsc::channel();
    let acceptance = thread::spawn(move || {
        for (number, receipt) in accepted {
            if receipt.wait_accepted().is_ok() {
                say("accepted", number);
            }
        }
    });
    if let Some(from) = from {
        thread::spawn(move || {
            for number in from.. {
                say("send", number);
                let message = Message::text(number.to_string());
                let Ok(receipt) = client.sender().send_blocking(message, SendOptions::durable()) else { return };
                if tell_name.send((receipt.id(), number)).is_err() || sent.send((number, receipt)).is_err() {
                    return;
                }
            }
        });
        for noticed in notices {
            names.extend(told_names.try_iter());
            if let Notice::Verdict { id, verdict: Verdict::Confirmed, .. } = noticed.notice
                && let Some(number) = names.remove(&id)
            {
                say("confirmed", number);
            }
        }
    } else {
        drop(sent);
        let report = client.close(Some(Duration::from_secs(30)));
        if !report.unsettled.is_empty() {
            return Err(format!("left: {:?}", report.unsettled).into());
        }
    }
    let _ = acceptance.join();
    Ok(())
}

fn number(message: &Message<'_>) -> u64 {
    message.as_text().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}

/// One line, at once: whoever kills the process is to know it.
fn say(what: &str, number: u64) {
    let line = format!("{what} {number}\n");
    let mut out = io::stdout().lock();
    // Nobody listens any more when the test has failed.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}
