use steadfast_core::{
    Cause, CloseCode, CloseFrame, ConnId, Delivery, Event, IoKind, Message, MessageId, SendOptions, Stage, Timestamp,
    config::Config,
    trace::{Options, Recorder, Trace},
};

use super::{incident::Incident, page::page};

/// What a recorder wrote of these events, whose times are in milliseconds.
fn recorded(events: Vec<(u64, Event<'static>)>) -> String {
    let mut recorder = Recorder::new(Config::default(), 7, Options::default());
    for (millis, event) in events {
        recorder.handle(Timestamp::from_micros(millis * 1_000), event).for_each(drop);
    }
    recorder.take_lines()
}

fn drawn(text: &str) -> (Incident, String) {
    let trace = Trace::parse(text).expect("a trace");
    let incident = Incident::of(&trace, "incident.jsonl");
    let page = page(&incident);
    (incident, page)
}

/// A session that opened, sent, was closed with a reason, and failed to come back.
fn incident(reason: &str) -> String {
    let conn = ConnId(1);
    let message = Message::text("a secret that only the server may know");
    recorded(vec![
        (500, Event::Start),
        (500, Event::Dialing { conn, stage: Stage::Resolve }),
        (505, Event::Dialing { conn, stage: Stage::Connect }),
        (510, Event::Opened { conn, can_ping: true }),
        (600, Event::Send { id: MessageId(1), message, options: SendOptions::new(Delivery::AtMostOnce) }),
        (
            900,
            Event::Closed {
                conn,
                cause: Cause::Closed(CloseFrame::new(CloseCode(4_000), reason)),
                untouched_from: None,
            },
        ),
        (20_000, Event::TimerFired),
        (20_000, Event::Dialing { conn: ConnId(2), stage: Stage::Connect }),
        (20_010, Event::Closed { conn: ConnId(2), cause: Cause::Io(IoKind::Refused), untouched_from: None }),
        (20_500, Event::Stop { frame: CloseFrame::NORMAL, drain: None }),
    ])
}

#[test]
fn states_attempts_and_verdicts_are_on_one_axis() {
    let (incident, _) = drawn(&incident("gone"));
    assert_eq!(incident.span, 20_000_000);
    let states: Vec<_> = incident.bands.iter().map(|band| (band.at / 1_000, &*incident.texts[band.state])).collect();
    assert_eq!(
        states,
        [
            (0, "idle"),
            (0, "connecting"),
            (10, "open"),
            (400, "waiting"),
            (19_500, "connecting"),
            (19_510, "waiting"),
            (20_000, "stopped")
        ]
    );
    let attempts: Vec<_> = incident.attempts.iter().map(|one| (one.at, one.opened, one.closed)).collect();
    assert_eq!(attempts, [(0, Some(10_000), Some(400_000)), (19_500_000, None, Some(19_510_000))]);
    assert_eq!(incident.outbox, [(0, 0, 0), (100_000, 1, 38), (400_000, 0, 0)]);
    let kinds: Vec<_> = incident.verdicts.kinds.iter().map(|kind| &*incident.texts[*kind]).collect();
    assert_eq!(kinds, ["in-doubt"]);
}

#[test]
fn the_same_trace_makes_the_same_page() {
    let (_, page) = drawn(&incident("gone"));
    assert_eq!(page, drawn(&incident("gone")).1);
    // What is told, without style and script, is as it was seen to be right in a browser.
    let told = page.split_once("<h2").expect("the story").1.split_once("<script>").expect("the data").0;
    assert_eq!(told, include_str!("golden.html"));
}

#[test]
fn what_a_server_says_stays_text() {
    let (_, page) = drawn(&incident("</script><script>alert(1)</script>"));
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
}

#[test]
fn what_messages_say_is_not_told() {
    assert!(!drawn(&incident("gone")).1.contains("secret"));
}

#[test]
fn the_page_asks_for_nothing_from_elsewhere() {
    let (_, page) = drawn(&incident("gone"));
    for word in ["http://", "https://", "src=", "@import", "url("] {
        let found = page.match_indices(word).map(|(at, _)| &page[at..(at + 40).min(page.len())]);
        let outside: Vec<_> = found.filter(|text| !text.starts_with("http://www.w3.org/2000/svg")).collect();
        assert_eq!(outside, Vec::<&str>::new());
    }
}

#[test]
fn a_cut_or_changed_trace_says_so_on_the_page() {
    let text = incident("gone");
    assert!(drawn(&text[..text.len() - 10]).1.contains("Line 11 was cut short"));
    let (incident, page) = drawn(&text.replace("\"at\":900000", "\"at\":900001"));
    assert!(incident.differs.is_some() && page.contains("decides differently"));
}

#[test]
fn a_hundred_thousand_lines_become_a_page_that_can_be_looked_at() {
    let conn = ConnId(1);
    let mut events = vec![(0, Event::Start), (1, Event::Opened { conn, can_ping: true })];
    events.extend((0..100_000).map(|index| {
        let message = Message::text("tick");
        (
            2 + index / 10,
            Event::Send { id: MessageId(index), message, options: SendOptions::new(Delivery::AtLeastOnce) },
        )
    }));
    let (incident, page) = drawn(&recorded(events));
    assert_eq!(incident.events, 100_002);
    assert!(page.len() < 1 << 20, "{}", page.len());
    // The outbox is full at its deepest, however thinned out.
    assert_eq!(incident.outbox.iter().map(|(_, messages, _)| *messages).max(), Some(incident.deepest));
    assert!(incident.deepest >= 1_000);
}

#[test]
fn what_was_dropped_says_why() {
    let send = |id| Event::Send {
        id: MessageId(id),
        message: Message::text("tick"),
        options: SendOptions::new(Delivery::AtMostOnce),
    };
    let stop = Event::Stop { frame: CloseFrame::NORMAL, drain: None };
    let closed = Event::Closed { conn: ConnId(1), cause: Cause::Aborted, untouched_from: None };
    let (incident, _) = drawn(&recorded(vec![(0, Event::Start), (1, send(1)), (2, send(1)), (3, stop), (4, closed)]));
    let kinds: Vec<_> = incident.verdicts.kinds.iter().map(|kind| &*incident.texts[*kind]).collect();
    assert_eq!(kinds, ["refused: duplicate-id", "dropped: stopped"]);
}

#[test]
fn a_trace_over_all_of_time_or_none_is_drawn() {
    let (incident, _) = drawn(&recorded(vec![(5, Event::Start)]));
    assert_eq!((incident.span, incident.bands.len()), (0, 2));
    let mut recorder = Recorder::new(Config::default(), 7, Options::default());
    for (micros, event) in [(0, Event::Start), (u64::MAX, Event::TimerFired), (5, Event::TimerFired)] {
        recorder.handle(Timestamp::from_micros(micros), event).for_each(drop);
    }
    let (incident, _) = drawn(&recorder.take_lines());
    assert_eq!(incident.span, u64::MAX);
    assert!(incident.bands.is_sorted_by_key(|band| band.at));
}
