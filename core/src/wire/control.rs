//! Control frames (RFC 6455 §5.5): how many may come, and what a close frame says.

use alloc::string::String;

use super::{ControlRate, Violation};
use crate::{CloseCode, CloseFrame, Timestamp};

/// How many control frames may still come: a bucket that fills with time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    left: u32,
    /// Up to when the bucket was filled; `None` before the first time it is told.
    filled: Option<Timestamp>,
}

impl Allowance {
    pub(super) fn new(rate: Option<ControlRate>) -> Self {
        Self { left: rate.map_or(0, |rate| rate.burst), filled: None }
    }

    /// A control frame came.
    pub(super) fn take(&mut self, rate: Option<ControlRate>) -> Result<(), Violation> {
        let Some(rate) = rate else { return Ok(()) };
        self.left = self.left.checked_sub(1).ok_or(Violation::ControlFlood { per_second: rate.per_second })?;
        Ok(())
    }

    /// It is this late.
    pub(super) fn fill(&mut self, rate: ControlRate, now: Timestamp) {
        let filled = *self.filled.get_or_insert(now);
        if self.left == rate.burst {
            self.filled = Some(now);
            return;
        }
        let passed = now.as_micros().saturating_sub(filled.as_micros());
        let earned = u128::from(passed) * u128::from(rate.per_second) / MICROS;
        if earned >= u128::from(rate.burst - self.left) {
            (self.left, self.filled) = (rate.burst, Some(now));
        } else if earned > 0 {
            // Less than the burst, which is a `u32`; the time that made no whole frame counts the next time.
            self.left += u32::try_from(earned).unwrap_or(0);
            let spent = u64::try_from(earned * MICROS / u128::from(rate.per_second)).unwrap_or(passed);
            self.filled = Some(Timestamp::from_micros(filled.as_micros() + spent));
        }
    }
}

const MICROS: u128 = 1_000_000;

/// Reads the payload of a close frame (RFC 6455 §5.5.1).
pub(super) fn read_close(payload: &[u8]) -> Result<CloseFrame, Violation> {
    let (code, reason) = match payload {
        [] => return Ok(CloseFrame { code: CloseCode::NO_STATUS, reason: String::new() }),
        [_] => return Err(Violation::CloseTooShort),
        [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
    };
    if !code.is_sendable() {
        return Err(Violation::CloseCode(code.0));
    }
    let reason = core::str::from_utf8(reason).map_err(|_| Violation::CloseReason)?;
    Ok(CloseFrame { code, reason: String::from(reason) })
}

/// The payload of a close frame, and how long it is; none for a code that only stands for the lack of one.
pub(super) fn close_payload(frame: &CloseFrame) -> ([u8; 125], usize) {
    let mut payload = [0; 125];
    if !frame.code.is_sendable() {
        return (payload, 0);
    }
    payload[..2].copy_from_slice(&frame.code.0.to_be_bytes());
    let mut len = frame.reason.len().min(payload.len() - 2);
    while !frame.reason.is_char_boundary(len) {
        len -= 1;
    }
    payload[2..2 + len].copy_from_slice(&frame.reason.as_bytes()[..len]);
    (payload, 2 + len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn taken(allowance: &mut Allowance, rate: ControlRate) -> usize {
        (0..1_000).take_while(|_| allowance.take(Some(rate)).is_ok()).count()
    }

    #[test]
    fn a_burst_is_allowed_and_then_so_many_a_second() {
        let rate = ControlRate { per_second: 10, burst: 25 };
        let mut allowance = Allowance::new(Some(rate));
        let at = |allowance: &mut Allowance, micros| {
            allowance.fill(rate, Timestamp::from_micros(micros));
            taken(allowance, rate)
        };
        assert_eq!(at(&mut allowance, 5_000_000), 25);
        assert_eq!(at(&mut allowance, 5_099_999), 0);
        assert_eq!(at(&mut allowance, 5_150_000), 1);
        // The half frame left over counts.
        assert_eq!(at(&mut allowance, 5_200_000), 1);
        assert_eq!(at(&mut allowance, 6_200_000), 10);
        assert_eq!(at(&mut allowance, 900_000_000), 25);
        // A clock that goes back earns nothing and breaks nothing.
        assert_eq!(at(&mut allowance, 1), 0);
    }

    #[test]
    fn every_close_code_is_judged_as_the_registry_has_it() {
        for code in 0..=u16::MAX {
            let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            let read = read_close(&code.to_be_bytes());
            let frame = CloseFrame { code: CloseCode(code), reason: String::new() };
            assert_eq!(read, if allowed { Ok(frame) } else { Err(Violation::CloseCode(code)) });
        }
    }

    #[test]
    fn a_close_frame_reads_as_it_was_written() {
        for frame in [CloseFrame::NORMAL, CloseFrame::new(CloseCode(4001), "ä".repeat(61))] {
            let (payload, len) = close_payload(&frame);
            assert_eq!(read_close(&payload[..len]), Ok(frame));
        }
    }

    #[test]
    fn what_cannot_be_said_is_not_written() {
        let (_, len) = close_payload(&CloseFrame { code: CloseCode::NO_STATUS, reason: "x".into() });
        assert_eq!(len, 0);
        let long = CloseFrame { code: CloseCode::NORMAL, reason: "ä".repeat(100) };
        let (payload, len) = close_payload(&long);
        assert_eq!(payload[2..len], "ä".repeat(61).into_bytes());
    }

    #[test]
    fn a_close_frame_that_says_half_is_refused() {
        assert_eq!(read_close(&[3]), Err(Violation::CloseTooShort));
        let mut bad: Vec<u8> = 1000u16.to_be_bytes().into();
        bad.push(0xFF);
        assert_eq!(read_close(&bad), Err(Violation::CloseReason));
    }
}
