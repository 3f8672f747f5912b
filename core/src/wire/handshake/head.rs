//! The head of an answer, as it comes in.

use alloc::vec::Vec;

use super::{
    judge::Answer,
    violation::{Violation, shown},
};

/// Collects the head of an HTTP answer, and no byte behind it. Interim answers (RFC 9110 §15.2) are passed over, and count
/// as part of it.
#[derive(Clone, Default)]
pub(crate) struct Head {
    /// As far as it came in; empty if it comes at once.
    bytes: Vec<u8>,
    /// The bytes of the interim answers before it.
    interim: usize,
}

impl Head {
    /// How many bytes came, those of interim answers and of what is not complete.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len() + self.interim
    }

    /// How many of them are those of interim answers.
    pub(super) const fn interim(&self) -> usize {
        self.interim
    }

    /// Takes the head from the front of `input`, and has it judged once it is complete; `None` until then.
    pub(crate) fn receive<T>(
        &mut self,
        input: &mut &[u8],
        max_bytes: usize,
        max_headers: usize,
        judge: impl FnOnce(&Answer<'_>) -> Result<T, Violation>,
    ) -> Result<Option<T>, Violation> {
        loop {
            let before = self.bytes.len();
            let room = max_bytes.saturating_sub(self.interim + before);
            let offered = &input[..input.len().min(room)];
            // A head that comes at once is read where it lies.
            let head = if before == 0 {
                offered
            } else {
                self.bytes.extend_from_slice(offered);
                &self.bytes
            };
            begins_like_http(head, before)?;
            let Some(end) = end_of_head(head, before) else {
                if offered.len() == room {
                    return Err(Violation::HeadTooLarge { limit: max_bytes });
                }
                if before == 0 {
                    self.bytes.extend_from_slice(offered);
                }
                *input = &input[offered.len()..];
                return Ok(None);
            };
            let answer = Answer::parse(&head[..end], max_headers)?;
            *input = &input[end - before..];
            if !answer.is_interim() {
                return judge(&answer).map(Some);
            }
            self.interim += end;
            self.bytes.clear();
        }
    }
}

/// What does not begin as an answer does is told at once: a server of another protocol may say a few bytes and wait.
fn begins_like_http(head: &[u8], checked: usize) -> Result<(), Violation> {
    match (checked..head.len().min(BEGINNING.len())).find(|&at| head[at] != BEGINNING[at]) {
        // As far as the first wrong byte, so that it does not depend on how much came with it.
        Some(wrong) => Err(Violation::NotHttp { expected: "`HTTP/1.`", found: shown(&head[..=wrong]) }),
        None => Ok(()),
    }
}

/// Where the head ends: behind its first empty line. The first `searched` bytes have none.
///
/// The parser is asked only then. A head that trickles in is looked at once, and not once for each of its pieces.
fn end_of_head(head: &[u8], searched: usize) -> Option<usize> {
    let empty = |line_end: usize| matches!(head[..line_end], [.., b'\n'] | [.., b'\n', b'\r']);
    let is_end = |(at, &byte): (usize, &u8)| byte == b'\n' && empty(searched + at);
    head[searched..].iter().enumerate().position(is_end).map(|at| searched + at + 1)
}

/// What an answer is known by.
const BEGINNING: &[u8] = b"HTTP/1.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_behind_its_first_empty_line_wherever_the_search_begins() {
        let cases: [(&[u8], _); 7] = [
            (b"", None),
            (b"a\r\nb: c\r\n", None),
            (b"a\r\n\r\nrest\r\n\r\n", Some(5)),
            (b"a\n\nrest", Some(3)),
            (b"a\n\r\nrest", Some(4)),
            (b"a\r\n\r", None),
            (b"\r\n", None),
        ];
        for (head, end) in cases {
            let at_most = end.map_or(head.len(), |end| end - 1);
            for searched in 0..=at_most {
                assert_eq!(end_of_head(head, searched), end, "{} from {searched}", head.escape_ascii());
            }
        }
    }
}
