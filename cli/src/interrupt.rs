//! Ctrl-C.

use std::{
    process,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::exit::Failure;

/// Ctrl-C is told the first time; the second, or one that nobody hears, ends the program at once.
///
/// # Errors
/// The system does not let it be watched.
pub(crate) fn on_interrupt(tell: impl Fn() -> bool + Send + 'static) -> Result<(), Failure> {
    let before = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if before.swap(true, Ordering::Relaxed) || !tell() {
            process::exit(INTERRUPTED);
        }
    })
    .map_err(Failure::system("watch for Ctrl-C"))
}

/// What shells report for a program that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: i32 = 130;
