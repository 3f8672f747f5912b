//! An independent peer: DEFLATE as `miniz_oxide` has it, with a window that is as large as was agreed and no larger.

use std::fmt::Write as _;

use miniz_oxide::{
    DataFormat, MZFlush,
    deflate::{core::CompressorOxide, stream},
    inflate::{
        TINFLStatus,
        core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_HAS_MORE_INPUT},
    },
};
use steadfast_core::wire::{
    Buffer,
    deflate::{Agreed, Corrupt, Deflater, Inflater, Offer, Options, Progress},
};

/// What comes of the default offer when the server answers these parameters.
pub(crate) fn agreed(parameters: &str) -> Agreed {
    agreed_with(Options::default(), parameters)
}

pub(crate) fn agreed_with(options: Options, parameters: &str) -> Agreed {
    let offer = Offer::new(options).expect("options within their ranges");
    let answer = format!("permessage-deflate{parameters}");
    offer.judge(&answer).expect("an answer to the offer").expect("an extension")
}

/// A message that came as this payload, whatever its length.
pub(crate) fn inflate(inflater: &mut Inflater, mut payload: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut message = Buffer::new();
    assert_eq!(inflater.inflate(&mut payload, &mut message, usize::MAX)?, Progress::NeedsInput);
    assert_eq!(inflater.finish(&mut message, usize::MAX)?, Progress::NeedsInput);
    Ok(message.into_vec())
}

/// The payload of a message that is compressed in one piece.
pub(crate) fn deflate(deflater: &mut Deflater, message: &[u8]) -> Vec<u8> {
    let mut payload = Buffer::new();
    deflater.deflate(message, true, &mut payload);
    payload.into_vec()
}

/// Compresses with a window of 32 KiB.
pub(crate) struct PlainDeflater {
    state: CompressorOxide,
}

impl PlainDeflater {
    pub(crate) fn new(level: u8) -> Self {
        let mut state = CompressorOxide::default();
        state.set_format_and_level(DataFormat::Raw, level);
        Self { state }
    }

    /// A message, as RFC 7692 §7.2.1 has it.
    pub(crate) fn message(&mut self, message: &[u8]) -> Vec<u8> {
        let mut payload = self.run(message, MZFlush::Sync);
        if payload.is_empty() {
            return vec![0];
        }
        assert_eq!(payload.split_off(payload.len() - 4), [0, 0, 0xff, 0xff]);
        payload
    }

    /// A message whose last block says that it is the last, as RFC 7692 §7.2.3.4 has it. The next one begins anew.
    pub(crate) fn final_message(&mut self, message: &[u8]) -> Vec<u8> {
        let mut payload = self.run(message, MZFlush::Finish);
        self.forget();
        payload.push(0);
        payload
    }

    pub(crate) fn forget(&mut self) {
        self.state.reset();
    }

    /// All in one call: asked to go on with a message that did not fit, `miniz_oxide` may leave out the flush.
    fn run(&mut self, input: &[u8], flush: MZFlush) -> Vec<u8> {
        let mut payload = vec![0; 2 * input.len() + 4096];
        let done = stream::deflate(&mut self.state, input, &mut payload, flush);
        assert!(done.bytes_consumed == input.len() && done.bytes_written < payload.len());
        payload.truncate(done.bytes_written);
        payload
    }
}

/// Inflates with a window of as many bits as it is told.
pub(crate) struct PlainInflater {
    state: Box<DecompressorOxide>,
    window: Vec<u8>,
    at: usize,
}

impl PlainInflater {
    pub(crate) fn new(window_bits: u8) -> Self {
        Self { state: Box::default(), window: vec![0; 1 << window_bits], at: 0 }
    }

    /// A message, as RFC 7692 §7.2.2 has it.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        self.judge(payload).expect("a message")
    }

    /// A message, or why it is none, also where it ends within a block.
    pub(crate) fn judge(&mut self, payload: &[u8]) -> Result<Vec<u8>, TINFLStatus> {
        let message = self.run(payload)?;
        // What was cut off is the end of an empty block.
        if !self.run(&[0, 0, 0xff, 0xff])?.is_empty() {
            return Err(TINFLStatus::HasMoreOutput);
        }
        // Only where a block may begin can the last one follow.
        let state = self.state.clone();
        let (status, ..) = decompress(&mut self.state, &[1, 0, 0, 0xff, 0xff], &mut self.window, self.at, 0);
        self.state = state;
        if status == TINFLStatus::Done { Ok(message) } else { Err(status) }
    }

    fn run(&mut self, mut input: &[u8]) -> Result<Vec<u8>, TINFLStatus> {
        let mut message = Vec::new();
        loop {
            let (status, taken, produced) =
                decompress(&mut self.state, input, &mut self.window, self.at, TINFL_FLAG_HAS_MORE_INPUT);
            message.extend_from_slice(&self.window[self.at..self.at + produced]);
            self.at = (self.at + produced) % self.window.len();
            input = &input[taken..];
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => return Ok(message),
                TINFLStatus::Done => {
                    self.state.init();
                    if input.is_empty() {
                        return Ok(message);
                    }
                }
                other => return Err(other),
            }
        }
    }

    pub(crate) fn forget(&mut self) {
        self.state.init();
        self.at = 0;
    }
}

/// A message of so many bytes as servers send them: much of it occurs again and again.
pub(crate) fn json(bytes: usize, salt: usize) -> Vec<u8> {
    let mut text = String::from("[");
    for n in (salt * 7919..).step_by(104_729) {
        if text.len() >= bytes {
            break;
        }
        let (price, cents, symbol) = (n % 65_521, n % 97, n % 4_093);
        write!(text, r#"{{"id":{n},"price":"{price}.{cents:02}","symbol":"{symbol:x}-USD"}},"#).expect("a string");
    }
    text.truncate(bytes);
    text.into_bytes()
}
