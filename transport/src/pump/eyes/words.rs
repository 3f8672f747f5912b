//! Names that stay the same, without anything that a server or an application wrote.

use std::fmt::Debug;

#[cfg(feature = "tracing")]
use steadfast_core::{Cause, State, StopCause};

/// The name of a variant, in the form that configurations and traces have: `HeartbeatTimeout` is `heartbeat-timeout`.
pub(super) fn kebab(variant: &impl Debug) -> String {
    let shown = format!("{variant:?}");
    let name = shown.split(|char: char| !char.is_ascii_alphanumeric()).next().unwrap_or_default();
    let mut kebab = String::with_capacity(name.len() + 4);
    for (index, char) in name.chars().enumerate() {
        if char.is_ascii_uppercase() && index > 0 {
            kebab.push('-');
        }
        kebab.push(char.to_ascii_lowercase());
    }
    kebab
}

/// The cause that a state carries.
#[cfg(feature = "tracing")]
pub(super) const fn cause(state: &State) -> Option<&Cause> {
    match state {
        State::Closing { cause, .. }
        | State::Waiting { cause, .. }
        | State::Offline { cause: Some(cause), .. }
        | State::Background { cause: Some(cause), .. }
        | State::Stopped { cause: StopCause::Terminal(cause) | StopCause::Exhausted(cause) } => Some(cause),
        _ => None,
    }
}

/// The code of a close frame, or the status of a rejection.
#[cfg(feature = "tracing")]
pub(super) const fn code(cause: &Cause) -> Option<u16> {
    match cause {
        Cause::Closed(frame) => Some(frame.code.0),
        Cause::Protocol(code) => Some(code.0),
        Cause::Rejected { status, .. } => Some(*status),
        _ => None,
    }
}

/// The cause in words, without the reason that a server gave: it may say anything, a token included.
#[cfg(feature = "tracing")]
pub(super) fn detail(cause: &Cause) -> String {
    match cause {
        Cause::Closed(frame) => format!("closed by the server with {}", frame.code),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::{Cause, CauseKind, CloseCode, CloseFrame, StateKind};

    use super::kebab;

    #[test]
    fn names_are_those_of_configurations() {
        assert_eq!(kebab(&CauseKind::HeartbeatTimeout), "heartbeat-timeout");
        assert_eq!(kebab(&StateKind::Open), "open");
        assert_eq!(kebab(&Cause::Closed(CloseFrame::new(CloseCode::NORMAL, "why"))), "closed");
    }

    #[test]
    #[cfg(feature = "tracing")]
    fn the_reason_of_a_close_frame_is_left_out() {
        let cause = Cause::Closed(CloseFrame::new(CloseCode(4_000), "token=secret"));
        assert_eq!(super::detail(&cause), "closed by the server with 4000");
    }
}
