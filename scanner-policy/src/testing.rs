//! Tests of profiles: inventories, recorded or written down, with the status that each check must have.

mod modes;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use scanner_core::{
    ScanEngine as _,
    engine::Evaluation,
    finding::{CheckStatus, Findings},
    inventory::{Inventory, InventoryRequest, Section},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Profile, profile::Options, recording::Recording};
use modes::read_modes;

/// A file of tests, in YAML.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TestFile {
    /// Shipped name, or a file beside this one.
    pub profile: String,
    /// Values of inputs, as on a command line; `today` is the day of the scan unless it is an input.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// The day of the scan, YYYY-MM-DD.
    #[serde(default)]
    pub today: Option<Date>,
    /// What the cases start from: a recording beside this file.
    #[serde(default)]
    pub recording: Option<String>,
    /// Sections, written down; they replace those of the recording.
    #[serde(default)]
    pub sections: BTreeMap<Section, Value>,
    /// Status that checks must have that a case does not name; any status if absent.
    #[serde(default)]
    pub others: Option<CheckStatus>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One inventory and what is expected of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Case {
    /// Name for the result.
    pub name: String,
    /// Sections that replace those that the cases start from; a section that is not a list is merged field by field.
    #[serde(default)]
    pub sections: BTreeMap<Section, Value>,
    /// Items that are added to a section.
    #[serde(default)]
    pub add: BTreeMap<Section, Vec<Value>>,
    /// Fields that are changed in the first item of a section; of `pod`, in the first container.
    #[serde(default)]
    pub first: BTreeMap<Section, Value>,
    /// Sections that could not be collected, and why.
    #[serde(default)]
    pub unavailable: BTreeMap<Section, String>,
    /// Status that checks must have, by id.
    #[serde(default)]
    pub expect: BTreeMap<String, CheckStatus>,
}

/// Why a file of tests cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// The file cannot be read.
    #[error("{0}")]
    File(String),
    /// The profile reads the day of the scan, and the file names none.
    #[error("the profile reads the day of the scan: expected `today`")]
    NoDay,
    /// A case cannot be run.
    #[error("case {name:?}: {message}")]
    #[non_exhaustive]
    Case {
        /// Name of the case.
        name: String,
        /// Why.
        message: String,
    },
}

impl TestError {
    fn case(case: &Case, message: String) -> Self {
        Self::Case {
            name: case.name.clone(),
            message,
        }
    }
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Name of the case.
    pub case: String,
    /// What was not as expected; empty when the case passed.
    pub wrong: Vec<String>,
    /// The status of each check.
    pub statuses: BTreeMap<String, CheckStatus>,
}

impl TestFile {
    /// Reads a file of tests; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// Fails on what is not such a file, and on one without cases, which would pass unseen.
    pub fn parse(text: &str, file: &str) -> Result<Self, TestError> {
        let mut options = serde_saphyr::Options::default();
        // A mode such as 0666 is no decimal number.
        options.leading_zero_numbers_as_strings = true;
        let tests: Self = serde_saphyr::from_str_with_options(text, options)
            .map_err(|e| TestError::File(format!("{file}: {}", e.without_snippet())))?;
        if tests.cases.is_empty() {
            return Err(TestError::File(format!(
                "{file}: expected at least one case"
            )));
        }
        Ok(tests)
    }

    /// What the profile is to be compiled with.
    pub fn options(&self) -> Options {
        let mut options = Options::default();
        options.inputs.clone_from(&self.inputs);
        options
    }

    /// Runs every case.
    ///
    /// # Errors
    ///
    /// Fails when a case names a check that does not exist, or cannot be read as an inventory.
    pub fn run(
        &self,
        profile: &Profile,
        recording: Option<&Recording>,
    ) -> Result<Vec<Outcome>, TestError> {
        let ids: BTreeSet<&str> = profile.ids().collect();
        if self.today.is_none() && profile.inputs.values().any(|input| input.today) {
            return Err(TestError::NoDay);
        }
        let cases = self.cases.iter();
        cases
            .map(|case| {
                if let Some(id) = case.expect.keys().find(|id| !ids.contains(id.as_str())) {
                    let message = format!("there is no check {id:?}");
                    return Err(TestError::case(case, message));
                }
                let findings = self.evaluate(case, profile, recording);
                let findings = findings.map_err(|e| TestError::case(case, e))?;
                Ok(self.compare(case, &findings))
            })
            .collect()
    }

    fn evaluate(
        &self,
        case: &Case,
        profile: &Profile,
        recording: Option<&Recording>,
    ) -> Result<Findings, String> {
        let nothing = || Recording::new("", [], InventoryRequest::default(), Inventory::default());
        let start = recording.cloned().unwrap_or_else(nothing);
        let mut all = serde_json::to_value(&start.inventory).map_err(|e| e.to_string())?;
        for (section, data) in &self.sections {
            all[section.name()] = json!({"state": "complete", "data": data});
        }
        for (section, data) in &case.sections {
            let data = match (&all[section.name()]["data"], data) {
                (Value::Object(old), Value::Object(new)) => {
                    let mut merged = old.clone();
                    merged.extend(new.clone());
                    Value::Object(merged)
                }
                _ => data.clone(),
            };
            all[section.name()] = json!({"state": "complete", "data": data});
        }
        for (section, items) in &case.add {
            let data = all[section.name()]["data"].as_array_mut();
            let data = data.ok_or_else(|| format!("section {section} has no items to add to"))?;
            data.extend(items.clone());
        }
        for (section, fields) in &case.first {
            let data = match section {
                Section::Pod => &mut all["pod"]["data"]["containers"][0],
                other => &mut all[other.name()]["data"][0],
            };
            let data = data.as_object_mut();
            let data = data.ok_or_else(|| format!("section {section} has no first item"))?;
            data.extend(fields.as_object().cloned().unwrap_or_default());
        }
        for (section, reason) in &case.unavailable {
            all[section.name()] = json!({"state": "unavailable", "reason": reason});
        }
        read_modes(&mut all)?;
        let inventory =
            serde_json::from_value(all).map_err(|e| format!("not an inventory: {e}"))?;
        let absent: Vec<Section> = start.absent.iter().copied().collect();
        let day = self.today.unwrap_or_default();
        let context = Evaluation::on(day).without(&absent);
        let mut findings = profile.evaluate(&inventory, &context);
        // A section that is written down replaces the recording's section completely.
        let own: Vec<Section> = self
            .sections
            .keys()
            .chain(case.sections.keys())
            .copied()
            .collect();
        for result in &mut findings.results {
            let decided = matches!(result.status, CheckStatus::Pass | CheckStatus::Fail);
            if let Some(missing) = start.missing(profile, &result.id, &own)
                && decided
            {
                result.status = CheckStatus::Error;
                result.message = missing;
            }
        }
        Ok(findings)
    }

    fn compare(&self, case: &Case, findings: &Findings) -> Outcome {
        let mut wrong = Vec::new();
        for result in &findings.results {
            let expected = case.expect.get(&result.id).copied().or(self.others);
            if expected.is_some_and(|expected| expected != result.status) {
                let evidence = result.evidence.join(", ");
                wrong.push(format!(
                    "{}: expected {}, got {} {}{evidence}",
                    result.id,
                    name(expected.unwrap_or(result.status)),
                    name(result.status),
                    result.message
                ));
            }
        }
        Outcome {
            case: case.name.clone(),
            wrong,
            statuses: findings
                .results
                .iter()
                .map(|r| (r.id.clone(), r.status))
                .collect(),
        }
    }
}

const fn name(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Pass => "pass",
        CheckStatus::Fail => "fail",
        CheckStatus::Error => "error",
        CheckStatus::NotApplicable => "not_applicable",
    }
}
