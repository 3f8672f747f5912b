//! From standard input to the outbox.

use std::io::{self, BufRead};

use steadfast_core::{Message, SendOptions};
use steadfast_mio::SendError;

use crate::client::Sender;

/// Sends every line of standard input until its end, and waits while the outbox is full rather than lose one. A line
/// that is not UTF-8 goes as a binary message.
pub(super) fn send_lines(sender: &Sender, options: SendOptions) -> End {
    send_from(io::stdin().lock(), |message| sender.send_blocking(message, options))
}

/// Why no more lines are sent.
#[derive(Debug)]
pub(super) enum End {
    /// There are no more.
    Reached,
    /// The next one cannot be read.
    Unreadable(io::Error),
    /// This one was not accepted: it is larger than the outbox, or the session has stopped.
    NotAccepted(SendError),
}

fn send_from(mut input: impl BufRead, send: impl Fn(Message<'static>) -> Result<(), SendError>) -> End {
    loop {
        let mut line = Vec::new();
        match input.read_until(b'\n', &mut line) {
            Ok(0) => return End::Reached,
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                    if line.last() == Some(&b'\r') {
                        line.pop();
                    }
                }
                let message = match String::from_utf8(line) {
                    Ok(text) => Message::text(text),
                    Err(error) => Message::binary(error.into_bytes()),
                };
                if let Err(error) = send(message) {
                    return End::NotAccepted(error);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return End::Unreadable(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use steadfast_core::Refusal;

    use super::*;

    fn sent(input: &[u8]) -> Vec<Message<'static>> {
        let sent = RefCell::new(Vec::new());
        let end = send_from(input, |message| {
            sent.borrow_mut().push(message);
            Ok(())
        });
        assert!(matches!(end, End::Reached), "{end:?}");
        sent.into_inner()
    }

    #[test]
    fn every_line_is_a_message_the_empty_and_the_last_one_too() {
        assert_eq!(sent(b"a\n\nb\r\nlast"), ["a", "", "b", "last"].map(Message::text));
        assert_eq!(sent(b""), []);
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_binary() {
        assert_eq!(sent(b"\xff\xfe\n"), [Message::binary(vec![0xff, 0xfe])]);
    }

    #[test]
    fn the_line_that_was_not_accepted_comes_back_and_no_more_are_read() {
        let mut input = io::Cursor::new(b"a\nb\nc\n");
        let end = send_from(&mut input, |message| Err(SendError { message, why: Refusal::Stopped }));
        assert!(matches!(&end, End::NotAccepted(error) if error.message == Message::text("a")), "{end:?}");
        assert_eq!(input.position(), 2);
    }
}
