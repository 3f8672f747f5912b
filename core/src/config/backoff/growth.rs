//! Growth in integers: a power in fixed point, 64 bits before the point and 64 behind it.

const MILLION: u128 = 1_000_000;
const ONE: u128 = 1 << 64;
const HALF: u128 = 1 << 63;
const FRACTION: u128 = ONE - 1;

/// `base · (factor_ppm / 1,000,000)ⁿ` to the nearest whole; what does not fit saturates. At most 64 multiplications.
pub(super) fn exponential(base: u64, factor_ppm: u32, n: u32) -> u64 {
    let factor = ((u128::from(factor_ppm) << 64) + MILLION / 2) / MILLION;
    if base == 0 {
        return 0;
    }
    power(factor, n)
        .and_then(|power| multiply(u128::from(base) << 64, power))
        .map_or(u64::MAX, |product| u64::try_from(product.saturating_add(HALF) >> 64).unwrap_or(u64::MAX))
}

/// `ppm` parts per million of `whole`, rounded down.
pub(super) fn share(whole: u64, ppm: u32) -> u64 {
    u64::try_from(u128::from(whole) * u128::from(ppm) / MILLION).unwrap_or(u64::MAX)
}

/// By squaring; `None` when it does not fit.
fn power(factor: u128, n: u32) -> Option<u128> {
    let (mut result, mut square, mut left) = (ONE, factor, n);
    while left > 0 {
        if left & 1 == 1 {
            result = multiply(result, square)?;
        }
        left >>= 1;
        if left > 0 {
            square = multiply(square, square)?;
        }
    }
    Some(result)
}

/// The product, its last bit rounded; `None` when it does not fit.
fn multiply(a: u128, b: u128) -> Option<u128> {
    let (a_whole, a_part) = (a >> 64, a & FRACTION);
    let (b_whole, b_part) = (b >> 64, b & FRACTION);
    let whole = a_whole * b_whole;
    if whole > FRACTION {
        return None;
    }
    let parts = a_part * b_part;
    (whole << 64)
        .checked_add(a_whole * b_part)?
        .checked_add(a_part * b_whole)?
        .checked_add((parts >> 64) + ((parts >> 63) & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_factors_are_exact() {
        for n in 0..=44 {
            assert_eq!(exponential(1_000_000, 2_000_000, n), (1_000_000_u64 << n));
        }
        assert_eq!(exponential(1_000_000, 2_000_000, 45), u64::MAX);
        assert_eq!(exponential(7, 3_000_000, 20), 7 * 3_u64.pow(20));
    }

    #[test]
    fn fractions_are_rounded_to_the_nearest() {
        // 1.6ⁿ seconds = 8ⁿ / 5ⁿ · 10⁶ µs.
        for n in 0..=35_u32 {
            let (numerator, denominator) = (8_u128.pow(n) * 1_000_000, 5_u128.pow(n));
            let nearest = (numerator + denominator / 2) / denominator;
            assert_eq!(u128::from(exponential(1_000_000, 1_600_000, n)), nearest, "n = {n}");
        }
    }

    #[test]
    fn the_smallest_growth_is_not_lost_to_rounding() {
        // (1 + 10⁻⁶)^1,000,000 = 2.718280…, a little less than e.
        assert_eq!(exponential(1_000_000, 1_000_001, 1_000_000), 2_718_280);
    }

    #[test]
    fn no_growth_stays_for_ever_and_much_growth_saturates() {
        assert_eq!(exponential(500_000, 1_000_000, u32::MAX), 500_000);
        assert_eq!(exponential(1, u32::MAX, u32::MAX), u64::MAX);
        assert_eq!(exponential(u64::MAX, 1_000_000, 9), u64::MAX);
        assert_eq!(exponential(0, 2_000_000, u32::MAX), 0);
    }

    #[test]
    fn shares_are_rounded_down() {
        assert_eq!(share(1_000_001, 50_000), 50_000);
        assert_eq!(share(u64::MAX, u32::MAX), u64::MAX);
    }
}
