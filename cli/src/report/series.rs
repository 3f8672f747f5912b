//! What is measured over time, in as many points as can be seen, with every extreme among them.

use std::collections::BTreeMap;

use serde::Serialize;

/// Into how many parts the time axis is divided for what is thinned out: finer than any screen, as one may zoom in.
const PARTS: u64 = 4_096;

/// Thins points out: of those in the same part of the axis the first, the least, the greatest and the last stay, in their
/// order. `value` is what is compared.
pub(super) fn thin<T: Copy>(points: &[(u64, T)], span: u64, value: impl Fn(T) -> u64) -> Vec<(u64, T)> {
    let width = (span / PARTS).max(1);
    let mut kept = Vec::new();
    for part in points.chunk_by(|one, other| one.0 / width == other.0 / width) {
        let by_value = |place: &usize| value(part[*place].1);
        let least = (0..part.len()).min_by_key(by_value).unwrap_or_default();
        let greatest = (0..part.len()).max_by_key(by_value).unwrap_or_default();
        let mut places = [0, least, greatest, part.len() - 1];
        places.sort_unstable();
        kept.extend(
            places
                .iter()
                .enumerate()
                .filter(|(nth, place)| *nth == 0 || places[nth - 1] != **place)
                .map(|(_, place)| part[*place]),
        );
    }
    kept
}

/// How many of which kind came when: sums, so that none is left out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub(super) struct Bins {
    /// How wide a bin is, in microseconds.
    pub(super) width: u64,
    /// The kinds, by their place among the texts.
    pub(super) kinds: Vec<usize>,
    /// The bins that hold anything: which, and how many of each kind.
    pub(super) filled: Vec<(u64, Vec<u64>)>,
}

impl Bins {
    /// Counts what came: when, and of which kind.
    pub(super) fn of(came: &[(u64, usize)], span: u64) -> Self {
        let width = (span / (PARTS / 4)).max(1);
        let mut kinds: Vec<usize> = Vec::new();
        let mut bins: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (at, kind) in came {
            let place = kinds.iter().position(|known| known == kind).unwrap_or_else(|| {
                kinds.push(*kind);
                kinds.len() - 1
            });
            let counts = bins.entry(at / width).or_default();
            counts.resize(counts.len().max(place + 1), 0);
            counts[place] += 1;
        }
        let mut bins: Vec<_> = bins.into_iter().collect();
        for (_, counts) in &mut bins {
            counts.resize(kinds.len(), 0);
        }
        Self { width, kinds, filled: bins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_stay_where_a_hundred_thousand_points_are_thinned_out() {
        let mut points: Vec<(u64, u64)> = (0..100_000).map(|index| (index * 1_000, 50)).collect();
        points[33_333].1 = 9_000;
        points[77_777].1 = 1;
        let kept = thin(&points, 100_000_000, |value| value);
        assert!(kept.len() <= 4 * 4_097, "{}", kept.len());
        assert!(kept.contains(&(33_333_000, 9_000)) && kept.contains(&(77_777_000, 1)));
        assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
        assert!(kept.is_sorted());
    }

    #[test]
    fn few_points_stay_as_they_are() {
        let points = [(0, 3), (500_000, 1), (1_000_000, 7)];
        assert_eq!(thin(&points, 1_000_000, |value| value), points);
        assert_eq!(thin(&[], 0, |value: u64| value), []);
    }

    #[test]
    fn every_verdict_is_in_a_bin() {
        let came: Vec<_> = (0..10_000).map(|index| (index * 100, usize::from(index % 10 == 0))).collect();
        let bins = Bins::of(&came, 1_000_000);
        let total = |kind: usize| bins.filled.iter().map(|(_, counts)| counts[kind]).sum::<u64>();
        assert_eq!(bins.kinds, [1, 0]);
        assert_eq!((total(0), total(1)), (1_000, 9_000));
    }
}
