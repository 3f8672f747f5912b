//! A scenario made small: what it does not need is left out.

use serde_json::Value;

use super::Scenario;

impl Scenario {
    /// The smallest scenario found of which `fails` still says so: steps, settings and surroundings that it does not need are
    /// left out, numbers are halved.
    ///
    /// ```
    /// use steadfast_sim::{Scenario, Step};
    ///
    /// let fails = |scenario: &Scenario| scenario.steps.contains(&Step::Stale);
    /// let scenario = Scenario { steps: vec![Step::Start, Step::Stale, Step::Heal], ..Scenario::default() };
    /// assert_eq!(scenario.shrunk(fails).steps, [Step::Stale]);
    /// ```
    ///
    /// # Panics
    /// If it cannot be written down as JSON, which every scenario can.
    #[must_use]
    pub fn shrunk(&self, mut fails: impl FnMut(&Self) -> bool) -> Self {
        let mut best = serde_json::to_value(self).expect("scenarios are plain data");
        let mut keeps = |value: &Value| serde_json::from_value(value.clone()).is_ok_and(|scenario| fails(&scenario));
        loop {
            let before = best.clone();
            let mut places = Vec::new();
            list(&best, "", &mut places);
            // The last first: what lies behind a place keeps its own when the place itself gets shorter.
            for place in places.iter().rev() {
                shrink(&mut best, place, &mut keeps);
            }
            if best == before {
                return serde_json::from_value(best).expect("it was read before");
            }
        }
    }
}

/// Every place in it, each before what it holds.
fn list(value: &Value, place: &str, places: &mut Vec<String>) {
    let held: Vec<(String, &Value)> = match value {
        Value::Array(items) => items.iter().enumerate().map(|(n, item)| (n.to_string(), item)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), field)).collect(),
        _ => Vec::new(),
    };
    places.push(place.to_owned());
    for (name, value) in held {
        list(value, &format!("{place}/{name}"), places);
    }
}

/// Makes what is at a place smaller, as far as it can be.
fn shrink(best: &mut Value, place: &str, keeps: &mut impl FnMut(&Value) -> bool) {
    match best.pointer(place) {
        Some(Value::Array(items)) => {
            let mut chunk = items.len();
            while chunk > 0 {
                without(best, place, chunk, keeps);
                chunk /= 2;
            }
        }
        Some(Value::Object(fields)) => {
            for name in fields.keys().cloned().collect::<Vec<_>>() {
                attempt(best, place, keeps, |value| value.as_object_mut().map(|fields| fields.remove(&name)).is_some());
            }
        }
        Some(Value::Number(number)) => {
            let mut number = number.as_u64().unwrap_or(0);
            while number > 0 && attempt(best, place, keeps, |value| assign(value, number / 2)) {
                number /= 2;
            }
        }
        Some(Value::Bool(_) | Value::String(_) | Value::Null) | None => {}
    }
}

fn assign(value: &mut Value, number: u64) -> bool {
    *value = number.into();
    true
}

/// Takes out every run of so many items that it can do without.
fn without(best: &mut Value, place: &str, chunk: usize, keeps: &mut impl FnMut(&Value) -> bool) {
    let mut from = 0;
    while best.pointer(place).and_then(Value::as_array).is_some_and(|items| from < items.len()) {
        let left_out = attempt(best, place, keeps, |value| {
            value.as_array_mut().map(|items| items.drain(from..(from + chunk).min(items.len())).count()).is_some()
        });
        if !left_out {
            from += chunk;
        }
    }
}

/// Changes what is at a place, if it keeps what it is there for.
fn attempt(
    best: &mut Value,
    place: &str,
    keeps: &mut impl FnMut(&Value) -> bool,
    change: impl FnOnce(&mut Value) -> bool,
) -> bool {
    let mut changed = best.clone();
    let is_better = changed.pointer_mut(place).is_some_and(change) && changed != *best && keeps(&changed);
    if is_better {
        *best = changed;
    }
    is_better
}
