//! What is kept of many rounds.

/// The distribution of one measure.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Spread {
    /// The lowest.
    pub(crate) min: f64,
    /// A quarter of the rounds are below.
    pub(crate) q1: f64,
    /// Half of them.
    pub(crate) median: f64,
    /// Three quarters.
    pub(crate) q3: f64,
    /// The highest.
    pub(crate) max: f64,
}

impl Spread {
    /// The distribution of these samples; zeros if there are none.
    #[must_use]
    pub(crate) fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            min: quantile(&sorted, 0, 4),
            q1: quantile(&sorted, 1, 4),
            median: quantile(&sorted, 2, 4),
            q3: quantile(&sorted, 3, 4),
            max: quantile(&sorted, 4, 4),
        }
    }

    /// The interquartile range as a share of the median.
    #[must_use]
    pub(crate) fn relative(&self) -> f64 {
        if self.median > 0.0 { (self.q3 - self.q1) / self.median } else { 0.0 }
    }
}

/// The value that `numerator / denominator` of the sorted samples do not exceed.
#[must_use]
pub(crate) fn quantile<T: Copy + Default>(sorted: &[T], numerator: usize, denominator: usize) -> T {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * numerator / denominator).copied().unwrap_or_default()
}

/// Rounded to so many digits behind the point.
#[must_use]
pub(crate) fn thousandth(ratio: f64) -> f64 {
    (ratio * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_five_samples_is_those_samples_in_order() {
        let spread = Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        let in_order = [spread.min, spread.q1, spread.median, spread.q3, spread.max];
        assert_eq!(in_order.map(f64::to_bits), [1.0, 2.0, 3.0, 4.0, 5.0].map(f64::to_bits));
    }

    #[test]
    fn a_quantile_of_nothing_is_nothing() {
        assert_eq!(quantile::<u64>(&[], 99, 100), 0);
    }
}
