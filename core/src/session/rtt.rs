//! stub
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Rtt {
    last: Option<core::time::Duration>,
    n: u64,
}
/// stub
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RttSnapshot {
    /// x
    pub last: Option<core::time::Duration>,
    /// x
    pub count: u64,
}
impl Rtt {
    pub(super) fn record(&mut self, d: core::time::Duration) {
        self.last = Some(d);
        self.n += 1;
    }
    pub(super) fn snapshot(&self) -> RttSnapshot {
        RttSnapshot { last: self.last, count: self.n }
    }
}
