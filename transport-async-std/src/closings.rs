//! Who waits for the session's end, and what they are told of it.

use std::{
    fmt,
    task::{Poll, Waker},
};

use steadfast_transport::client::{Report, Wakes};

/// Those who closed the client and wait for the end.
#[derive(Default)]
pub(crate) struct Closings {
    list: Vec<Closing>,
    /// The next number.
    next: u64,
}

struct Closing {
    number: u64,
    /// What it came to.
    report: Option<Report>,
    /// Who waits for it.
    waker: Option<Waker>,
}

impl Closings {
    /// Somebody closes the client, and waits for the next end; under which number.
    pub(crate) fn begin(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        self.list.push(Closing { number, report: None, waker: None });
        number
    }

    /// Whether somebody waits for an end.
    pub(crate) fn are_waiting(&self) -> bool {
        self.list.iter().any(|closing| closing.report.is_none())
    }

    /// This is what all who wait are told.
    pub(crate) fn end(&mut self, report: impl Fn() -> Report, wakes: &mut Wakes) {
        for closing in self.list.iter_mut().filter(|closing| closing.report.is_none()) {
            closing.report = Some(report());
            wakes.extend(closing.waker.take());
        }
    }

    /// What this one is told, or the promise to wake the task when that is known.
    pub(crate) fn poll(&mut self, number: u64, task: &Waker, wakes: &mut Wakes) -> Poll<Report> {
        let Some(closing) = self.list.iter_mut().find(|closing| closing.number == number) else { return Poll::Pending };
        if let Some(report) = &closing.report {
            return Poll::Ready(report.clone());
        }
        match &mut closing.waker {
            Some(known) => wakes.replace(known, task),
            None => closing.waker = Some(task.clone()),
        }
        Poll::Pending
    }

    /// This one does not want to know any more.
    pub(crate) fn leave(&mut self, number: u64, wakes: &mut Wakes) {
        if let Some(place) = self.list.iter().position(|closing| closing.number == number) {
            wakes.drop_later(self.list.remove(place).waker);
        }
    }
}

impl fmt::Debug for Closings {
    /// How many, and never what is left.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Closings").field(&self.list.len()).finish()
    }
}
