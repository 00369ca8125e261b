//! `capacity`: a search for the highest rate that meets a bound.

use std::time::{Duration, Instant};

use meshkat_driver::{Load, Pace, Request, Schedule};
use meshkat_model::{
    results::{CapacityResult, CapacityTrial, LoadResult},
    scenario::{quantity::Rate, verb::capacity::CapacityStep},
    verdict::{self, Check, Undecided, Unmet},
};

use super::load::result;
use crate::case::{Broken, CaseRun};

/// The search ends where the rate that does not hold is less than so many times the one that does.
const CLOSE: f64 = 1.1;

/// So much longer than the time of a rate its trial may take: requests that were sent last are answered after it.
const MARGIN: Duration = Duration::from_secs(1);

/// What came of one rate.
struct Trial {
    checks: Vec<Check>,
    undecided: Option<Undecided>,
    loaded: LoadResult,
}

impl Trial {
    fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }
}

/// How far a search has come.
#[derive(Default)]
struct Search {
    /// The highest rate that held.
    held: f64,
    /// The lowest rate that did not, with what did not hold.
    failed: Option<(f64, Vec<Check>)>,
    /// What nobody can judge, as the machine may have made it fail.
    undecided: Option<(f64, Undecided)>,
    trials: Vec<CapacityTrial>,
    /// Of the highest rate that held, or of the last one.
    loaded: LoadResult,
}

impl Search {
    /// The rate to try next; none if it is known well enough.
    fn next(&self, (low, high): (f64, f64)) -> Option<f64> {
        let above = self.failed.as_ref().map(|(rate, _)| *rate);
        let above = above.or(self.undecided.as_ref().map(|(rate, _)| *rate));
        let rate = match (self.held, above) {
            (0.0, None) => low,
            // The lowest does not hold.
            (0.0, Some(_)) => return None,
            (held, None) if held >= high => return None,
            (held, None) => (held * 2.0).min(high),
            (held, Some(above)) if above < held * CLOSE => return None,
            // In the middle, as rates are compared: by how many times as high they are.
            (held, Some(above)) => (held * above).sqrt(),
        };
        Some(rate.round().max(1.0)).filter(|rate| *rate > self.held)
    }
}

impl CaseRun<'_> {
    pub(super) async fn capacity(&mut self, step: &CapacityStep) -> Result<(), Broken> {
        let requests = self.requests_of(&step.sent, &step.to)?;
        let (start, rates) = (Instant::now(), step.rates());
        let mut search = Search::default();
        let ended = loop {
            let Some(rate) = search.next(rates) else {
                break match (&search.failed, &search.undecided) {
                    (None, None) => "the highest rate that may be tried holds",
                    (None, Some(_)) => "the machine was too busy for more",
                    _ => "the rates above and below are close",
                };
            };
            if !search.trials.is_empty() && start.elapsed() + step.each() > step.within() {
                break "its time was over";
            }
            let trial = self.try_rate(step, requests.clone(), rate).await;
            search.trials.push(CapacityTrial {
                rate,
                requests: trial.loaded.requests,
                errors: trial.loaded.errors,
                p99_ms: trial.loaded.p99_ms,
                held: trial.holds() && trial.undecided.is_none(),
            });
            self.checks += trial.checks.len() as u64;
            match trial.undecided {
                Some(undecided) => {
                    search.undecided = Some((rate, undecided));
                    search.failed = None;
                }
                None if trial.checks.iter().all(|check| check.passed) => {
                    search.held = rate;
                    search.loaded = trial.loaded;
                }
                None => {
                    if search.held == 0.0 {
                        search.loaded = trial.loaded;
                    }
                    search.failed = Some((rate, trial.checks));
                    search.undecided = None;
                }
            }
        };
        self.conclude_search(step, search, ended)
    }

    /// Sends at one rate for its time, and holds what came of it against what is expected.
    async fn try_rate(&mut self, step: &CapacityStep, requests: Vec<Request>, rate: f64) -> Trial {
        let pace = Pace::Open(Schedule::constant(rate));
        let begun = Instant::now();
        let load = Load::start(&self.client, requests, pace);
        tokio::time::sleep_until((begun + step.each()).into()).await;
        // Nothing falls due any more. What is open has a moment: whoever is slower than that is too slow for this rate.
        let _ = tokio::time::timeout(MARGIN, load.stop()).await;
        Load::end_all([&load]).await;
        self.requests += load.requests();
        let until = load.stopped_at().unwrap_or_else(|| load.now());
        let window = load.window(Duration::ZERO, until).await;
        let (expected, surroundings) = (step.expected(), self.surroundings());
        let checks = verdict::window(&expected, &window, &surroundings);
        let disturbance = self.watch.between(begun, Instant::now());
        self.sends.late += window.late;
        self.sends.delay = self.sends.delay.max(window.send_delay);
        Trial {
            undecided: verdict::window_undecided(&expected, &window, &checks, &disturbance, &surroundings),
            checks,
            loaded: result(&step.capacity, &load).await,
        }
    }

    fn conclude_search(&mut self, step: &CapacityStep, search: Search, ended: &str) -> Result<(), Broken> {
        let wanted = step.at_least.value.0;
        let tried: Vec<String> = search
            .trials
            .iter()
            .map(|trial| format!("{} {}", Rate(trial.rate), if trial.held { "held" } else { "did not" }))
            .collect();
        self.searched.push(LoadResult {
            name: step.capacity.value.clone(),
            capacity: Some(CapacityResult {
                rate: search.held,
                ended: ended.to_owned(),
                trials: search.trials,
            }),
            ..search.loaded
        });
        self.checks += 1;
        if search.held >= wanted {
            return Ok(());
        }
        if let Some((rate, undecided)) = search.undecided {
            return Err(Broken::Void(Undecided {
                line: undecided.line.or(Some(step.at_least.place.line)),
                why: format!("at {}: {}", Rate(rate), undecided.why),
            }));
        }
        let why = search.failed.and_then(|(rate, checks)| {
            let unmet = Unmet::of(checks)?;
            Some(format!(
                "; at {}, {}: expected {}, but {}",
                Rate(rate),
                unmet.message,
                unmet.expected,
                unmet.actual
            ))
        });
        Err(Unmet {
            line: Some(step.at_least.place.line),
            expected: format!("at least {}", step.at_least.value),
            actual: format!(
                "{} ({ended}; tried: {}){}",
                Rate(search.held),
                tried.join(", "),
                why.unwrap_or_default()
            ),
            ..Unmet::new("the highest rate at which all held is too low")
        }
        .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rates that a search tries of something that bears up to so many requests a second, and what it finds.
    fn searched(bears: f64, rates: (f64, f64)) -> (Vec<f64>, f64) {
        let (mut search, mut tried) = (Search::default(), Vec::new());
        while let Some(rate) = search.next(rates) {
            assert!(tried.len() < 50, "{tried:?}");
            tried.push(rate);
            if rate <= bears {
                search.held = rate;
            } else {
                search.failed = Some((rate, Vec::new()));
            }
        }
        (tried, search.held)
    }

    #[test]
    fn a_search_doubles_and_then_halves() {
        let (tried, found) = searched(700.0, (100.0, 5000.0));
        assert_eq!(tried, [100.0, 200.0, 400.0, 800.0, 566.0, 673.0, 734.0]);
        assert_eq!(found, 673.0);
        assert_eq!(searched(1e9, (100.0, 300.0)), (vec![100.0, 200.0, 300.0], 300.0));
        assert_eq!(searched(50.0, (100.0, 300.0)), (vec![100.0], 0.0));
        let (tried, found) = searched(1.0, (1.0, 5000.0));
        assert_eq!((tried, found), (vec![1.0, 2.0], 1.0), "whole rates alone are tried");
    }
}
