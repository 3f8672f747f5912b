//! What a connection holds.

use std::sync::Arc;

use allocation_counter::measure;

use super::peer::*;

/// Room for all that is written, so that the stream takes none while a connection is measured.
const STREAM: usize = 1 << 20;

/// A pair whose stream does not grow, and what its client holds so far.
struct Measured {
    pair: Pair,
    held: i64,
}

impl Measured {
    /// Counts what the client takes and gives back in this step.
    fn step<T>(&mut self, step: impl FnOnce(&mut Pair) -> T) -> T {
        let mut result = None;
        self.held += measure(|| result = Some(step(&mut self.pair))).bytes_current;
        result.expect("measured")
    }

    fn handshake(&mut self) {
        while self.step(|pair| pair.client.handshake(&mut pair.pipe)).is_err() {
            self.pair.serve().expect("good TLS");
        }
        self.pair.serve().expect("good TLS");
    }

    /// Writes and reads this much.
    fn echo(&mut self, plain: &[u8], buffer: &mut [u8]) {
        let mut left = plain;
        while !left.is_empty() {
            let taken = self.step(|pair| pair.client.write(&mut pair.pipe, left)).expect("room");
            left = &left[taken..];
            self.pair.serve().expect("good TLS");
        }
        self.pair.say(plain);
        while self.step(|pair| pair.client.read(&mut pair.pipe, &mut [], buffer)).is_ok() {}
    }
}

fn measured(count: usize) -> Vec<Measured> {
    let root = authority("root");
    let config = trusting(&root).build().expect("a good configuration");
    let server = Serving::new(&issue(&leaf(), &root)).config();
    (0..count)
        .map(|_| {
            let mut pair = None;
            // The client's part of it is all but the stream and the server.
            let mut held = measure(|| pair = Some(crate::tls::Tls::new(&config, "example.com"))).bytes_current;
            let client = pair.expect("measured").expect("a name");
            held += i64::try_from(size_of_val(&client)).expect("small");
            let mut pair = Pair::new(&config, Arc::clone(&server));
            pair.client = client;
            pair.pipe.to_server.reserve(STREAM);
            pair.pipe.to_client.reserve(STREAM);
            Measured { pair, held }
        })
        .collect()
}

#[test]
fn a_connection_at_rest_holds_little_whatever_it_has_carried() {
    let (plain, mut buffer) = (vec![7; 300_000], vec![0; 64 << 10]);
    let mut held = Vec::new();
    for mut connection in measured(12) {
        connection.handshake();
        connection.echo(b"ping", &mut buffer);
        connection.echo(&plain, &mut buffer);
        held.push(connection.held);
    }
    // The first ones fill what all share to resume by.
    let last = held.split_off(8);
    println!("bytes held by the first: {held:?}, by the last: {last:?}");
    assert!(last.iter().all(|held| *held <= 9 << 10), "{last:?}");
}

#[test]
fn writing_much_takes_a_batch_and_no_more() {
    let mut connection = measured(1).remove(0);
    connection.handshake();
    let plain = vec![7; 1 << 20];
    let Pair { client, pipe, .. } = &mut connection.pair;
    pipe.room = Some(10_000);
    let most = measure(|| {
        let _ = client.write(pipe, &plain);
        let _ = client.write(pipe, &plain);
    })
    .bytes_max;
    assert!(most <= 68 << 10, "{most}");
}

#[test]
fn reading_much_takes_a_few_records_and_no_more() {
    let mut connection = measured(1).remove(0);
    connection.handshake();
    connection.pair.say(&vec![7; 600_000]);
    let mut buffer = vec![0; 64 << 10];
    let Pair { client, pipe, .. } = &mut connection.pair;
    let most = measure(|| while client.read(pipe, &mut [], &mut buffer).is_ok() {}).bytes_max;
    assert!(most <= 64 << 10, "{most}");
}
