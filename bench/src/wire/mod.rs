//! The wire alone: bytes in memory to messages, and messages to bytes.

mod contest;
mod input;
mod measure;
mod ours;
mod peers;
mod pipe;
mod ratios;
mod yardstick;

pub(crate) use self::{
    contest::{Entry, Side},
    input::Kind,
    measure::{Direction, Effort, Row, run},
    ratios::ratios,
};
