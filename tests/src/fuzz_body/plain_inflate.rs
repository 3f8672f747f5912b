//! DEFLATE, read bit by bit in the plainest way: an opinion of its own on RFC 1951, as strict as zlib's.

/// What a message comes to.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Opinion {
    /// This.
    Whole(Vec<u8>),
    /// More than the limit.
    TooLong,
    /// Nothing: it is corrupt, or ends within a block.
    Corrupt,
    /// Whatever the reader makes of it: it refers back beyond the window that the server promised.
    BeyondWindow,
}

/// Reads messages that may refer back to those before them.
pub(super) struct Reader {
    window: usize,
    /// What was read, of which the last 32 KiB count.
    history: Vec<u8>,
}

/// Why a message is not read to its end.
enum Stop {
    TooLong,
    Corrupt,
    BeyondWindow,
}

/// One message while it is read.
struct Message<'a> {
    bits: Bits<'a>,
    window: usize,
    limit: usize,
    history: &'a mut Vec<u8>,
    /// Where it begins in the history.
    start: usize,
}

impl Reader {
    /// For a server that promised a window of so many bytes.
    pub(super) const fn new(window: usize) -> Self {
        Self { window, history: Vec::new() }
    }

    /// A message of at most so many bytes that came as this payload.
    pub(super) fn message(&mut self, payload: &[u8], limit: usize) -> Opinion {
        self.history.drain(..self.history.len().saturating_sub(LARGEST_WINDOW));
        let (start, bits) = (self.history.len(), Bits { bytes: payload, at: 0 });
        let mut message = Message { bits, window: self.window, limit, history: &mut self.history, start };
        match message.blocks() {
            Ok(()) => Opinion::Whole(self.history[start..].into()),
            Err(Stop::TooLong) => Opinion::TooLong,
            Err(Stop::Corrupt) => Opinion::Corrupt,
            Err(Stop::BeyondWindow) => Opinion::BeyondWindow,
        }
    }

    /// Nothing refers back beyond this.
    pub(super) fn forget(&mut self) {
        self.history.clear();
    }
}

impl Message<'_> {
    /// Blocks, until the header of the stored one whose end is not sent (RFC 7692 §7.2.1).
    fn blocks(&mut self) -> Result<(), Stop> {
        loop {
            let last = self.bits.take(1)? == 1;
            match self.bits.take(2)? {
                0 => {
                    self.bits.align();
                    if self.bits.are_over() {
                        return Ok(());
                    }
                    self.stored()?;
                }
                1 => {
                    let lengths: Vec<u8> =
                        [(144, 8), (112, 9), (24, 7), (8, 8)].iter().flat_map(|&(n, len)| vec![len; n]).collect();
                    self.compressed(&Codes::new(&lengths)?, &Codes::new(&[5; 32])?)?;
                }
                2 => {
                    let (literals, distances) = self.codes()?;
                    self.compressed(&literals, &distances)?;
                }
                _ => return Err(Stop::Corrupt),
            }
            // What follows the last block begins with the next byte (RFC 7692 §7.2.3.4).
            if last {
                self.bits.align();
            }
        }
    }

    fn stored(&mut self) -> Result<(), Stop> {
        let (len, check) = (self.bits.take(16)?, self.bits.take(16)?);
        if len != check ^ 0xFFFF {
            return Err(Stop::Corrupt);
        }
        (0..len).try_for_each(|_| {
            let byte = self.bits.take(8)?;
            self.push(byte.to_le_bytes()[0])
        })
    }

    /// The codes that a block brings along (§3.2.7).
    fn codes(&mut self) -> Result<(Codes, Codes), Stop> {
        let (literals, distances) = (257 + self.bits.take(5)?, 1 + self.bits.take(5)?);
        let mut lengths = [0; 19];
        for at in ORDER.into_iter().take(4 + self.bits.take(4)?) {
            lengths[at] = self.bits.take(3)?.to_le_bytes()[0];
        }
        let codes = Codes::new(&lengths)?;
        if literals > 286 || distances > 30 || !codes.complete {
            return Err(Stop::Corrupt);
        }
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (repeated, times) = match self.bits.symbol(&codes)? {
                16 => (*lengths.last().ok_or(Stop::Corrupt)?, 3 + self.bits.take(2)?),
                17 => (0, 3 + self.bits.take(3)?),
                18 => (0, 11 + self.bits.take(7)?),
                len => (len.to_le_bytes()[0], 1),
            };
            lengths.extend(vec![repeated; times]);
        }
        // A block that cannot end, or codes for more than there is.
        if lengths.len() > literals + distances || lengths[END] == 0 {
            return Err(Stop::Corrupt);
        }
        let (literals, distances) = lengths.split_at(literals);
        Ok((Codes::new(literals)?, Codes::new(distances)?))
    }

    fn compressed(&mut self, literals: &Codes, distances: &Codes) -> Result<(), Stop> {
        loop {
            let len = match self.bits.symbol(literals)? {
                END => return Ok(()),
                literal @ 0..END => {
                    self.push(literal.to_le_bytes()[0])?;
                    continue;
                }
                symbol @ 257..=264 => symbol - 254,
                symbol @ 265..=284 => {
                    let extra = (symbol - 261) / 4;
                    3 + ((4 + (symbol - 261) % 4) << extra) + self.bits.take(extra)?
                }
                285 => 258,
                _ => return Err(Stop::Corrupt),
            };
            let distance = match self.bits.symbol(distances)? {
                symbol @ 0..=3 => 1 + symbol,
                symbol @ 4..=29 => {
                    let extra = symbol / 2 - 1;
                    1 + ((2 + symbol % 2) << extra) + self.bits.take(extra)?
                }
                _ => return Err(Stop::Corrupt),
            };
            let from = self.history.len().checked_sub(distance).ok_or(Stop::Corrupt)?;
            if distance > self.window {
                return Err(Stop::BeyondWindow);
            }
            (from..from + len).try_for_each(|at| self.push(self.history[at]))?;
        }
    }

    fn push(&mut self, byte: u8) -> Result<(), Stop> {
        self.history.push(byte);
        if self.history.len() - self.start > self.limit { Err(Stop::TooLong) } else { Ok(()) }
    }
}

/// A set of codes (§3.2.2).
struct Codes {
    /// How many codes there are of each length.
    counts: [usize; 16],
    /// Their symbols, by length.
    symbols: Vec<usize>,
    complete: bool,
}

impl Codes {
    /// Lengths that leave codes over are refused, but for one code of one bit and for none at all (§3.2.7).
    fn new(lengths: &[u8]) -> Result<Self, Stop> {
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        let mut counts = [0; 16];
        for symbol in &symbols {
            counts[usize::from(lengths[*symbol])] += 1;
        }
        let taken: usize = counts.iter().zip(0..).map(|(count, len)| count << (15 - len)).sum();
        let few = symbols.is_empty() || symbols.len() == 1 && counts[1] == 1;
        let complete = taken == 1 << 15;
        if complete || few { Ok(Self { counts, symbols, complete }) } else { Err(Stop::Corrupt) }
    }
}

/// Bits, the lowest of each byte first (§3.1.1).
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// A number of so many bits, the lowest first.
    fn take(&mut self, bits: usize) -> Result<usize, Stop> {
        let mut number = 0;
        for place in 0..bits {
            let byte = self.bytes.get(self.at / 8).ok_or(Stop::Corrupt)?;
            number |= usize::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Ok(number)
    }

    /// A symbol, by its code, whose highest bit comes first. Codes of one length follow each other, behind those of the
    /// shorter ones.
    fn symbol(&mut self, codes: &Codes) -> Result<usize, Stop> {
        let (mut code, mut least, mut shorter) = (0, 0, 0);
        for count in &codes.counts[1..] {
            (code, least) = (code << 1 | self.take(1)?, least << 1);
            if code < least + count {
                return Ok(codes.symbols[shorter + code - least]);
            }
            (least, shorter) = (least + count, shorter + count);
        }
        Err(Stop::Corrupt)
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    fn are_over(&self) -> bool {
        self.at == self.bytes.len() * 8
    }
}

/// The symbol for the end of a block.
const END: usize = 256;
/// In which order the lengths of the codes for lengths come (§3.2.7).
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// How far a distance reaches.
const LARGEST_WINDOW: usize = 1 << 15;
