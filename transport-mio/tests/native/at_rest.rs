//! What connections hold when nothing happens. Counted by an allocator that counts.

use std::time::{Duration, Instant};

use crate::suite::common::{SOON, Server, config, endpoint};
use allocation_counter::measure;
use steadfast_mio::{
    Application, EventLoop, Reads, Requests,
    core::{Message, Notice, SendOptions, StateKind, Timestamp, Verdict},
};

/// Sends a long message as soon as it can, and waits for its echo and its confirmation.
#[derive(Default)]
struct Once {
    echoed: bool,
    confirmed: bool,
}

impl Application for Once {
    fn deliver(&mut self, message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        self.echoed = message.len() == LONG;
        Reads::Continue
    }

    fn notify(&mut self, _at: Timestamp, notice: Notice, requests: &mut Requests<'_>) {
        match notice {
            Notice::State(transition) if transition.to.kind() == StateKind::Open => {
                requests.send(vec![1; LONG], SendOptions::default());
            }
            Notice::Verdict { verdict: Verdict::Confirmed, .. } => self.confirmed = true,
            _ => {}
        }
    }
}

/// The heap that a loop with so many sessions holds, once each has sent a long message and read one.
fn heap_at_rest(server: &Server, count: u64) -> i64 {
    let mut held = None;
    let cost = measure(|| {
        let mut sessions = EventLoop::new().expect("a poll");
        let config = config().build().expect("a good configuration");
        let ids: Vec<_> = (0..count)
            .map(|seed| sessions.add(endpoint(&server.url()), config.clone(), seed, Once::default()))
            .collect();
        let start = Instant::now();
        for id in ids {
            while !sessions.driver_mut().application(id).is_some_and(|once| once.echoed && once.confirmed) {
                assert!(start.elapsed() < SOON, "not done in time");
                sessions.run_once(Some(Duration::from_millis(100))).expect("a poll");
            }
        }
        held = Some(sessions);
    });
    drop(held);
    cost.bytes_current
}

#[test]
fn sessions_share_their_buffers_and_have_none_at_rest() {
    let server = Server::echo();
    // So many that the size of a buffer which they share, and which chance decides, does not matter.
    let (few, many) = (heap_at_rest(&server, 1), heap_at_rest(&server, 401));
    let each = (many - few) / 400;
    assert!(each <= AT_REST, "{each} B for each session, and {few} B for a loop with one");
}

/// More than one read, and than one write, takes.
const LONG: usize = 300_000;
/// The session with its outbox, the wire, the socket, and their places in the loop's tables; a buffer would be more than
/// all of them.
const AT_REST: i64 = 4 << 10;
