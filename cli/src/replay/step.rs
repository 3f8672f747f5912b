//! A trace, event by event: forwards, backwards, to whatever is looked for.

use std::{
    io::{self, BufRead, Write},
    time::Duration,
};

use steadfast_core::{
    Notice, State, Timestamp,
    config::parse_duration,
    trace::{OwnedAction, Replay, ReplayError, Step, Trace},
};

use super::keys::{Input, Wanted};
use crate::{
    exit::Exit,
    paint::{Paint, Tone},
    words::{count, messages, span},
};

/// Lets somebody step through a trace. The exit code is 1 if they came to where today's session decides differently.
pub(super) fn step_through<R: BufRead>(
    trace: &Trace,
    input: &mut Input<R>,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<Exit> {
    let mut walk = Walk::new(trace);
    writeln!(out, "{} events, seed {}; ? tells what can be said", count(trace.len() as u64), trace.seed())?;
    if let Some(line) = trace.truncated() {
        writeln!(out, "line {line} was cut short, and is left out")?;
    }
    if input.is_keys() {
        writeln!(out, "{KEYS}")?;
    }
    loop {
        out.flush()?;
        let wanted = input.next(|question| {
            write!(out, "{question}")?;
            out.flush()
        })?;
        let Wanted::Command(text) = wanted else { break };
        match Command::read(&text) {
            Ok(Command::Quit) => break,
            Ok(Command::Help) => writeln!(out, "{KEYS}")?,
            Ok(command) => walk.carry_out(command, out, paint)?,
            Err(expected) => writeln!(out, "`{}`: expected {expected}", text.escape_debug())?,
        }
    }
    Ok(Exit::from_judgement(!walk.differs))
}

/// What can be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Command {
    Next(usize),
    Back(usize),
    /// To the first event at this time after the first, or after it.
    Time(Duration),
    /// To the event of this number, counted from 1.
    Event(usize),
    Change,
    Failure,
    Last,
    Help,
    Quit,
}

impl Command {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (name, rest) =
            text.split_at(text.find(|char: char| !char.is_alphabetic() && char != '?').unwrap_or(text.len()));
        let rest = rest.trim();
        let number = || match rest {
            "" => Ok(1),
            digits => match digits.parse() {
                Ok(0) | Err(_) => Err("a number of events, 1 or more"),
                Ok(number) => Ok(number),
            },
        };
        match name {
            "" if rest.is_empty() => Ok(Self::Next(1)),
            "n" | "next" => number().map(Self::Next),
            "b" | "back" => number().map(Self::Back),
            "t" | "time" => {
                parse_duration(rest).map(Self::Time).ok_or("a time since the first event such as 200ms, 15s or 2m30s")
            }
            "g" | "go" => rest.parse().map(Self::Event).map_err(|_| "the number of an event"),
            "s" | "state" => Ok(Self::Change),
            "f" | "failure" => Ok(Self::Failure),
            "e" | "end" => Ok(Self::Last),
            "?" | "h" | "help" => Ok(Self::Help),
            "q" | "quit" => Ok(Self::Quit),
            _ => Err("n, b, t, g, s, f, e, q or ?"),
        }
    }
}

/// Where somebody is in a trace.
struct Walk<'a> {
    trace: &'a Trace,
    replay: Replay<'a>,
    /// How many events were replayed.
    done: usize,
    /// Replays at every so manieth event, so that going back does not begin at the beginning.
    marks: Vec<Replay<'a>>,
    begin: Option<Timestamp>,
    differs: bool,
}

/// A step, and where the session stood before it.
struct Shown {
    step: Step,
    before: State,
}

impl<'a> Walk<'a> {
    fn new(trace: &'a Trace) -> Self {
        let replay = trace.replay();
        Self { trace, marks: vec![replay.clone()], replay, done: 0, begin: None, differs: false }
    }

    fn carry_out(&mut self, command: Command, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        let found = match command {
            Command::Next(events) => {
                let to = self.done.saturating_add(events);
                self.until(|walk, _| walk.done >= to)
            }
            Command::Back(events) => {
                let to = self.done.saturating_sub(events);
                self.go_to(to)
            }
            Command::Event(number) => self.go_to(number),
            Command::Time(after) => {
                self.rewind(0);
                self.until(|walk, shown| shown.step.event.at - walk.begin.unwrap_or_default() >= after)
            }
            Command::Change => self.until(|_, shown| transitions(&shown.step).next().is_some()),
            Command::Failure => self.until(|_, shown| is_failure(&shown.step)),
            Command::Last => self.until(|_, _| false),
            Command::Help | Command::Quit => return Ok(()),
        };
        match found {
            Ok(Some(shown)) => self.show(&shown, out, paint),
            Ok(None) if self.done == 0 => writeln!(out, "before the first event"),
            Ok(None) => writeln!(out, "{}", paint.text(Tone::Dim, "no more: the trace ends here")),
            Err(error) => {
                self.differs = true;
                writeln!(out, "{}", paint.text(Tone::Bad, &format!("DIFFERENT   {error}")))
            }
        }
    }

    /// Goes on until this holds; to the last event if it never does, `None` if there is no other.
    fn until(&mut self, holds: impl Fn(&Self, &Shown) -> bool) -> Result<Option<Shown>, Box<ReplayError>> {
        let mut last = None;
        while let Some(shown) = self.forward()? {
            let found = holds(self, &shown);
            last = Some(shown);
            if found {
                break;
            }
        }
        Ok(last)
    }

    /// To just behind the event of this number; 0 is before the first.
    fn go_to(&mut self, number: usize) -> Result<Option<Shown>, Box<ReplayError>> {
        if number == 0 {
            self.rewind(0);
            return Ok(None);
        }
        self.rewind(number - 1);
        self.until(|walk, _| walk.done >= number)
    }

    /// To the last mark at or before so many events.
    fn rewind(&mut self, events: usize) {
        let mark = (events / EVERY).min(self.marks.len() - 1);
        self.replay = self.marks[mark].clone();
        self.done = mark * EVERY;
    }

    fn forward(&mut self) -> Result<Option<Shown>, Box<ReplayError>> {
        let before = self.replay.session().state();
        let Some(step) = self.replay.next().transpose().map_err(Box::new)? else { return Ok(None) };
        self.begin.get_or_insert(step.event.at);
        self.done += 1;
        if self.done == self.marks.len() * EVERY {
            self.marks.push(self.replay.clone());
        }
        Ok(Some(Shown { step, before }))
    }

    fn show(&self, shown: &Shown, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        let Shown { step, before } = shown;
        let at = span(step.event.at - self.begin.unwrap_or_default());
        let head = format!("event {} of {}   +{at}", count(self.done as u64), count(self.trace.len() as u64));
        writeln!(out, "{}", paint.text(Tone::Strong, &head))?;
        writeln!(out, "  event    {:?}", step.event.event)?;
        for (index, action) in step.actions.iter().enumerate() {
            writeln!(out, "  {}  {action}", if index == 0 { "actions" } else { "       " })?;
        }
        if step.actions.is_empty() {
            writeln!(out, "  actions  {}", paint.text(Tone::Dim, "none"))?;
        }
        let tone = if is_failure(step) { Tone::Bad } else { Tone::Plain };
        let mut ways: Vec<String> = vec![before.to_string()];
        ways.extend(transitions(step).map(ToString::to_string));
        let state = if ways.len() == 1 { step.state.to_string() } else { ways.join(" → ") };
        writeln!(out, "  state    {}", paint.text(tone, &state))?;
        let (number, bytes) = self.replay.session().unsettled();
        writeln!(out, "  outbox   {}, {} bytes", messages(number as u64), count(bytes as u64))
    }
}

/// The states that a step led to.
fn transitions(step: &Step) -> impl Iterator<Item = &State> {
    step.actions.iter().filter_map(|action| match action {
        OwnedAction::Notify(Notice::State(change)) => Some(&change.to),
        _ => None,
    })
}

/// Whether a step ended a connection or an attempt: something had to be decided.
fn is_failure(step: &Step) -> bool {
    step.actions.iter().any(|action| match action {
        OwnedAction::Notify(Notice::State(change)) => change.decided.is_some(),
        OwnedAction::Notify(Notice::Exhausted { .. }) => true,
        _ => false,
    })
}

/// How far apart marks are, in events.
const EVERY: usize = 256;

/// What can be said.
const KEYS: &str = "\
n [N]   the next event, or the Nth (also: Enter, space, →)     b [N]   back (also: ←)
s       to the next change of state (also: ↓)                  f       to the next failure
t TIME  to a time since the first event, such as 15s          g N     to event N
e       to the end                                             q       quit";

#[cfg(test)]
mod tests {
    use steadfast_core::{
        Cause, ConnId, Event, IoKind, Stage,
        config::Config,
        trace::{Options, Recorder},
    };

    use super::*;

    /// A session that opened, was reset a second later, and waits; then 1,000 hints that change nothing.
    fn recorded() -> String {
        let mut recorder = Recorder::new(Config::default(), 7, Options::default());
        let conn = ConnId(1);
        let cause = Cause::Io(IoKind::Reset);
        let mut events = vec![
            (500, Event::Start),
            (500, Event::Dialing { conn, stage: Stage::Connect }),
            (510, Event::Opened { conn, can_ping: true }),
            (1_510, Event::Closed { conn, cause, untouched_from: None }),
        ];
        events.extend((0..1_000).map(|_| (1_511, Event::Activity { conn })));
        for (millis, event) in events {
            recorder.handle(Timestamp::from_micros(millis * 1_000), event).for_each(drop);
        }
        recorder.take_lines()
    }

    fn walked(text: &str, commands: &str) -> (Exit, String) {
        let mut out = Vec::new();
        let mut input = Input::Lines(commands.as_bytes());
        let trace = Trace::parse(text).expect("a trace");
        let exit = step_through(&trace, &mut input, &mut out, Paint::OFF).expect("memory takes it");
        (exit, String::from_utf8(out).expect("text"))
    }

    /// The numbers of the events that were shown.
    fn numbers(out: &str) -> Vec<&str> {
        out.lines().filter_map(|line| line.strip_prefix("event ")?.split(' ').next()).collect()
    }

    #[test]
    fn events_are_shown_with_what_they_led_to() {
        let (exit, out) = walked(&recorded(), "n\nn 2\n");
        assert_eq!(exit, Exit::Good);
        assert_eq!(numbers(&out), ["1", "3"]);
        for line in [
            "event 1 of 1,004   +0 µs",
            "  event    Start",
            "  actions  notify: State",
            "  state    idle → connecting (attempt 1)",
            "event 3 of 1,004   +10 ms",
            "  state    connecting (attempt 1) → open",
            "  outbox   0 messages, 0 bytes",
        ] {
            assert!(out.contains(line), "{line:?} is missing in:\n{out}");
        }
    }

    #[test]
    fn changes_of_state_failures_and_times_are_found() {
        let (_, out) = walked(&recorded(), "s\ns\nf\nt 10ms\nt 1011ms\ne\n");
        assert_eq!(numbers(&out), ["1", "3", "4", "3", "5", "1,004"]);
        assert!(out.contains("→ waiting until"), "{out}");
    }

    #[test]
    fn going_back_shows_the_same_again() {
        let (_, there) = walked(&recorded(), "g 700\n");
        let (_, back) = walked(&recorded(), "e\nb 304\n");
        let shown = |out: &str| out[out.find("event 700").expect("it is shown")..].to_owned();
        assert_eq!(shown(&there), shown(&back));
        let (_, out) = walked(&recorded(), "n 3\nb\nb\nb\n");
        assert_eq!(numbers(&out), ["3", "2", "1"]);
        assert!(out.ends_with("before the first event\n"), "{out}");
    }

    #[test]
    fn the_end_is_told_and_nonsense_refused() {
        let (_, out) = walked(&recorded(), "e\nn\nx\nt soon\ng -1\n");
        for line in
            ["no more: the trace ends here", "`x`: expected n, b,", "`t soon`: expected a time", "`g -1`: expected the"]
        {
            assert!(out.contains(line), "{line:?} is missing in:\n{out}");
        }
    }

    #[test]
    fn whoever_comes_to_a_difference_is_told() {
        let changed = recorded().replace("\"at\":1510000", "\"at\":1510001");
        assert_eq!(walked(&changed, "n 2\n").0, Exit::Good);
        let (exit, out) = walked(&changed, "e\n");
        assert_eq!(exit, Exit::Failed);
        assert!(out.contains("DIFFERENT"), "{out}");
    }
}
