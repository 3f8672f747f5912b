//! What the operating system said, in the session's words.

use std::io::{self, ErrorKind};

use steadfast_core::IoKind;

pub(crate) fn io_kind(error: &io::Error) -> IoKind {
    match error.kind() {
        ErrorKind::ConnectionRefused => IoKind::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => IoKind::Reset,
        ErrorKind::UnexpectedEof => IoKind::Eof,
        ErrorKind::BrokenPipe | ErrorKind::NotConnected | ErrorKind::WriteZero => IoKind::BrokenPipe,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => IoKind::Unreachable,
        ErrorKind::TimedOut => IoKind::TimedOut,
        ErrorKind::OutOfMemory | ErrorKind::AddrNotAvailable | ErrorKind::QuotaExceeded => IoKind::Exhausted,
        _ => match error.raw_os_error() {
            Some(code) if EXHAUSTED.contains(&code) => IoKind::Exhausted,
            _ => IoKind::Other,
        },
    }
}

/// `ENFILE`, `EMFILE` and `ENOBUFS`, which std has no kinds for.
#[cfg(target_os = "linux")]
const EXHAUSTED: [i32; 3] = [23, 24, 105];
/// `ENFILE`, `EMFILE` and `ENOBUFS`, which std has no kinds for.
#[cfg(all(unix, not(target_os = "linux")))]
const EXHAUSTED: [i32; 3] = [23, 24, 55];
/// `WSAEMFILE` and `WSAENOBUFS`, which std has no kinds for.
#[cfg(not(unix))]
const EXHAUSTED: [i32; 2] = [10_024, 10_055];
