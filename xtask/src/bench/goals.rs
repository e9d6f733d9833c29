//! What was measured and how much it may be; a run beyond a goal fails.

use std::path::Path;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::ui::say;

/// Everything that one run measured.
#[derive(Default)]
pub(super) struct Goals(Vec<Goal>);

/// One measured value.
#[derive(Serialize)]
struct Goal {
    name: String,
    value: f64,
    at_most: f64,
}

impl Goals {
    /// Prints a value beside its goal, and keeps both.
    pub(super) fn at_most(&mut self, name: impl Into<String>, value: f64, at_most: f64) {
        let name = name.into();
        let verdict = if is_within(value, at_most) {
            ""
        } else {
            ": BEYOND"
        };
        say(&format!(
            "{name}  {value:.2} (goal: at most {at_most}){verdict}"
        ));
        self.0.push(Goal {
            name,
            value,
            at_most,
        });
    }

    /// Writes all of them as JSON, and fails where one is beyond its goal.
    pub(super) fn finish(&self, json: Option<&Path>) -> Result<()> {
        if let Some(file) = json {
            std::fs::write(file, serde_json::to_vec_pretty(&self.0)?)?;
        }
        let beyond: Vec<&str> = self
            .0
            .iter()
            .filter(|goal| !is_within(goal.value, goal.at_most))
            .map(|g| g.name.as_str())
            .collect();
        ensure!(beyond.is_empty(), "beyond the goal: {}", beyond.join(", "));
        Ok(())
    }
}

/// Whether a value is within its goal. A value that is not a number was not measured.
fn is_within(value: f64, at_most: f64) -> bool {
    value <= at_most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_beyond_its_goal_fails_the_run_and_is_in_its_json() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut goals = Goals::default();
        goals.at_most("calls", 28.0, 28.0);
        assert!(goals.finish(None).is_ok());
        let mut none = Goals::default();
        none.at_most("calls", f64::NAN, 28.0);
        assert!(none.finish(None).is_err(), "what was not measured");
        goals.at_most("ratio", 1.51, 1.5);
        let error = goals.finish(Some(file.path())).unwrap_err().to_string();
        assert!(
            error.contains("ratio") && !error.contains("calls"),
            "{error}"
        );
        let text = std::fs::read_to_string(file.path()).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json[1]["value"], 1.51);
        assert_eq!(json[1]["at_most"], 1.5);
    }
}
