//! Scenarios from a fuzzer's bytes.

use arbitrary::{Arbitrary, Result, Unstructured};

use super::{Scenario, draw};
use crate::rng::Draw;

struct Bytes<'a, 'b>(&'a mut Unstructured<'b>);

impl Draw for Bytes<'_, '_> {
    fn below(&mut self, bound: u64) -> u64 {
        // When the bytes have run out, the smallest decision is taken.
        bound.checked_sub(1).map_or(0, |most| self.0.int_in_range(0..=most).unwrap_or(0))
    }
}

impl<'b> Arbitrary<'b> for Scenario {
    fn arbitrary(bytes: &mut Unstructured<'b>) -> Result<Self> {
        Ok(draw::scenario(&mut Bytes(bytes)))
    }
}
