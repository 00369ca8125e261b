//! Finite fields.

/// The field of `q` elements, which are numbers; 0 and 1 are what they should be.
#[derive(Debug)]
pub(super) struct Field {
    q: usize,
    sums: Vec<usize>,
    products: Vec<usize>,
}

/// Larger ones are of no use here: their arrays have more than a thousand rows.
const LARGEST: usize = 64;

impl Field {
    /// None if `q` is no power of a prime, or too large.
    pub(super) fn new(q: usize) -> Option<Self> {
        let prime = (2..=q).find(|p| q.is_multiple_of(*p))?;
        let degree = (1..=6).find(|degree| prime.pow(*degree) == q)? as usize;
        if q > LARGEST {
            return None;
        }
        // Elements are polynomials over the prime field, as digits; the modulus is one without divisors.
        (0..q).find_map(|modulus| Self::modulo(q, prime, degree, modulus))
    }

    /// The field modulo x^degree + `modulus`, if this is one.
    fn modulo(q: usize, prime: usize, degree: usize, modulus: usize) -> Option<Self> {
        let digits =
            |number: usize| -> Vec<usize> { (0..degree).map(|at| number / prime.pow(at as u32) % prime).collect() };
        let number = |digits: &[usize]| digits.iter().rev().fold(0, |number, digit| number * prime + digit);
        let low = digits(modulus);
        let mut sums = Vec::with_capacity(q * q);
        let mut products = Vec::with_capacity(q * q);
        for one in 0..q {
            for other in 0..q {
                let (one, other) = (digits(one), digits(other));
                let sum: Vec<usize> = one.iter().zip(&other).map(|(a, b)| (a + b) % prime).collect();
                sums.push(number(&sum));
                let mut product = vec![0; 2 * degree];
                for (i, a) in one.iter().enumerate() {
                    for (j, b) in other.iter().enumerate() {
                        product[i + j] = (product[i + j] + a * b) % prime;
                    }
                }
                for at in (degree..2 * degree).rev() {
                    let factor = std::mem::take(&mut product[at]);
                    for (i, low) in low.iter().enumerate() {
                        let place = at - degree + i;
                        product[place] = (product[place] + factor * (prime - low % prime)) % prime;
                    }
                }
                products.push(number(&product[..degree]));
            }
        }
        let is_field = (1..q).all(|one| (1..q).all(|other| products[one * q + other] != 0));
        is_field.then_some(Self { q, sums, products })
    }

    pub(super) fn add(&self, one: usize, other: usize) -> usize {
        self.sums[one * self.q + other]
    }

    pub(super) fn times(&self, one: usize, other: usize) -> usize {
        self.products[one * self.q + other]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_hold_for_every_power_of_a_prime() {
        for q in [2, 3, 4, 5, 7, 8, 9, 11, 13, 16] {
            let field = Field::new(q).unwrap();
            for a in 0..q {
                assert_eq!((field.add(a, 0), field.times(a, 1), field.times(a, 0)), (a, a, 0));
                for b in 0..q {
                    assert_eq!(
                        (field.add(a, b), field.times(a, b)),
                        (field.add(b, a), field.times(b, a))
                    );
                    for c in 0..q {
                        let (left, right) = (
                            field.times(a, field.add(b, c)),
                            field.add(field.times(a, b), field.times(a, c)),
                        );
                        assert_eq!(left, right);
                        assert_eq!(field.times(a, field.times(b, c)), field.times(field.times(a, b), c));
                    }
                }
            }
        }
        for q in [0, 1, 6, 10, 12, 15, 100] {
            assert!(Field::new(q).is_none(), "{q}");
        }
    }
}
