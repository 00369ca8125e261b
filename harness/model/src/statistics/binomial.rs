//! Tails of the binomial distribution.

use statrs::function::beta::checked_beta_reg;

/// The probability that of `n` independent events of probability `p` at most `k` happen: the regularized incomplete beta
/// function at 1 - p, of n - k and k + 1 (DLMF 8.17.5, <https://dlmf.nist.gov/8.17#E5>).
pub fn at_most(n: u64, p: f64, k: u64) -> f64 {
    if k >= n || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    // Both parameters are above 0 and the argument is between 0 and 1, so there is a value.
    checked_beta_reg((n - k) as f64, k as f64 + 1.0, 1.0 - p).unwrap_or(1.0)
}

/// The probability that of `n` independent events of probability `p` at least `k` happen. Not one less the other tail,
/// which would have no digit left where this one is small.
pub fn at_least(n: u64, p: f64, k: u64) -> f64 {
    if k == 0 || p >= 1.0 {
        return if k <= n { 1.0 } else { 0.0 };
    }
    if k > n || p <= 0.0 {
        return 0.0;
    }
    checked_beta_reg(k as f64, (n - k) as f64 + 1.0, p).unwrap_or(1.0)
}
