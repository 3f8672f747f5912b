//! Keeps a secret out of what is shown of a server's answer: a server may quote what it was sent.

use steadfast_core::{CloseFrame, dial::redirect::RedirectError, wire::handshake::Violation};
use zeroize::Zeroizing;

use super::{place::Encoded, secret::Secret};
use crate::failure::Failure;

impl Secret {
    /// The failure with `*` for each byte that stands for the secret: as it is, or percent-encoded.
    pub(crate) fn kept_out_of(&self, mut failure: Failure) -> Failure {
        let shapes = self.shapes();
        let blot = |bytes: &mut [u8]| shapes.iter().for_each(|shape| blot(bytes, shape));
        let text = |text: &mut String| blot_text(text, blot);
        match &mut failure {
            Failure::Rejected(rejected) => rejected.redact(blot),
            Failure::Redirect { rejected, error } => {
                rejected.redact(blot);
                match error {
                    RedirectError::NotAllowed { location } | RedirectError::Insecure { location } => text(location),
                    RedirectError::Location { found, .. } => text(found),
                    _ => {}
                }
            }
            Failure::Handshake(violation) => match violation {
                Violation::NotHttp { found, .. } | Violation::Extension { found } => text(found),
                Violation::Upgrade { found }
                | Violation::Connection { found }
                | Violation::AcceptKey { found }
                | Violation::Subprotocol { found } => found.iter_mut().for_each(text),
                _ => {}
            },
            _ => {}
        }
        failure
    }

    /// The same for a reason to close.
    pub(crate) fn kept_out_of_reason(&self, mut frame: CloseFrame) -> CloseFrame {
        let shapes = self.shapes();
        blot_text(&mut frame.reason, |bytes| shapes.iter().for_each(|shape| blot(bytes, shape)));
        frame
    }

    /// How it may have been sent, and so come back.
    fn shapes(&self) -> [Zeroizing<Vec<u8>>; 2] {
        [self.expose().to_vec(), Encoded(self.expose()).to_string().into_bytes()].map(Zeroizing::new)
    }
}

/// Of text that may break off, with or without a sign of it.
fn blot_text(text: &mut String, blot: impl Fn(&mut [u8])) {
    let more = text.ends_with(MORE);
    let mut bytes = std::mem::take(text).into_bytes();
    let end = bytes.len() - if more { MORE.len_utf8() } else { 0 };
    blot(&mut bytes[..end]);
    // What is text stays text, as secrets that are no text are not found in any.
    *text = String::from_utf8(bytes).unwrap_or_default();
}

/// Overwrites each occurrence of `shape`, in any case, and the beginning of one that breaks off at the end.
fn blot(bytes: &mut [u8], shape: &[u8]) {
    let mut at = 0;
    while let Some(found) = bytes.get_mut(at..at + shape.len()).filter(|_| !shape.is_empty()) {
        if found.eq_ignore_ascii_case(shape) {
            found.fill(b'*');
            at += shape.len();
        } else {
            at += 1;
        }
    }
    let longest = shape.len().saturating_sub(1).min(bytes.len());
    for length in (LEAST..=longest).rev() {
        let end = bytes.len() - length;
        if bytes[end..].eq_ignore_ascii_case(&shape[..length]) {
            bytes[end..].fill(b'*');
            return;
        }
    }
}

/// The sign that there is more.
const MORE: char = '…';
/// Fewer bytes than that, at the end of what was cut, tell nothing and are there by chance.
const LEAST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn blotted(text: &str, secret: &str) -> String {
        Secret::from(secret).kept_out_of_reason(CloseFrame { reason: text.into(), ..CloseFrame::NORMAL }).reason
    }

    #[test]
    fn a_secret_is_overwritten_wherever_it_stands_and_nothing_else_is() {
        assert_eq!(blotted("no hunter2, no HUNTER2hunter2.", "hunter2"), "no *******, no **************.");
        assert_eq!(blotted("hunter 2", "hunter2"), "hunter 2");
    }

    #[test]
    fn it_is_found_as_a_query_has_it() {
        assert_eq!(blotted("?token=a%2fb%2Bc&x", "a/b+c"), "?token=*********&x");
    }

    #[test]
    fn one_that_breaks_off_is_overwritten_as_far_as_it_goes() {
        assert_eq!(blotted("token hunt", "hunter2"), "token ****");
        assert_eq!(blotted("token hunte…", "hunter2"), "token *****…");
        assert_eq!(blotted("a witch hun", "hunter2"), "a witch hun");
    }

    #[test]
    fn an_empty_one_is_nowhere() {
        assert_eq!(blotted("nothing", ""), "nothing");
    }

    #[test]
    fn one_that_is_no_text_does_no_harm() {
        let frame = CloseFrame { reason: "grün".into(), ..CloseFrame::NORMAL };
        assert_eq!(Secret::from(vec![0xbc]).kept_out_of_reason(frame).reason, "");
    }
}
