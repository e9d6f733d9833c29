//! Thresholds in the format and with the semantics of the SAF CLI (`saf validate threshold`).
//!
//! What that tool would silently skip is an error here, so that nobody relies on a limit that is never checked; the outcome
//! names the one exception. Source: mitre/saf, `src/commands/validate/threshold.ts`.

mod tally;

use std::{collections::BTreeMap, fmt};

use scanner_core::{
    escape::visible,
    finding::{CheckResult, Findings, HdfStatus, ThresholdOutcome},
    similar::similar,
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use self::tally::{Tally, compliance, count};
use crate::{
    blank,
    profile::{Place, ProfileError},
};

/// Largest threshold file in bytes.
const MAX_BYTES: usize = 1 << 20;
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "none"];

/// Why inline thresholds cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
#[non_exhaustive]
pub struct ThresholdError(String);

/// Limits on counts of results.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Percentage of passed checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compliance: Option<Bounds>,
    /// Checks that passed.
    #[serde(default)]
    passed: Limits,
    /// Checks that failed.
    #[serde(default)]
    failed: Limits,
    /// Checks that were not reviewed; none of ours is.
    #[serde(default)]
    skipped: Limits,
    /// Checks that were not done.
    #[serde(default)]
    error: Limits,
    /// Checks that do not apply, and failures that a waiver covers.
    #[serde(default)]
    no_impact: Limits,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Limits {
    #[serde(default)]
    total: Option<Total>,
    #[serde(default)]
    critical: Option<Limit>,
    #[serde(default)]
    high: Option<Limit>,
    #[serde(default)]
    medium: Option<Limit>,
    #[serde(default)]
    low: Option<Limit>,
    #[serde(default)]
    none: Option<Limit>,
}

/// A number that must be equal, or bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
enum Total {
    Exactly(u32),
    Within(Bounds),
}

/// By hand, because serde's own words for an untagged enum do not name what is wrong.
impl<'de> Deserialize<'de> for Total {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Total;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or limits min and max")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Total, E> {
                let number = u32::try_from(number);
                let unfit = |_| E::custom("the number is too large");
                number.map(Total::Exactly).map_err(unfit)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Total, E> {
                let number = u64::try_from(number);
                let number = number.map_err(|_| E::custom("the number is below 0"))?;
                self.visit_u64(number)
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Total, M::Error> {
                Bounds::deserialize(MapAccessDeserializer::new(map)).map(Total::Within)
            }
        }
        from.deserialize_any(Visit)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Bounds {
    #[serde(default)]
    min: Option<u32>,
    #[serde(default)]
    max: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Limit {
    #[serde(default)]
    min: Option<u32>,
    #[serde(default)]
    max: Option<u32>,
    /// Exactly these checks, by id.
    #[serde(default)]
    controls: Option<Vec<String>>,
}

/// The names of all limits that are numbers.
fn known() -> Vec<String> {
    let groups = ["passed", "failed", "skipped", "error", "no_impact"];
    let within = |path: &str| ["min", "max"].map(|limit| format!("{path}.{limit}"));
    let mut all = Vec::from(within("compliance"));
    for group in groups {
        let total = format!("{group}.total");
        all.extend(within(&total));
        all.push(total);
        for severity in SEVERITIES {
            all.extend(within(&format!("{group}.{severity}")));
        }
    }
    all
}

impl Limits {
    fn of(&self, severity: &str) -> Option<&Limit> {
        match severity {
            "critical" => self.critical.as_ref(),
            "high" => self.high.as_ref(),
            "medium" => self.medium.as_ref(),
            "low" => self.low.as_ref(),
            _ => self.none.as_ref(),
        }
    }
}

impl Thresholds {
    /// Reads a threshold file, nested or flat (`failed.total.max: 2`); `file` names it in errors.
    ///
    /// # Errors
    ///
    /// Fails, with line and column, on everything that cannot be read, and on limits that the SAF CLI
    /// would skip.
    pub fn parse(text: &str, file: &str) -> Result<Self, ProfileError> {
        let at = Place::new(file, text);
        if text.len() > MAX_BYTES {
            return Err(at.whole(format!("a threshold file has at most {MAX_BYTES} bytes")));
        }
        if let Some(path) = blank::field(text, &[]) {
            return Err(at.whole(blank::message(&path)));
        }
        let flat: Result<BTreeMap<String, u32>, _> = serde_saphyr::from_str(text);
        let thresholds = match flat {
            Ok(flat) => Self::unflatten(flat).map_err(|message| at.whole(message))?,
            Err(_) => serde_saphyr::from_str(text)
                .map_err(|e| at.yaml_without_values(&e, "limits such as failed.total.max: 0"))?,
        };
        thresholds.check().map_err(|message| at.whole(message))?;
        Ok(thresholds)
    }

    /// Reads the SAF CLI's inline form: `{compliance.min: 80}, {failed.total.max: 2}`.
    ///
    /// # Errors
    ///
    /// Fails on everything that cannot be read.
    pub fn inline(text: &str) -> Result<Self, ThresholdError> {
        Self::of_inline(text).map_err(ThresholdError)
    }

    fn of_inline(text: &str) -> Result<Self, String> {
        let mut flat = BTreeMap::new();
        for part in text.split(',') {
            let bare = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | '"' | '\'');
            let part = part.trim_matches(bare);
            let (key, value) = part.split_once(':').ok_or_else(|| {
                format!("{part:?} is not a threshold: expected one such as failed.total.max: 0")
            })?;
            let (key, value) = (key.trim_matches(bare), value.trim_matches(bare));
            let number = value
                .parse::<u32>()
                .map_err(|_| format!("{key}: {value:?} is not a whole number"))?;
            if flat.insert(key.to_owned(), number).is_some() {
                return Err(format!("{key} is given twice"));
            }
        }
        let thresholds = Self::unflatten(flat)?;
        thresholds.check()?;
        Ok(thresholds)
    }

    fn unflatten(flat: BTreeMap<String, u32>) -> Result<Self, String> {
        if let Some(unknown) = flat.keys().find(|key| !known().contains(key)) {
            let meant = similar(unknown, known());
            let meant = match meant.first() {
                Some(meant) => format!("did you mean {meant}?"),
                None => {
                    "expected such as compliance.min, failed.total.max or passed.high.min".into()
                }
            };
            return Err(format!(
                "there is no threshold {}; {meant}",
                visible(unknown, 100)
            ));
        }
        let mut tree = serde_json::Map::new();
        for (key, value) in flat {
            let parts: Vec<&str> = key.split('.').collect();
            let (last, path) = parts.split_last().ok_or("an empty name")?;
            let mut at = &mut tree;
            for part in path {
                let next = at
                    .entry((*part).to_owned())
                    .or_insert_with(|| serde_json::json!({}));
                at = next
                    .as_object_mut()
                    .ok_or_else(|| format!("{key} says something else than {part}"))?;
            }
            if at.insert((*last).to_owned(), value.into()).is_some() {
                return Err(format!("{key} is given twice"));
            }
        }
        serde_json::from_value(tree.into()).map_err(|error| {
            format!("{error}; expected such as compliance.min, failed.total.max or passed.high.min")
        })
    }

    /// Refuses what the SAF CLI would skip, or would fail whatever was found.
    pub(crate) fn check(&self) -> Result<(), String> {
        if *self == Self::default() {
            return Err("no threshold is given".into());
        }
        if let Some(name) = self.without_a_limit() {
            return Err(format!(
                "{name} has no limit: expected such as {name}.max: 0"
            ));
        }
        if !self.is_compared() {
            return Err(
                "the SAF CLI compares none of these limits: expected one such as failed.total.max: 0"
                    .into(),
            );
        }
        if self.compliance.as_ref().is_some_and(|c| c.max == Some(0)) {
            return Err("compliance.max: 0 is skipped by the SAF CLI".into());
        }
        for (name, limits, _) in self.groups() {
            if limits.none.is_some() && name != "no_impact" {
                return Err(format!(
                    "{name}.none is skipped by the SAF CLI; only no_impact has it"
                ));
            }
            for severity in SEVERITIES {
                let controls = limits.of(severity).and_then(|l| l.controls.as_ref());
                if controls.is_some_and(Vec::is_empty) {
                    return Err(format!(
                        "{name}.{severity}.controls: an empty list always fails in the SAF CLI; say max: 0"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The path of a part that is given without a limit.
    fn without_a_limit(&self) -> Option<String> {
        let nothing = |bounds: &Bounds| bounds.min.is_none() && bounds.max.is_none();
        if self.compliance.as_ref().is_some_and(nothing) {
            return Some("compliance".into());
        }
        self.groups().into_iter().find_map(|(name, limits, _)| {
            if matches!(&limits.total, Some(Total::Within(bounds)) if nothing(bounds)) {
                return Some(format!("{name}.total"));
            }
            let empty = |limit: &Limit| {
                limit.min.is_none() && limit.max.is_none() && limit.controls.is_none()
            };
            let found = SEVERITIES
                .into_iter()
                .find(|severity| limits.of(severity).is_some_and(empty));
            found.map(|severity| format!("{name}.{severity}"))
        })
    }

    /// Whether there is a limit that is compared with something: where there is none, thresholds must not take the
    /// place of the severity from which a failed check is a finding.
    fn is_compared(&self) -> bool {
        self.compliance.is_some()
            || self.groups().into_iter().any(|(_, limits, status)| {
                let total = match &limits.total {
                    Some(Total::Exactly(_)) => true,
                    Some(Total::Within(_)) => status != HdfStatus::NoImpact,
                    None => false,
                };
                total || SEVERITIES.iter().any(|s| limits.of(s).is_some())
            })
    }

    fn groups(&self) -> [(&'static str, &Limits, HdfStatus); 5] {
        [
            ("passed", &self.passed, HdfStatus::Passed),
            ("failed", &self.failed, HdfStatus::Failed),
            ("skipped", &self.skipped, HdfStatus::Skipped),
            ("error", &self.error, HdfStatus::Error),
            ("no_impact", &self.no_impact, HdfStatus::NoImpact),
        ]
    }

    /// Counts results and compares; the outcome names every limit that does not hold.
    pub fn evaluate(&self, findings: &Findings) -> ThresholdOutcome {
        let mut tally = Tally::default();
        tally.outcome.compliance = compliance(findings);
        if let Some(bounds) = &self.compliance {
            let percent = tally.outcome.compliance;
            tally.within("compliance", percent, bounds.min, bounds.max);
        }
        for (name, limits, status) in self.groups() {
            let of = |severity: Option<&str>| -> Vec<&CheckResult> {
                let wanted = |r: &&CheckResult| {
                    r.hdf_status() == status && severity.is_none_or(|s| r.hdf_severity() == s)
                };
                findings.results.iter().filter(wanted).collect()
            };
            let total = count(of(None).len());
            let path = format!("{name}.total");
            match &limits.total {
                Some(Total::Exactly(wanted)) => {
                    tally.must(total == *wanted, || {
                        format!("{path}: {total}, expected {wanted}")
                    });
                }
                // The SAF CLI has these in its format and never compares them.
                Some(Total::Within(bounds)) if status == HdfStatus::NoImpact => {
                    for (word, value) in [("min", bounds.min), ("max", bounds.max)] {
                        if value.is_some() {
                            tally.outcome.ignored.push(format!("{path}.{word}"));
                        }
                    }
                }
                Some(Total::Within(bounds)) => tally.within(&path, total, bounds.min, bounds.max),
                None => {}
            }
            for severity in SEVERITIES {
                let Some(limit) = limits.of(severity) else {
                    continue;
                };
                let path = format!("{name}.{severity}");
                let found = of(Some(severity));
                tally.within(&path, count(found.len()), limit.min, limit.max);
                if let Some(controls) = &limit.controls {
                    tally.exactly(&path, controls, &found);
                }
            }
        }
        tally.outcome
    }
}

#[cfg(test)]
mod tests;
