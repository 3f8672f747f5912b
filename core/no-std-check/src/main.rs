//! A program without `std`: its own panic handler, its own allocator, and C's `main`.
//!
//! It opens a session, sends one message and sees it confirmed; then it upgrades a connection, and sends and receives on
//! it. The exit code is 0, or the number of the step that did not end as expected.
#![no_std]
#![no_main]

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ffi::{c_char, c_int},
    panic::PanicInfo,
    ptr::null_mut,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use steadfast_core::{
    Action, CloseCode, ConnId, Event, Message, MessageId, Notice, PingPayload, SendOptions, Session, Stage, Timestamp,
    Verdict,
    config::Config,
    wire::{
        self, Buffer, Wire,
        handshake::{Progress, Request, Scheme},
    },
};

#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    // SAFETY: C's `abort` has no preconditions.
    unsafe { abort() }
}

/// Bytes for the whole run; nothing is ever given back.
const ARENA: usize = 1 << 20;

#[repr(align(16))]
struct Bump {
    arena: UnsafeCell<[u8; ARENA]>,
    used: AtomicUsize,
}

// SAFETY: the arena is only reached through `alloc`, which hands out each byte once.
unsafe impl Sync for Bump {}

// SAFETY: blocks are disjoint, lie within the arena, are aligned (the arena is for up to 16), and are never reused.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut at = 0;
        let taken = self.used.fetch_update(Relaxed, Relaxed, |used| {
            at = used.checked_next_multiple_of(layout.align())?;
            at.checked_add(layout.size()).filter(|end| *end <= ARENA)
        });
        if taken.is_err() || layout.align() > align_of::<Self>() {
            return null_mut();
        }
        // SAFETY: `at` was just found to lie within the arena.
        unsafe { self.arena.get().cast::<u8>().add(at) }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Bump = Bump { arena: UnsafeCell::new([0; ARENA]), used: AtomicUsize::new(0) };

#[unsafe(no_mangle)]
extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    match run().and_then(|()| upgrade()) {
        Ok(()) => 0,
        Err(step) => step,
    }
}

fn run() -> Result<(), c_int> {
    let mut session = Session::new(Config::default(), 1);
    let mut clock = 0;
    let mut now = || {
        clock += 1_000;
        Timestamp::from_micros(clock)
    };

    let conn = find(&mut session, now(), Event::Start, connect).ok_or(1)?;
    session.handle(now(), Event::Dialing { conn, stage: Stage::Connect }).for_each(drop);
    session.handle(now(), Event::Opened { conn, can_ping: true }).for_each(drop);

    let id = MessageId(1);
    let send = Event::Send { id, message: Message::text("no std"), options: SendOptions::default() };
    let mut handed = None;
    let payload = find(&mut session, now(), send, |action| ping_behind(&action, &mut handed)).ok_or(2)?;
    if handed != Some(id) {
        return Err(3);
    }
    session.handle(now(), Event::Flushed { conn, up_to: id }).for_each(drop);
    session.handle(now(), Event::PingFlushed { conn, overtook: None }).for_each(drop);

    let pong = Event::Pong { conn, payload };
    find(&mut session, now(), pong, |action| confirmed(&action, id)).ok_or(4)
}

/// The bytes of a server that RFC 6455 §1.3 has for an example, answered to the nonce there.
fn upgrade() -> Result<(), c_int> {
    let (mut assembly, mut out) = (Buffer::new(), Buffer::new());
    let request = Request::new(Scheme::Ws, "server.example.com", None, "/chat").map_err(|_| 5)?;
    let mut handshake = request.begin(*b"the sample nonce", &mut out);
    if !out.as_slice().windows(KEY.len()).any(|part| part == KEY) {
        return Err(6);
    }
    let mut input = SERVER;
    let Progress::Accepted(_) = handshake.receive(&mut input) else { return Err(7) };

    out.clear();
    let mut wire = Wire::new(wire::Config::default(), [42; 32]);
    match wire.receive(&mut input, &mut assembly, &mut out) {
        Some(Ok(wire::Event::Message(message))) if message.as_text() == Some("no std") => {}
        _ => return Err(8),
    }
    wire.send(&Message::text("either"), &mut out).map_err(|_| 9)?;
    if out.len() != 2 + 4 + 6 {
        return Err(10);
    }
    match wire.receive(&mut input, &mut assembly, &mut out) {
        Some(Ok(wire::Event::Close(frame))) if frame.code == CloseCode::GOING_AWAY => {}
        _ => return Err(11),
    }
    if wire.is_closed() { Ok(()) } else { Err(12) }
}

/// The nonce of the example, encoded.
const KEY: &[u8] = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// An answer, a text message and a close frame.
const SERVER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x06no std\x88\x02\x03\xe9";

/// Handles one event, and picks from its actions.
fn find<T>(
    session: &mut Session,
    now: Timestamp,
    event: Event<'_>,
    pick: impl FnMut(Action<'_>) -> Option<T>,
) -> Option<T> {
    session.handle(now, event).filter_map(pick).last()
}

fn connect(action: Action<'_>) -> Option<ConnId> {
    match action {
        Action::Connect { conn, attempt: 1, .. } => Some(conn),
        _ => None,
    }
}

/// The ping that follows a message.
fn ping_behind(action: &Action<'_>, handed: &mut Option<MessageId>) -> Option<PingPayload> {
    match action {
        Action::Send { id, .. } => {
            *handed = Some(*id);
            None
        }
        Action::Ping { payload, .. } => handed.and(Some(*payload)),
        _ => None,
    }
}

fn confirmed(action: &Action<'_>, expected: MessageId) -> Option<()> {
    match action {
        Action::Notify(Notice::Verdict { id, verdict: Verdict::Confirmed, .. }) if *id == expected => Some(()),
        _ => None,
    }
}
