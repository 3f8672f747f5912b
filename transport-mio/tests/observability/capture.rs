//! A subscriber that keeps everything that it is told.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// What was told so far; to be cloned, and kept by whoever looks at it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capture(Arc<Mutex<Vec<Told>>>);

/// A span that began, or an event.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) is_span: bool,
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) level: Level,
    pub(crate) fields: BTreeMap<&'static str, String>,
    /// The span that it is in, by its place among everything told, counted from 1.
    pub(crate) parent: Option<u64>,
}

impl Capture {
    pub(crate) fn all(&self) -> MutexGuard<'_, Vec<Told>> {
        self.0.lock().expect("nobody panics with it")
    }

    /// Everything of this name.
    pub(crate) fn named(&self, name: &str) -> Vec<Told> {
        self.all().iter().filter(|told| told.name == name).cloned().collect()
    }

    /// The span that this is in.
    pub(crate) fn parent(&self, of: &Told) -> Option<Told> {
        let place = usize::try_from(of.parent?).expect("a small number");
        self.all().get(place - 1).cloned()
    }

    /// What a span says of itself later.
    fn add(&self, span: &Id, fields: Fields) {
        let place = usize::try_from(span.into_u64()).expect("a small number");
        self.all()[place - 1].fields.extend(fields.0);
    }

    fn keep(&self, metadata: &'static Metadata<'static>, parent: Option<&Id>, fields: Fields) -> u64 {
        let mut all = self.all();
        all.push(Told {
            is_span: metadata.is_span(),
            name: metadata.name(),
            target: metadata.target(),
            level: *metadata.level(),
            fields: fields.0,
            parent: parent.map(Id::into_u64),
        });
        all.len() as u64
    }
}

impl Subscriber for Capture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        Id::from_u64(self.keep(span.metadata(), span.parent(), fields))
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.keep(event.metadata(), event.parent(), fields);
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.add(span, fields);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
