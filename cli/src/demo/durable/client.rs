//! The client's process: sends durable numbers until it is killed, or until its standard input ends, and says what becomes of
//! them.

use std::{
    collections::BTreeMap,
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{CloseFrame, MessageId, Notice, SendOptions, State, StateKind, StopCause, Verdict};
use steadfast_mio::{Noticed, store::Store};

use super::{
    super::{
        DRAIN, GRACE, settings,
        source::{Sent, Source, Step},
    },
    said::Said,
};
use crate::{
    args::DemoClientArgs,
    client::{Connected, Plan},
    exit::{Exit, Failure},
    interrupt::on_interrupt,
    timeline::Narrator,
};

/// What the process hears of.
enum Heard {
    Noticed(Box<Noticed>),
    /// The client took a number.
    Took(Sent),
    /// Standard input has ended: no more numbers.
    Over,
    /// The source has stopped, and what it sent was told before.
    Quiet,
}

/// What is known of the messages, and of the session.
#[derive(Default)]
struct Ledger {
    /// Those that are not settled.
    numbers: BTreeMap<MessageId, u64>,
    /// What was heard of messages whose numbers were not.
    early: BTreeMap<MessageId, Vec<Word>>,
    narrator: Narrator,
    /// How the session stopped, once it did: whether by itself.
    stopped: Option<bool>,
}

/// What a notice says of a message.
#[derive(Clone, Copy)]
enum Word {
    Accepted,
    Refused,
    Confirmed,
    /// It stays in the store.
    Kept,
    GivenUp,
}

/// Runs the client on its store.
pub(crate) fn live(args: &DemoClientArgs) -> Result<Exit, Failure> {
    // Ctrl-C goes to the parent, too, which says when it is over.
    on_interrupt(|| true)?;
    let store = Store::open(&args.store).map_err(Failure::system("open the store"))?;
    let mut ledger = Ledger::default();
    for restored in store.peek() {
        let number = restored.message.as_text().and_then(|text| text.parse().ok()).unwrap_or_default();
        Said::Restored(number).say();
        ledger.numbers.insert(restored.id, number);
    }
    let plan = Plan {
        transport: args.dialing.transport,
        endpoints: args.dialing.endpoint(&args.url, None)?.into(),
        config: settings::scaled().map_err(Failure::input)?,
        seed: Some(args.seed),
        receives: false,
        store: Some(store),
        track: None,
    };
    let Connected { client, notices, .. } = plan.connect()?;
    let (tell, heard) = mpsc::channel();
    listen(notices, tell.clone()).map_err(super::super::no_thread())?;
    let took = tell.clone();
    let watch = move |step| match step {
        Step::Begins(number) => Said::Sends(number).say(),
        Step::Took(sent) => drop(took.send(Heard::Took(sent))),
    };
    let source = Source::start(client.sender(), SendOptions::durable(), args.rate, args.first, watch)
        .map_err(super::super::no_thread())?;

    let mut source = Some(source);
    ledger.until_quiet(&heard, || {
        source.take().map(Source::stop);
        // The receiver is here.
        let _ = tell.send(Heard::Quiet);
    });
    client.stop(CloseFrame::NORMAL, Some(GRACE));
    ledger.until_stopped(&heard);
    client.end();
    Ok(Exit::from_judgement(ledger.stopped == Some(false)))
}

/// Hears of notices, and of the end of standard input.
fn listen(notices: impl Iterator<Item = Noticed> + Send + 'static, tell: Sender<Heard>) -> io::Result<()> {
    let over = tell.clone();
    thread::Builder::new().name("input".into()).spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = over.send(Heard::Over);
    })?;
    thread::Builder::new().name("notices".into()).spawn(move || {
        for noticed in notices {
            if tell.send(Heard::Noticed(Box::new(noticed))).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

impl Ledger {
    /// Until standard input has ended (then `end` stops the source) and everything is settled or has had its time, or until the
    /// session stops by itself.
    fn until_quiet(&mut self, heard: &Receiver<Heard>, mut end: impl FnMut()) {
        let mut until = None;
        let mut quiet = false;
        while self.stopped.is_none() && !(quiet && self.numbers.is_empty()) {
            let left = until.map_or(TICK, |until: Instant| until.saturating_duration_since(Instant::now()));
            match heard.recv_timeout(left) {
                Ok(Heard::Noticed(noticed)) => self.take(&noticed),
                Ok(Heard::Took(sent)) => self.name(sent),
                Ok(Heard::Over) => end(),
                Ok(Heard::Quiet) => {
                    quiet = true;
                    until = Some(Instant::now() + DRAIN);
                }
                Err(RecvTimeoutError::Timeout) if until.is_none() => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn until_stopped(&mut self, heard: &Receiver<Heard>) {
        let until = Instant::now() + GRACE + GRACE;
        while self.stopped.is_none() {
            match heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Heard::Noticed(noticed)) => self.take(&noticed),
                Ok(Heard::Took(sent)) => self.name(sent),
                Ok(Heard::Over | Heard::Quiet) => {}
                Err(_) => return,
            }
        }
    }

    fn name(&mut self, sent: Sent) {
        self.numbers.insert(sent.id, sent.number);
        for word in self.early.remove(&sent.id).unwrap_or_default() {
            self.hear(sent.id, word);
        }
    }

    fn take(&mut self, noticed: &Noticed) {
        match &noticed.notice {
            Notice::Accepted { id } => self.hear(*id, Word::Accepted),
            Notice::Refused { id, .. } => self.hear(*id, Word::Refused),
            Notice::Verdict { id, verdict, .. } => {
                let word = match verdict {
                    Verdict::Confirmed => Word::Confirmed,
                    Verdict::Kept => Word::Kept,
                    Verdict::Written | Verdict::InDoubt | Verdict::Dropped(_) => Word::GivenUp,
                };
                self.hear(*id, word);
            }
            Notice::State(change) if change.to.kind() == StateKind::Stopped => {
                let by_itself = matches!(&change.to, State::Stopped { cause } if *cause != StopCause::Application);
                self.stopped = Some(by_itself);
            }
            _ => {}
        }
        for line in self.narrator.tell(noticed.at, &noticed.notice, noticed.failure.as_deref()) {
            Said::Line { label: line.label.into_owned(), tone: line.tone, text: line.text }.say();
        }
    }

    fn hear(&mut self, id: MessageId, word: Word) {
        let Some(&number) = self.numbers.get(&id) else {
            self.early.entry(id).or_default().push(word);
            return;
        };
        match word {
            Word::Accepted => return Said::Accepted(number).say(),
            Word::Refused => Said::Refused(number).say(),
            Word::Confirmed => Said::Confirmed(number).say(),
            Word::GivenUp => Said::GivenUp(number).say(),
            Word::Kept => {}
        }
        self.numbers.remove(&id);
    }
}

/// How long a wait that has no end is at a time.
const TICK: Duration = Duration::from_secs(1);
