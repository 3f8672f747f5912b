//! `steadfast replay`: a recorded session, told again event by event.

mod keys;
mod step;

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use steadfast_core::{
    Timestamp,
    trace::{OwnedAction, Trace},
};

use self::keys::Input;
use crate::{
    args::ReplayArgs,
    exit::{Exit, Failure},
    paint::{Paint, Tone},
    timeline::{Line, Narrator},
    words::{count, messages, span},
};

/// Replays a trace and shows its timeline, or steps through it. Exit code 1 if today's session decides differently than the
/// recorded one.
pub(crate) fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let trace = read_trace(&args.file)?;
    let mut out = io::stdout().lock();
    let paint = Paint::on(&io::stdout());
    let told = if args.step {
        step::step_through(&trace, &mut Input::of_standard_input(), &mut out, paint)
    } else {
        replay(&trace, &mut out, paint)
    };
    match told {
        Ok(exit) => Ok(exit),
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Good),
        Err(error) => Err(Failure::system("write the timeline")(error)),
    }
}

/// Reads a trace from a file.
///
/// # Errors
/// The file cannot be read, or is no trace: which line, what was expected, what came.
pub(crate) fn read_trace(file: &Path) -> Result<Trace, Failure> {
    let shown = file.display();
    let bytes = fs::read(file).map_err(|error| Failure::input(format!("FILE {shown}: {error}")))?;
    Trace::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| Failure::input(format!("FILE {shown}: {error}")))
}

fn replay(trace: &Trace, out: &mut impl Write, paint: Paint) -> io::Result<Exit> {
    writeln!(out, "{} events, seed {}", count(trace.len() as u64), trace.seed())?;
    if trace.forgotten() > 0 {
        writeln!(out, "{} events before them were forgotten: it begins with a checkpoint", count(trace.forgotten()))?;
    }
    if let Some(line) = trace.truncated() {
        writeln!(out, "line {line} was cut short, and is left out")?;
    }
    let mut narrator = Narrator::default();
    let mut replay = trace.replay();
    let (mut first, mut last) = (None, Timestamp::ZERO);
    for step in replay.by_ref() {
        let step = match step {
            Ok(step) => step,
            Err(error) => {
                writeln!(out, "{}", paint.text(Tone::Bad, &format!("DIFFERENT   {error}")))?;
                return Ok(Exit::Failed);
            }
        };
        last = step.event.at;
        let begin = *first.get_or_insert(last);
        for action in &step.actions {
            if let OwnedAction::Notify(notice) = action {
                show(out, paint, begin, narrator.tell(last, notice, None))?;
            }
        }
    }
    let begin = first.unwrap_or_default();
    show(out, paint, begin, narrator.crowds(last))?;

    let metrics = replay.session().metrics();
    writeln!(
        out,
        "\n{} in {}: {} confirmed, {} written, {} in doubt, {} dropped; {} sent again, over {} connections",
        messages(metrics.accepted),
        span(last - begin),
        count(metrics.verdicts.confirmed),
        count(metrics.verdicts.written),
        count(metrics.verdicts.in_doubt),
        count(metrics.verdicts.dropped),
        count(metrics.resent),
        count(metrics.connects),
    )?;
    let same = format!("IDENTICAL   every decision is the recorded one, digest {:016x}", trace.digest());
    writeln!(out, "{}", paint.text(Tone::Good, &same))?;
    Ok(Exit::Good)
}

fn show(out: &mut impl Write, paint: Paint, begin: Timestamp, lines: Vec<Line>) -> io::Result<()> {
    for mut line in lines {
        line.at = line.at.saturating_sub(begin - Timestamp::ZERO);
        writeln!(out, "{}", line.show(paint))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use steadfast_core::{Cause, ConnId, Event, IoKind, Stage, config::Config, trace::Options, trace::Recorder};

    use super::*;

    /// A session that opened and was reset a second later.
    fn recorded() -> String {
        let mut recorder = Recorder::new(Config::default(), 7, Options::default());
        let conn = ConnId(1);
        let cause = Cause::Io(IoKind::Reset);
        for (millis, event) in [
            (500, Event::Start),
            (500, Event::Dialing { conn, stage: Stage::Connect }),
            (510, Event::Opened { conn, can_ping: true }),
            (1_510, Event::Closed { conn, cause, untouched_from: None }),
        ] {
            recorder.handle(Timestamp::from_micros(millis * 1_000), event).for_each(drop);
        }
        recorder.take_lines()
    }

    fn replayed(text: &str) -> (Exit, String) {
        let mut out = Vec::new();
        let exit = replay(&Trace::parse(text).expect("a trace"), &mut out, Paint::OFF).expect("memory takes it");
        (exit, String::from_utf8(out).expect("text"))
    }

    #[test]
    fn a_trace_tells_its_timeline_from_its_first_event_on() {
        let (exit, out) = replayed(&recorded());
        assert_eq!(exit, Exit::Good);
        for line in [
            "4 events, seed 7",
            "+  0.010s  open       conn 1",
            "+  1.010s  lost       connection reset → ",
            "IDENTICAL",
        ] {
            assert!(out.contains(line), "{line:?} is missing in:\n{out}");
        }
    }

    #[test]
    fn a_trace_that_differs_fails() {
        let changed = recorded().replace("\"at\":1510000", "\"at\":1510001");
        let (exit, out) = replayed(&changed);
        assert_eq!(exit, Exit::Failed);
        assert!(out.contains("DIFFERENT") && !out.contains("IDENTICAL"), "{out}");
    }

    #[test]
    fn a_cut_trace_says_so() {
        let text = recorded();
        let (exit, out) = replayed(&text[..text.len() - 10]);
        assert_eq!(exit, Exit::Good);
        assert!(out.contains("line 5 was cut short"), "{out}");
    }
}
