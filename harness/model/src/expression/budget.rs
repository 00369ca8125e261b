//! How much expressions may do.
//!
//! A budget counts steps and never time, so that the same expression ends in the same way on every machine.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use regex::{Regex, RegexBuilder};

/// Steps of one expression. A step is a part of an expression that is evaluated, an item of a list that is looked at, or 64
/// bytes of a text; a million are a few tenths of a second, and never more than some hundred megabytes.
pub const MOST_STEPS: u64 = 1_000_000;

/// Steps of all expressions that are held against one answer, or that settle which steps a case has.
pub const MOST_STEPS_TOGETHER: u64 = 4 * MOST_STEPS;

/// Bytes that a compiled pattern may take.
const PATTERN: usize = 1 << 18;

/// And as how many one counts that takes fewer.
const SMALLEST: usize = 1 << 10;

/// Steps that it takes to compile a pattern.
const COMPILED: u64 = 2_000;

/// Patterns that are kept while an expression is evaluated.
const KEPT: usize = 64;

/// Steps for several expressions together, each of which has [`MOST_STEPS`] at the most.
#[derive(Debug)]
pub struct Budget {
    left: AtomicU64,
    of: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(MOST_STEPS_TOGETHER)
    }
}

impl Budget {
    /// A budget of so many steps.
    pub fn new(steps: u64) -> Self {
        Self {
            left: AtomicU64::new(steps),
            of: steps,
        }
    }

    /// How many steps are left.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    fn take(&self, steps: u64) {
        self.left.store(self.left().saturating_sub(steps), Ordering::Relaxed);
    }

    /// Runs an evaluation that spends of this budget.
    ///
    /// # Errors
    /// That there were not enough steps.
    pub(super) fn spend<T>(&self, evaluate: impl FnOnce() -> T) -> Result<T, String> {
        let most = self.left().min(MOST_STEPS);
        let meter = Meter {
            left: most,
            is_spent: false,
            patterns: HashMap::new(),
        };
        let before = METER.replace(Some(meter));
        let value = evaluate();
        let meter = METER.replace(before);
        let Some(meter) = meter.filter(|meter| !meter.is_spent) else {
            self.take(most);
            return Err(self.too_much(most));
        };
        self.take(most - meter.left);
        Ok(value)
    }

    fn too_much(&self, most: u64) -> String {
        if most == MOST_STEPS {
            return format!("it needs more than {} steps; {WAY_OUT}", grouped(MOST_STEPS));
        }
        format!(
            "it and the expressions beside it need more than {} steps together; {WAY_OUT}",
            grouped(self.of)
        )
    }
}

const WAY_OUT: &str = "look at fewer items, or at shorter texts";

/// A number with a comma before each three digits.
fn grouped(number: u64) -> String {
    crate::limits::grouped(u128::from(number))
}

struct Meter {
    left: u64,
    is_spent: bool,
    patterns: HashMap<String, Result<Pattern, String>>,
}

thread_local! {
    /// What the evaluation of this thread may still do. CEL's functions are given their arguments alone.
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// Takes so many steps.
///
/// # Errors
/// There are not so many any more.
pub(super) fn take(steps: u64) -> Result<(), String> {
    METER.with_borrow_mut(|meter| {
        let meter = meter.as_mut().ok_or("no evaluation has begun")?;
        match meter.left.checked_sub(steps) {
            Some(left) if !meter.is_spent => {
                meter.left = left;
                Ok(())
            }
            _ => {
                meter.is_spent = true;
                meter.left = 0;
                Err("too many steps".to_owned())
            }
        }
    })
}

/// How many steps are left.
pub(super) fn left() -> u64 {
    METER.with_borrow(|meter| meter.as_ref().map_or(0, |meter| meter.left))
}

/// Whether a text has what a pattern describes.
///
/// # Errors
/// It is no pattern, or a very large one; there are not enough steps.
pub(super) fn matches(text: &str, pattern: &str) -> Result<bool, String> {
    let known = METER.with_borrow(|meter| meter.as_ref().and_then(|meter| meter.patterns.get(pattern).cloned()));
    let compiled = match known {
        Some(compiled) => compiled,
        None => {
            take(COMPILED)?;
            let compiled = Pattern::of(pattern);
            METER.with_borrow_mut(|meter| {
                if let Some(meter) = meter
                    && meter.patterns.len() < KEPT
                {
                    meter.patterns.insert(pattern.to_owned(), compiled.clone());
                }
            });
            compiled
        }
    };
    let compiled = compiled?;
    // A search goes through the text once, and through the whole of the pattern at each place in it at the worst.
    let pattern = (1 + pattern.len() as u64 / 8).max(compiled.size / 128);
    take((1 + text.len() as u64 / 64).saturating_mul(pattern))?;
    Ok(compiled.regex.is_match(text))
}

/// A pattern that can be searched for.
#[derive(Debug, Clone)]
struct Pattern {
    regex: Regex,
    /// How many bytes it takes at the most, which tells how many states it has: `[ab]{2000}` is ten letters and 4000 states.
    size: u64,
}

impl Pattern {
    fn of(pattern: &str) -> Result<Self, String> {
        let mut size = SMALLEST;
        loop {
            let built = RegexBuilder::new(pattern)
                .size_limit(size)
                .dfa_size_limit(PATTERN)
                .build();
            match built {
                Ok(regex) => {
                    return Ok(Self {
                        regex,
                        size: size as u64,
                    });
                }
                Err(regex::Error::CompiledTooBig(_)) if size < PATTERN => size *= 2,
                Err(regex::Error::CompiledTooBig(_)) => {
                    return Err(format!(
                        "the pattern takes more than {PATTERN} bytes; make it repeat less"
                    ));
                }
                Err(error) => return Err(format!("'{pattern}' not a valid regex:\n{error}")),
            }
        }
    }
}
