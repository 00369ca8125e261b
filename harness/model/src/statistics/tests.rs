use proptest::prelude::*;

use super::*;

const USUAL: Strictness = Strictness {
    false_alarm: 1e-6,
    shift: 0.05,
    miss: 1e-3,
};

/// The probabilities of 0 to `n`, each from the one before it, in logarithms so that none is too small to be one.
fn exact(n: u64, p: f64) -> Vec<f64> {
    let ratio = (p / (1.0 - p)).ln();
    let mut logarithm = n as f64 * (1.0 - p).ln();
    let mut all = vec![logarithm.exp()];
    for k in 1..=n {
        logarithm += ((n - k + 1) as f64 / k as f64).ln() + ratio;
        all.push(logarithm.exp());
    }
    all
}

#[track_caller]
fn close(actual: f64, wanted: f64) {
    assert!(
        (actual - wanted).abs() <= 1e-9 * wanted.max(1e-30),
        "{actual:e} is not {wanted:e}"
    );
}

#[test]
fn tails_are_the_sums_of_their_parts() {
    for (n, p) in [
        (1, 0.5),
        (10, 0.1),
        (100, 0.01),
        (1_000, 0.9),
        (3_000, 0.25),
        (10_000, 0.5),
    ] {
        let parts = exact(n, p);
        for k in (0..=n).step_by((n as usize / 50).max(1)) {
            let below: f64 = parts[..=k as usize].iter().sum();
            let above: f64 = parts[k as usize..].iter().rev().sum();
            close(at_most(n, p, k), below);
            close(at_least(n, p, k), above);
        }
    }
}

#[test]
fn tails_of_what_is_certain_are_certain() {
    assert_eq!((at_most(10, 0.0, 0), at_least(10, 0.0, 1)), (1.0, 0.0));
    assert_eq!((at_most(10, 1.0, 9), at_least(10, 1.0, 10)), (0.0, 1.0));
    assert_eq!(
        (at_most(10, 0.5, 10), at_least(10, 0.5, 0), at_least(10, 0.5, 11)),
        (1.0, 1.0, 0.0)
    );
    assert_eq!((at_most(0, 0.5, 0), at_least(0, 0.5, 1)), (1.0, 0.0));
}

/// The figures of the documents.
#[test]
fn how_many_requests_are_needed() {
    let needed = |shares: &[f64]| needed(shares, 0, USUAL);
    assert_eq!(needed(&[0.9, 0.1]), Some(2_728));
    assert_eq!(needed(&[0.5, 0.5]), Some(6_355));
    assert_eq!(needed(&[0.25; 4]), Some(5_397));
    // All of it: whatever 5 in 100 go astray, one of 135 does.
    assert_eq!(needed(&[1.0]), Some(135));
    assert_eq!(super::needed(&[0.9, 0.1], 2_728, USUAL), Some(2_728));
    assert_eq!(super::needed(&[0.9, 0.1], 0, Strictness { shift: 1e-9, ..USUAL }), None);
}

#[test]
fn what_is_accepted_is_all_that_chance_brings_and_nothing_further() {
    let test = Test::new(&[0.9, 0.1], 3_000, USUAL);
    assert!(test.suffices(USUAL));
    let [one, other] = test.regions[..] else { panic!() };
    assert_eq!((one.low + other.high, one.high + other.low), (3_000, 3_000));
    let parts = exact(3_000, 0.9);
    let outside: f64 = (0..=3_000).filter(|k| !one.has(*k)).map(|k| parts[k as usize]).sum();
    close(test.false_alarm, outside);
    // One count less on either side would be too rare a pass.
    let tail = USUAL.false_alarm / 2.0;
    assert!(at_most(3_000, 0.9, one.low) > tail && at_least(3_000, 0.9, one.high) > tail);
    let off = |p: f64| -> f64 { exact(3_000, p)[one.low as usize..=one.high as usize].iter().sum() };
    close(test.miss, off(0.85).max(off(0.95)));
}

#[test]
fn a_class_that_gets_nothing_is_never_accepted() {
    for requests in [1, 10, 100, 1_000, 10_000] {
        for shares in [
            &[0.5, 0.5][..],
            &[0.999, 0.001],
            &[0.001, 0.999],
            &[0.2, 0.3, 0.5],
            &[0.998, 0.001, 0.001],
        ] {
            let test = Test::new(shares, requests, USUAL);
            assert!(
                test.regions.iter().all(|region| !region.has(0)),
                "{shares:?} of {requests}: {test:?}"
            );
        }
    }
    // One in a thousand: the requests that it takes to see nothing with a probability of 1e-6.
    let rare = needed(&[0.999, 0.001], 0, USUAL).unwrap();
    assert!((0.999_f64).powi(i32::try_from(rare).unwrap()) <= 1e-6, "{rare}");
    let nothing = Test::new(&[1.0, 0.0], 200, USUAL).regions;
    assert_eq!(nothing, [Region { low: 200, high: 200 }, Region { low: 0, high: 0 }]);
}

/// As often as the test says, or less: with errors that are frequent enough to be counted.
fn rates(shares: &[f64], truth: &[f64], strictness: Strictness, seed: u64) -> (Test, f64) {
    let requests = needed(shares, 0, strictness).unwrap();
    let test = Test::new(shares, requests, strictness);
    let mut random = Random(seed);
    let rounds = 4_000;
    let failed = (0..rounds).filter(|_| {
        let mut counts = vec![0; truth.len()];
        for _ in 0..requests {
            let mut at = random.next();
            let class = truth.iter().position(|share| {
                at -= share;
                at < 0.0
            });
            counts[class.unwrap_or(truth.len() - 1)] += 1;
        }
        !counts
            .iter()
            .zip(&test.regions)
            .all(|(count, region)| region.has(*count))
    });
    let failed = failed.count() as f64 / f64::from(rounds);
    (test, failed)
}

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
struct Random(u64);

impl Random {
    /// From 0 to below 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn errors_are_as_rare_as_is_said() {
    let lax = Strictness {
        false_alarm: 0.05,
        shift: 0.1,
        miss: 0.05,
    };
    // Four standard deviations of a rate of 0.05 in 4,000 rounds.
    let slack = 4.0 * (0.05 * 0.95 / 4_000.0_f64).sqrt();
    for (seed, shares, wrong) in [
        (1, &[0.9, 0.1][..], &[0.8, 0.2][..]),
        (2, &[0.5, 0.5], &[0.6, 0.4]),
        (3, &[0.25, 0.25, 0.25, 0.25], &[0.35, 0.25, 0.25, 0.15]),
        (4, &[0.6, 0.3, 0.1], &[0.7, 0.2, 0.1]),
        (5, &[0.6, 0.3, 0.1], &[0.6, 0.2, 0.2]),
    ] {
        let (test, alarms) = rates(shares, shares, lax, seed);
        assert!(
            alarms <= test.false_alarm + slack && test.false_alarm <= 0.05,
            "{shares:?}: {alarms} {test:?}"
        );
        let (test, found) = rates(shares, wrong, lax, seed + 100);
        assert!(
            1.0 - found <= test.miss + slack && test.miss <= 0.05,
            "{wrong:?}: {found} {test:?}"
        );
        if shares.len() == 2 {
            assert!(
                alarms >= test.false_alarm - slack,
                "what is said of two classes is exact: {alarms} {test:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_needed_suffices_and_holds_the_middle(parts in proptest::collection::vec(1..100_u32, 2..6), from in 0..500_u64) {
        let sum: u32 = parts.iter().sum();
        let shares: Vec<f64> = parts.iter().map(|part| f64::from(*part) / f64::from(sum)).collect();
        let requests = needed(&shares, from, USUAL).unwrap();
        prop_assert!(requests >= from);
        let test = Test::new(&shares, requests, USUAL);
        prop_assert!(test.suffices(USUAL), "{:?}", test);
        for (share, region) in shares.iter().zip(&test.regions) {
            prop_assert!(region.has((share * requests as f64).round() as u64), "{} of {}: {:?}", share, requests, region);
        }
        prop_assert_eq!(shares.len(), test.regions.len());
    }
}
