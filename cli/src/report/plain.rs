//! Events and states as names and words, those included that came into being after this was written.

use serde::Serialize;
use serde_json::Value;
use steadfast_core::{Cause, CloseCode, State, StopCause};

use crate::words::span;

/// The name that a variant has in traces, and what it carries.
pub(super) fn tagged(of: &impl Serialize) -> (String, Value) {
    match serde_json::to_value(of).unwrap_or_default() {
        Value::String(name) => (name, Value::Null),
        Value::Object(map) => map.into_iter().next().unwrap_or_default(),
        _ => (String::from("unknown"), Value::Null),
    }
}

/// What it carries, in one line without the contents of messages: `conn 3, cause connection reset`.
pub(super) fn words(carried: &Value) -> String {
    let map = match carried {
        Value::Object(map) => map,
        Value::Null => return String::new(),
        other => return word("", other),
    };
    let told = map.iter().map(|(name, value)| format!("{} {}", name.replace('_', " "), word(name, value)));
    told.collect::<Vec<_>>().join(", ")
}

/// What a state carries, without what the drawing shows anyway.
pub(super) fn state_words(state: &State) -> String {
    match state {
        State::Connecting { conn, attempt } => format!("{conn}, attempt {attempt}"),
        State::Open { conn, ready: true } => conn.to_string(),
        State::Open { conn, ready: false } => format!("{conn}, not ready"),
        State::Closing { conn, cause } => format!("{conn}: {cause}"),
        State::Waiting { attempt, cause, .. } => format!("for attempt {attempt}, after: {cause}"),
        State::Stopped { cause } => cause.to_string(),
        State::Idle => String::new(),
        other => words(&tagged(other).1),
    }
}

/// The cause in a state, if it has one, and whether nothing was wrong.
pub(super) fn cause(carried: &Value) -> Option<(String, bool)> {
    let value = carried.get("cause")?;
    if let Ok(cause) = serde_json::from_value::<Cause>(value.clone()) {
        return Some((cause.to_string(), is_clean(&cause)));
    }
    let stop: StopCause = serde_json::from_value(value.clone()).ok()?;
    Some((stop.to_string(), stop == StopCause::Application))
}

/// Whether nothing was wrong: somebody wanted it to end.
pub(super) fn is_clean(cause: &Cause) -> bool {
    matches!(cause, Cause::Stopped) || matches!(cause, Cause::Closed(frame) if frame.code == CloseCode::NORMAL)
}

fn word(name: &str, value: &Value) -> String {
    match value {
        // Whatever a message says is nobody's concern here.
        Value::Object(_) if name == "message" => String::from("(left out)"),
        Value::Object(map) if map.len() == 2 && map.contains_key("secs") => {
            let part = |key| map.get(key).and_then(Value::as_u64).unwrap_or_default();
            span(std::time::Duration::from_secs(part("secs")) + std::time::Duration::from_nanos(part("nanos")))
        }
        Value::Object(map) => match serde_json::from_value::<Cause>(value.clone()) {
            Ok(cause) => cause.to_string(),
            Err(_) => {
                map.iter().map(|(name, value)| format!("{name}: {}", word(name, value))).collect::<Vec<_>>().join(", ")
            }
        },
        Value::String(text) => {
            serde_json::from_value::<Cause>(value.clone()).map_or(text.clone(), |cause| cause.to_string())
        }
        Value::Null => String::from("none"),
        Value::Array(_) | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
