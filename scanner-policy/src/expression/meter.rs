//! What an evaluation may cost: steps of the interpreter, and bytes of the values that it builds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cel::{
    ExecutionError,
    common::{
        types::{CelBytes, CelList, CelMap, CelMapKey, CelString},
        value::Val,
    },
};

/// Bytes that a value takes beside its text.
const VALUE: u64 = 64;
/// Bytes of text that are read or copied in one step.
const TEXT: u64 = 64;

/// How much a check may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Parts of expressions that are evaluated, and values that are gone through or copied.
    pub(crate) steps: u64,
    /// Bytes of everything that is built, also of what is dropped again.
    pub(crate) bytes: u64,
}

impl Budget {
    /// One check in a scan, over whole lists.
    pub(crate) const CHECK: Self = Self {
        steps: 200_000_000,
        bytes: 256 << 20,
    };
    /// One check on made-up data, before any scan.
    pub(crate) const TRIAL: Self = Self {
        steps: 200_000,
        bytes: 4 << 20,
    };
    /// One check in a scan that takes file by file. Each file adds [`Budget::PER_FILE`], and the bytes hold for each
    /// file: they are free again before the next one.
    pub(crate) const BY_FILE: Self = Self {
        steps: 100_000_000,
        bytes: 16 << 20,
    };
    /// Steps that each file adds to [`Budget::BY_FILE`].
    pub(crate) const PER_FILE: u64 = 2_000;
    /// Bytes that each file of a list adds to [`Budget::CHECK`]: an expression may copy a list twice.
    const PER_LISTED: u64 = 4 << 10;

    /// The same for a check that has a list of so many files.
    pub(crate) fn with_list(self, files: usize) -> Self {
        let more = u64::try_from(files)
            .unwrap_or(u64::MAX)
            .saturating_mul(Self::PER_LISTED);
        Self {
            bytes: self.bytes.saturating_add(more),
            ..self
        }
    }
}

/// Counts what one check costs, over all of its evaluations.
#[derive(Debug)]
pub(crate) struct Meter {
    steps: AtomicU64,
    bytes: AtomicU64,
    max_steps: AtomicU64,
    max_bytes: u64,
    /// Whether the values are made up, so that something undecidable about them means nothing.
    pub(super) is_trial: bool,
}

impl Meter {
    pub(crate) const fn new(budget: Budget) -> Self {
        Self {
            steps: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            max_steps: AtomicU64::new(budget.steps),
            max_bytes: budget.bytes,
            is_trial: false,
        }
    }

    /// A meter for made-up data.
    pub(crate) const fn trial() -> Self {
        let mut meter = Self::new(Budget::TRIAL);
        meter.is_trial = true;
        meter
    }

    /// Adds this many steps for the next file, and frees the bytes of the one before.
    pub(crate) fn next_file(&self, steps: u64) {
        self.max_steps.fetch_add(steps, Relaxed);
        self.bytes.store(0, Relaxed);
    }

    /// Counts; an error once there is more than the budget has.
    pub(super) fn spend(&self, cost: Cost) -> Result<(), ExecutionError> {
        self.steps.fetch_add(cost.steps, Relaxed);
        self.bytes.fetch_add(cost.bytes, Relaxed);
        self.within()
            .map_err(|message| ExecutionError::function_error("budget", message))
    }

    /// Counts what it takes to read a value, and to keep a copy of it where it is `kept`.
    pub(super) fn value(&self, value: &dyn Val, kept: bool) -> Result<(), ExecutionError> {
        // If nothing is left, a value is not even measured.
        self.spend(Cost::default())?;
        let mut cost = Cost::default();
        cost.add(value);
        if !kept {
            cost.bytes = 0;
        }
        self.spend(cost)
    }

    /// The steps so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Relaxed)
    }

    /// The bytes so far.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Whether the budget was enough so far; an error of a part may be hidden by `||`, and this is not.
    pub(crate) fn within(&self) -> Result<(), String> {
        let max = self.max_steps.load(Relaxed);
        if self.steps.load(Relaxed) > max {
            return Err(format!(
                "the check was stopped after {max} steps, the most that one may take: let its expression go through \
                 less, such as fewer files, or one list after the other instead of one for each item of the other"
            ));
        }
        if self.bytes.load(Relaxed) > self.max_bytes {
            let mib = self.max_bytes >> 20;
            return Err(format!(
                "the check was stopped when it had built more than {mib} MiB of values in {} steps: let its expression \
                 build less, such as texts and lists of a few fields instead of whole items",
                self.steps()
            ));
        }
        Ok(())
    }
}

/// What a part of an evaluation costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) steps: u64,
    pub(super) bytes: u64,
}

impl Cost {
    pub(super) const fn steps(steps: u64) -> Self {
        Self { steps, bytes: 0 }
    }

    fn text(&mut self, len: usize) {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        self.steps = self.steps.saturating_add(len / TEXT);
        self.bytes = self.bytes.saturating_add(len);
    }

    /// Adds a value with everything in it. It recurses as deep as the value is nested, which is not deeper than expressions
    /// are.
    fn add<'v>(&mut self, value: &(dyn Val + 'v)) {
        self.steps += 1;
        self.bytes += VALUE;
        if let Some(text) = value.downcast_ref::<CelString<'v>>() {
            self.text(text.inner().len());
        } else if let Some(map) = value.downcast_ref::<CelMap<'v>>() {
            for (key, value) in map.inner() {
                if let CelMapKey::String(key) = key {
                    self.text(key.inner().len());
                }
                self.bytes += VALUE;
                self.add(value.as_ref());
            }
        } else if let Some(list) = value.downcast_ref::<CelList<'v>>() {
            for item in list.inner() {
                self.add(item.as_ref());
            }
        } else if let Some(bytes) = value.downcast_ref::<CelBytes<'v>>() {
            self.text(bytes.inner().len());
        }
    }
}

#[cfg(test)]
mod tests {
    use cel::Value;

    use super::*;

    fn cost(value: Value) -> Cost {
        let value: Box<dyn Val> = value.try_into().unwrap();
        let mut cost = Cost::default();
        cost.add(value.as_ref());
        cost
    }

    #[test]
    fn a_value_costs_what_is_in_it() {
        let text = Value::String("x".repeat(640).into());
        assert_eq!(
            cost(Value::Int(1)),
            Cost {
                steps: 1,
                bytes: VALUE
            }
        );
        let one = Cost {
            steps: 11,
            bytes: VALUE + 640,
        };
        assert_eq!(cost(text.clone()), one);
        let list = Value::List(vec![text.clone(), text.clone()].into());
        assert_eq!(cost(list).steps, 1 + 2 * one.steps);
        let map = std::collections::HashMap::from([("y".repeat(640), text)]);
        assert_eq!(cost(Value::Map(map.into())).steps, 1 + 10 + one.steps);
    }

    #[test]
    fn a_budget_ends_and_stays_ended() {
        let meter = Meter::new(Budget {
            steps: 2,
            bytes: 100,
        });
        assert!(meter.spend(Cost::steps(2)).is_ok());
        assert!(meter.spend(Cost::steps(1)).is_err());
        assert!(meter.within().unwrap_err().contains("after 2 steps"));
        meter.next_file(5);
        assert!(meter.within().is_ok());
        assert!(
            meter
                .spend(Cost {
                    steps: 0,
                    bytes: 101
                })
                .is_err()
        );
        assert!(meter.within().unwrap_err().contains("MiB"));
        meter.next_file(0);
        assert!(meter.within().is_ok());
    }
}
