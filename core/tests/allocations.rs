//! A session in steady state does not allocate, and a wire does not either. Counted by an allocator that counts.
#![cfg(feature = "wire")]

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod steady;

use core::time::Duration;

use allocation_counter::measure;
use steadfast_core::{
    Message,
    config::Config,
    wire::{self, Buffer, Event, FrameHeader, OpCode, Wire},
};
use steady::Steady;

#[test]
fn messages_in_both_directions_allocate_nothing() {
    let mut steady = Steady::warm(Config::default());
    let before = steady.actions();
    let allocated = measure(|| (0..10_000).for_each(|_| steady.round()));
    assert!(steady.actions() - before >= 30_000, "each round delivers, sends and confirms");
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

#[test]
fn a_heartbeat_allocates_nothing() {
    let mut steady = Steady::warm(Config::default());
    // The first idle minute gives back what the traffic needed.
    steady.idle(Duration::from_mins(1));
    let allocated = measure(|| (0..100).for_each(|_| steady.tick()));
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

#[test]
fn messages_of_up_to_sixteen_kibibytes_pass_the_wire_without_an_allocation() {
    for len in [0, 16, 128, 1_024, 16 << 10] {
        for opcode in [OpCode::Text, OpCode::Binary] {
            let (head, end) = FrameHeader { fin: true, rsv1: false, opcode, mask: None, len: len as u64 }.to_bytes();
            let frame = [&head[..end], &vec![b'x'; len]].concat();
            // More than are answered before the buffer is empty again.
            let pings = [0x89, 3, b'a', b'b', b'c'].repeat(70);
            // Cut everywhere in the end, so that messages are borrowed as well as assembled.
            let stream = [&frame.repeat(64)[..], &pings].concat();
            let message = Message::binary(vec![b'x'; len]);
            let mut wire = Wire::new(wire::Config::default(), [1; 32]);
            let (mut assembly, mut out) = (Buffer::new(), Buffer::new());
            let mut pass = || {
                let mut seen = 0;
                for mut chunk in stream.chunks(1_500) {
                    while let Some(event) = wire.receive(&mut chunk, &mut assembly, &mut out) {
                        seen += usize::from(
                            matches!(event, Ok(Event::Message(message)) if message.as_bytes().len() == len),
                        );
                    }
                    wire.send(&message, &mut out).expect("open");
                    out.clear();
                }
                seen
            };
            assert_eq!(pass(), 64);
            let allocated = measure(|| assert_eq!(pass(), 64));
            assert_eq!(allocated.count_total, 0, "{len} B, {opcode:?}: {allocated:?}");
        }
    }
}

#[cfg(feature = "deflate")]
#[test]
fn compressed_messages_of_up_to_sixteen_kibibytes_pass_the_wire_without_an_allocation() {
    use steadfast_core::wire::deflate::{Deflater, Offer, Options};

    let agreed = Offer::new(Options { threshold: 1, ..Options::default() })
        .expect("in range")
        .judge("permessage-deflate")
        .expect("as offered")
        .expect("the server compresses");
    for len in [16, 128, 1_024, 16 << 10] {
        let message = Message::text("much of the same, ".repeat(len / 18 + 1));
        let (mut server, mut payload) = (Deflater::new(&agreed).expect("a window"), Buffer::new());
        let mut wire = Wire::with_deflate(wire::Config::default(), &agreed, [1; 32]);
        let (mut assembly, mut out) = (Buffer::new(), Buffer::new());
        let mut frame = Vec::new();
        let mut pass = || {
            payload.clear();
            server.deflate(message.as_bytes(), true, &mut payload);
            let header =
                FrameHeader { fin: true, rsv1: true, opcode: OpCode::Text, mask: None, len: payload.len() as u64 };
            let (head, end) = header.to_bytes();
            frame.clear();
            frame.extend_from_slice(&head[..end]);
            frame.extend_from_slice(payload.as_slice());
            let mut seen = 0;
            for mut chunk in frame.chunks(100) {
                while let Some(event) = wire.receive(&mut chunk, &mut assembly, &mut out) {
                    seen += usize::from(matches!(event, Ok(Event::Message(it)) if it.as_bytes() == message.as_bytes()));
                }
            }
            wire.send(&message, &mut out).expect("open");
            assert!(out.len() < message.len() || len < 100, "it is compressed");
            out.clear();
            seen
        };
        // Until the server's window is full.
        let warm = 2 + (64 << 10) / message.len();
        assert_eq!((0..warm).map(|_| pass()).sum::<usize>(), warm);
        let allocated = measure(|| assert_eq!((0..100).map(|_| pass()).sum::<usize>(), 100));
        assert_eq!(allocated.count_total, 0, "{len} B: {allocated:?}");
    }
}
