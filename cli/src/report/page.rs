//! The page: everything inline, nothing that a trace says taken for markup.

use std::fmt::Write as _;

use super::incident::Incident;
use crate::{
    paint::Tone,
    words::{count, messages, span},
};

/// How many lines of the story the page tells.
const MOST_LINES: usize = 5_000;

/// The whole page.
pub(super) fn page(incident: &Incident) -> String {
    let title = format!("Incident report: {}", incident.file);
    let data = serde_json::to_string(incident).unwrap_or_default();
    let parts = [
        ("title", escaped(&title)),
        ("subtitle", escaped(&subtitle(incident))),
        ("banners", banners(incident)),
        ("tiles", tiles(incident)),
        ("desc", escaped(&description(incident))),
        ("rows", rows(incident)),
        ("more", more(incident)),
        ("data", inert(&data)),
        ("css", String::from(include_str!("page.css"))),
        ("drawing", String::from(include_str!("page/drawing.js"))),
        ("pointing", String::from(include_str!("page/pointing.js"))),
    ];
    fill(include_str!("page.html"), &parts)
}

/// The template with its `{{names}}` replaced, in one pass: what is put in is not looked at again.
fn fill(template: &str, parts: &[(&str, String)]) -> String {
    let mut page = String::with_capacity(template.len() + parts.iter().map(|(_, part)| part.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}").expect("the template is whole");
        let (_, part) = parts.iter().find(|(known, _)| *known == name).expect("the template names what there is");
        page.push_str(before);
        page.push_str(part);
        rest = behind;
    }
    page.push_str(rest);
    page
}

/// Text that is nothing but text, in an element or in an attribute's quotes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Would turn the direction of what follows, or be no character of a page at all.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\0' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// JSON that can end no script element, begin no comment, and is the same to whoever reads it.
fn inert(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(safe, "\\u{:04x}", u32::from(char));
            }
            other => safe.push(other),
        }
    }
    safe
}

fn subtitle(incident: &Incident) -> String {
    let mut text = format!(
        "{} events in {}, seed {}, digest {:016x}",
        count(incident.events),
        span(std::time::Duration::from_micros(incident.span)),
        incident.seed,
        incident.digest
    );
    if incident.forgotten > 0 {
        let _ = write!(text, "; {} events before them were forgotten", count(incident.forgotten));
    }
    text
}

fn banners(incident: &Incident) -> String {
    let mut html = String::new();
    if let Some(line) = incident.truncated {
        let _ = writeln!(
            html,
            "<p class=\"banner\" role=\"note\">Line {line} was cut short, and is left out: the recording ends there.</p>"
        );
    }
    if let Some(why) = &incident.differs {
        let _ = writeln!(
            html,
            "<p class=\"banner bad\" role=\"note\">Today&#39;s session decides differently than the recorded one; drawn is \
             what comes before.\n{}</p>",
            escaped(why)
        );
    }
    html
}

fn tiles(incident: &Incident) -> String {
    let metrics = &incident.metrics;
    let verdicts = &metrics.verdicts;
    let failures: u64 = metrics.failures.iter().map(|number| u64::from(*number)).sum();
    let share = incident.open.as_micros() * 1_000 / u128::from(incident.span.max(1));
    let time = |value: Option<std::time::Duration>| value.map_or_else(|| String::from("none"), span);
    let tiles = [
        ("connected", format!("{}.{} %", share / 10, share % 10), format!("{} of it", span(incident.open))),
        ("attempts", count(metrics.attempts), format!("{} opened", count(metrics.connects))),
        ("failures", count(failures), String::from("failed or lost")),
        ("accepted", count(metrics.accepted), format!("{} refused", count(metrics.refused))),
        ("confirmed", count(verdicts.confirmed), format!("{} written", count(verdicts.written))),
        ("in doubt", count(verdicts.in_doubt), format!("{} dropped", count(verdicts.dropped))),
        ("sent again", count(metrics.resent), format!("of {}", messages(metrics.messages_sent))),
        ("round trip", time(metrics.rtt.p50), format!("p99 {}", time(metrics.rtt.p99))),
        (
            "deepest outbox",
            count(incident.deepest.into()),
            format!("{} left at the end", count(metrics.outbox_messages.into())),
        ),
    ];
    let mut html = String::new();
    for (name, value, more) in tiles {
        let _ =
            writeln!(html, "<div><dt>{name}</dt><dd>{}<small>{}</small></dd></div>", escaped(&value), escaped(&more));
    }
    html
}

fn description(incident: &Incident) -> String {
    format!(
        "{} changes of state, {} attempts to connect, {} messages settled, over {}. With the drawing in focus the arrow keys move \
         a cursor, and what was the case at its time is told.",
        count(incident.bands.len() as u64),
        count(incident.metrics.attempts),
        count(incident.metrics.verdicts.total()),
        span(std::time::Duration::from_micros(incident.span)),
    )
}

fn rows(incident: &Incident) -> String {
    let mut html = String::new();
    for line in incident.story.iter().take(MOST_LINES) {
        let class = match line.tone {
            Tone::Good => "good",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
            Tone::Dim => "dim",
            Tone::Plain | Tone::Other | Tone::Strong => "plain",
        };
        let (micros, seconds, millis) = (line.at.as_micros(), line.at.as_secs(), line.at.subsec_millis());
        let _ = writeln!(
            html,
            "<tr><td><button type=\"button\" data-at=\"{micros}\">+{seconds}.{millis:03} s</button></td>\
             <td class=\"{class}\">{}</td><td>{}</td></tr>",
            escaped(&line.label),
            escaped(&line.text)
        );
    }
    html
}

fn more(incident: &Incident) -> String {
    match incident.story.len().saturating_sub(MOST_LINES) {
        0 => String::new(),
        more => format!(
            "<p class=\"soft\">And {} more, which <code>steadfast replay</code> tells.</p>\n",
            count(more as u64)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_leave_the_place_it_is_put_to() {
        let hostile = "</script><!--<script>\"'&\u{2028}{{css}}\u{202e}";
        let json = serde_json::to_string(hostile).expect("text has a form");
        let safe = inert(&json);
        assert!(!safe.contains(['<', '>', '&', '\u{2028}', '\u{202e}']), "{safe}");
        assert_eq!(serde_json::from_str::<String>(&safe).expect("it is JSON still"), hostile);
        assert!(!escaped(hostile).contains(['<', '>', '"', '\'', '\u{202e}']));
        assert_eq!(fill("a{{one}}b", &[("one", String::from("{{two}}"))]), "a{{two}}b");
    }
}
