//! The codec of permessage-deflate beside what it could have been built on: messages of JSON, each compressed and each
//! inflated with what came before it, as over one connection.
//!
//! The backends have no framework around them: each gets one call a message with room for all that comes of it, which is
//! the most that it can do. Ours keeps the window beside zlib's, so that it can give the rest back, and bounds what is
//! inflated.

use std::{collections::BTreeMap, hint::black_box};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use miniz_oxide::{
    DataFormat, MZFlush,
    deflate::{core::CompressorOxide, stream::deflate},
    inflate::{
        TINFLStatus,
        core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_HAS_MORE_INPUT},
    },
};
use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use serde::Serialize;
use steadfast_core::wire::{
    Buffer,
    deflate::{Agreed, Deflater, Inflater, Offer, Options},
};
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush};

use crate::{
    clock::thread_cpu,
    stats::{Spread, thousandth},
};

/// One backend in one discipline.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// `deflate level 1` and so on.
    pub(crate) what: String,
    pub(crate) size: usize,
    pub(crate) name: &'static str,
    /// Nanoseconds a message, the median of all rounds.
    pub(crate) ns: f64,
    /// The distribution of the rounds.
    pub(crate) spread: Spread,
    /// Compressed bytes, as a share of all.
    pub(crate) left: f64,
}

/// All backends with messages of this size and this level, taking turns.
///
/// # Errors
/// A backend that changes a message.
pub(crate) fn run(size: usize, level: u8, rounds: usize) -> Result<Vec<Row>, String> {
    let messages = messages(size);
    let mut ready = Vec::new();
    for (name, make) in BACKENDS {
        let (mut compressor, mut inflater) = make(level);
        let mut packed: Vec<Vec<u8>> = Vec::new();
        for message in &messages {
            let compressed = compressor.run(message);
            packed.push(compressed.to_vec());
            if inflater.run(compressed) != message {
                return Err(format!("{name} at level {level} changes a message of {size} B"));
            }
        }
        let compressed: usize = packed.iter().map(Vec::len).sum();
        ready.push(Ready {
            name,
            make,
            packed,
            left: share(compressed, size * messages.len()),
            times: [vec![], vec![]],
        });
    }
    for round in 0..rounds {
        for turn in 0..ready.len() {
            let index = (turn + round) % ready.len();
            ready[index].take_turn(level, &messages);
        }
    }
    let rows = |ready: Ready| {
        ["deflate", "inflate"].into_iter().zip(ready.times).map(move |(what, times)| {
            let spread = Spread::of(&times);
            let (name, left) = (ready.name, ready.left);
            Row { what: format!("{what} level {level}"), size, name, ns: spread.median, spread, left }
        })
    };
    Ok(ready.into_iter().flat_map(rows).collect())
}

/// Best other over ours, on medians: `deflate level 1 128` and so on.
pub(crate) fn ratios(rows: &[Row]) -> BTreeMap<String, f64> {
    let mut ratios = BTreeMap::new();
    for ours in rows.iter().filter(|row| row.name == "steadfast") {
        let others =
            rows.iter().filter(|row| (&row.what, row.size) == (&ours.what, ours.size) && row.name != ours.name);
        if let Some(best) = others.map(|row| row.ns).reduce(f64::min) {
            ratios.insert(format!("{} {}", ours.what, ours.size), thousandth(best / ours.ns));
        }
    }
    ratios
}

/// One message in, what becomes of it out.
trait Codec {
    fn run(&mut self, message: &[u8]) -> &[u8];
}

type Make = fn(level: u8) -> (Box<dyn Codec>, Box<dyn Codec>);

/// Who compresses, and who inflates.
const BACKENDS: [(&str, Make); 4] = [
    ("steadfast", |level| {
        let agreed = agreed(level);
        let deflater = Deflater::new(&agreed).expect("a window of 32 KiB");
        (Box::new(Ours(deflater, Buffer::new())), Box::new(Ours(Inflater::new(&agreed), Buffer::new())))
    }),
    ("zlib-rs", |level| {
        let config = DeflateConfig { level: level.into(), window_bits: -15, ..DeflateConfig::default() };
        (Roomy::boxed(Deflate::new_with_config(config)), Roomy::boxed(Inflate::new(false, 15)))
    }),
    ("flate2 over zlib-rs", |level| {
        (Roomy::boxed(Compress::new(Compression::new(level.into()), false)), Roomy::boxed(Decompress::new(false)))
    }),
    ("miniz_oxide", |level| {
        let mut state = Box::<CompressorOxide>::default();
        state.set_format_and_level(DataFormat::Raw, level);
        (Roomy::boxed(state), Roomy::boxed(Miniz { state: Box::default(), window: vec![0; 1 << 15], at: 0 }))
    }),
];

struct Ready {
    name: &'static str,
    make: Make,
    packed: Vec<Vec<u8>>,
    left: f64,
    times: [Vec<f64>; 2],
}

impl Ready {
    /// New streams, as what is inflated refers to what came before it.
    fn take_turn(&mut self, level: u8, messages: &[Vec<u8>]) {
        let (mut compressor, mut inflater) = (self.make)(level);
        self.times[0].push(time(&mut *compressor, messages));
        self.times[1].push(time(&mut *inflater, &self.packed));
    }
}

/// Nanoseconds a message.
#[expect(clippy::cast_precision_loss, reason = "there are few messages")]
fn time(codec: &mut dyn Codec, messages: &[Vec<u8>]) -> f64 {
    // Streams take their memory with the first message, and begin without anything to refer to.
    black_box(codec.run(&messages[0]));
    let messages = &messages[1..];
    let begin = thread_cpu();
    for message in messages {
        black_box(codec.run(black_box(message)));
    }
    thread_cpu().saturating_sub(begin).as_secs_f64() * 1e9 / messages.len() as f64
}

/// Half of the codec, with the buffer that it writes to.
struct Ours<T>(T, Buffer);

impl Codec for Ours<Deflater> {
    fn run(&mut self, message: &[u8]) -> &[u8] {
        self.1.clear();
        self.0.deflate(message, true, &mut self.1);
        self.1.as_slice()
    }
}

impl Codec for Ours<Inflater> {
    fn run(&mut self, mut message: &[u8]) -> &[u8] {
        self.1.clear();
        self.0.inflate(&mut message, &mut self.1, LIMIT).expect("the message is valid");
        self.0.finish(&mut self.1, LIMIT).expect("the message is whole");
        self.1.as_slice()
    }
}

/// A stream of another, with room for all that may come of a message.
struct Roomy<T> {
    stream: T,
    room: Vec<u8>,
}

impl<T> Roomy<T>
where
    Self: Codec + 'static,
{
    fn boxed(stream: T) -> Box<dyn Codec> {
        Box::new(Self { stream, room: vec![0; LIMIT] })
    }
}

impl Codec for Roomy<Deflate> {
    fn run(&mut self, message: &[u8]) -> &[u8] {
        let Self { stream, room } = self;
        let before = stream.total_out();
        stream.compress(message, room, DeflateFlush::SyncFlush).expect("a valid call");
        &room[..bytes(stream.total_out() - before) - END.len()]
    }
}

impl Codec for Roomy<Inflate> {
    fn run(&mut self, message: &[u8]) -> &[u8] {
        let Self { stream, room } = self;
        let before = stream.total_out();
        stream.decompress(message, room, InflateFlush::SyncFlush).expect("the message is valid");
        let inflated = bytes(stream.total_out() - before);
        stream.decompress(&END, &mut room[inflated..], InflateFlush::SyncFlush).expect("the message is whole");
        &room[..bytes(stream.total_out() - before)]
    }
}

impl Codec for Roomy<Compress> {
    fn run(&mut self, message: &[u8]) -> &[u8] {
        let Self { stream, room } = self;
        let before = stream.total_out();
        stream.compress(message, room, FlushCompress::Sync).expect("a valid call");
        &room[..bytes(stream.total_out() - before) - END.len()]
    }
}

impl Codec for Roomy<Decompress> {
    fn run(&mut self, message: &[u8]) -> &[u8] {
        let Self { stream, room } = self;
        let before = stream.total_out();
        stream.decompress(message, room, FlushDecompress::Sync).expect("the message is valid");
        let inflated = bytes(stream.total_out() - before);
        stream.decompress(&END, &mut room[inflated..], FlushDecompress::Sync).expect("the message is whole");
        &room[..bytes(stream.total_out() - before)]
    }
}

impl Codec for Roomy<Box<CompressorOxide>> {
    fn run(&mut self, message: &[u8]) -> &[u8] {
        let done = deflate(&mut self.stream, message, &mut self.room, MZFlush::Sync);
        assert_eq!(done.bytes_consumed, message.len(), "there is room for all of it");
        &self.room[..done.bytes_written - END.len()]
    }
}

/// miniz's decoder, with a window to refer back to beside the room.
struct Miniz {
    state: Box<DecompressorOxide>,
    window: Vec<u8>,
    at: usize,
}

impl Codec for Roomy<Miniz> {
    fn run(&mut self, message: &[u8]) -> &[u8] {
        let Self { stream: Miniz { state, window, at }, room } = self;
        let mut len = 0;
        for mut input in [message, &END] {
            loop {
                let (status, taken, inflated) = decompress(state, input, window, *at, TINFL_FLAG_HAS_MORE_INPUT);
                room[len..len + inflated].copy_from_slice(&window[*at..*at + inflated]);
                len += inflated;
                *at = (*at + inflated) % window.len();
                input = &input[taken..];
                match status {
                    TINFLStatus::HasMoreOutput => {}
                    TINFLStatus::NeedsMoreInput => break,
                    other => panic!("{other:?}"),
                }
            }
        }
        &room[..len]
    }
}

fn agreed(level: u8) -> Agreed {
    let offer = Offer::new(Options { level, ..Options::default() }).expect("a level from 1 to 9");
    offer.judge("permessage-deflate").expect("as offered").expect("agreed")
}

fn bytes(count: u64) -> usize {
    usize::try_from(count).expect("a message's length")
}

#[expect(clippy::cast_precision_loss, reason = "the sizes are small")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// Messages as an exchange and a chat send them; 4 MiB of them, but not more than 2,000.
fn messages(size: usize) -> Vec<Vec<u8>> {
    let mut rng = SmallRng::seed_from_u64(size as u64);
    (0..((4 << 20) / size).clamp(16, 2_000)).map(|_| message(size, &mut rng)).collect()
}

fn message(size: usize, rng: &mut SmallRng) -> Vec<u8> {
    let chat = rng.random_bool(0.5);
    let mut text = String::from("[");
    while text.len() < size {
        text.push_str(&if chat { said(rng) } else { traded(rng) });
        text.push(',');
    }
    text.truncate(size);
    text.into_bytes()
}

fn traded(rng: &mut SmallRng) -> String {
    let symbol = ["BTC-USD", "ETH-USD", "SOL-EUR", "DOGE-USD", "ADA-USD"].choose(rng).expect("there are some");
    let side = if rng.random_bool(0.5) { "buy" } else { "sell" };
    let (id, price, cents) = (rng.random_range(0..1_000_000), rng.random_range(0..90_000), rng.random_range(0..100));
    let time = rng.random_range(0..100_000_000);
    format!(r#"{{"id":{id},"side":"{side}","price":"{price}.{cents:02}","symbol":"{symbol}","time":17{time:08}}}"#)
}

fn said(rng: &mut SmallRng) -> String {
    const WORDS: [&str; 12] =
        ["the", "connection", "is", "open", "again", "hello", "we", "should", "meet", "at", "noon", "tomorrow"];
    let count = rng.random_range(4..30);
    let words: Vec<&str> = (0..count).map(|_| *WORDS.choose(rng).expect("there are some")).collect();
    let (id, user, room) = (rng.random::<u32>(), rng.random_range(0..500), rng.random_range(0..20));
    format!(
        r#"{{"id":"{id:08x}","user":{{"name":"user{user}"}},"room":"general-{room}","text":"{}"}}"#,
        words.join(" ")
    )
}

/// What RFC 7692 §7.2.1 takes from the end of each message.
const END: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// More than any message here.
const LIMIT: usize = 300 << 10;
