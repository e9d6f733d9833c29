//! Waivers in the format of `InSpec`, with a day on which each ends and a reason.

use std::collections::BTreeMap;

use jiff::civil::Date;
use scanner_core::finding::{CheckStatus, Findings, Waiver, WaiverSummary};
use serde::Deserialize;

use crate::{
    blank,
    profile::{Place, ProfileError},
};

/// Largest waiver file in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Waivers by the id of the check.
#[derive(Debug, Clone, Default)]
pub struct Waivers {
    source: String,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    expires: Date,
    run: bool,
    justification: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    expiration_date: Option<String>,
    #[serde(default)]
    run: Option<Run>,
    justification: Option<String>,
}

/// `InSpec` takes true, false, yes and no; `yes` is a word in YAML 1.2.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Run {
    Bool(bool),
    Word(Word),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    #[serde(alias = "Yes", alias = "YES")]
    Yes,
    #[serde(alias = "No", alias = "NO")]
    No,
}

impl Waivers {
    /// Reads a waiver file in YAML or JSON; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// Fails, with line and column, on what is not a waiver file, and on a waiver without
    /// `expiration_date` or `justification`, which `InSpec` itself would take for permanent.
    pub fn parse(text: &str, file: &str) -> Result<Self, ProfileError> {
        let at = Place::new(file, text);
        if text.len() > MAX_BYTES {
            return Err(at.whole(format!("a waiver file has at most {MAX_BYTES} bytes")));
        }
        if let Some(path) = blank::field(text, &[]) {
            let name = path.rsplit('.').next().unwrap_or_default();
            return Err(at.find(name, blank::message(&path)));
        }
        let raw: BTreeMap<String, RawEntry> = serde_saphyr::from_str(text).map_err(|e| {
            at.yaml_without_values(
                &e,
                "ids of checks with expiration_date, run and justification",
            )
        })?;
        let mut entries = BTreeMap::new();
        for (id, raw) in raw {
            let wrong = |message: String| at.find(&id, format!("waiver {id:?}: {message}"));
            let date = raw.expiration_date.as_deref().map(str::trim);
            let date = date.ok_or_else(|| {
                wrong("expiration_date is missing: every waiver must end on some day".into())
            })?;
            let expires = date.parse::<Date>().map_err(|_| {
                wrong(format!(
                    "expiration_date {date:?} is not a valid date: expected YYYY-MM-DD"
                ))
            })?;
            let justification = raw.justification.unwrap_or_default().trim().to_owned();
            if justification.is_empty() {
                return Err(wrong(
                    "justification is missing: say why the failure is accepted, and who decided"
                        .into(),
                ));
            }
            let run = !matches!(raw.run, Some(Run::Bool(false) | Run::Word(Word::No)));
            entries.insert(
                id,
                Entry {
                    expires,
                    run,
                    justification,
                },
            );
        }
        Ok(Self {
            source: file.to_owned(),
            entries,
        })
    }

    /// Number of waivers.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Applies them on a day in UTC. A waiver does not apply any more on its last day, as in `InSpec`.
    ///
    /// A failure that is waived stays a failure and is no finding; with `run: false` a check is
    /// skipped and does not apply. Otherwise a check that could not be done stays an error.
    pub fn apply(&self, findings: &mut Findings, today: Date) {
        let mut summary = WaiverSummary {
            source: self.source.clone(),
            ..WaiverSummary::default()
        };
        for (id, entry) in &self.entries {
            if today >= entry.expires {
                summary.expired.push(format!("{id} on {}", entry.expires));
                continue;
            }
            let Some(result) = findings.results.iter_mut().find(|r| r.id == *id) else {
                let why = if findings.engine.left_out.contains(id) {
                    let selection = findings.engine.selection.join(", ");
                    format!("{id}: the check was not selected ({selection})")
                } else {
                    format!("{id}: the profile has no such check")
                };
                summary.unused.push(why);
                continue;
            };
            let unused = match (result.status, entry.run) {
                (_, false) | (CheckStatus::Fail, true) => None,
                (CheckStatus::Pass, true) => Some("the check passed".to_owned()),
                (CheckStatus::Error, true) => {
                    Some("the check was not done, which run: true does not cover".to_owned())
                }
                (CheckStatus::NotApplicable, true) if result.message.is_empty() => {
                    Some("the check does not apply".to_owned())
                }
                (CheckStatus::NotApplicable, true) => {
                    Some(format!("the check does not apply: {}", result.message))
                }
            };
            if let Some(why) = unused {
                summary.unused.push(format!("{id}: {why}"));
                continue;
            }
            if !entry.run {
                result.status = CheckStatus::NotApplicable;
                result.message = "skipped: a waiver says run: false".into();
                result.evidence.clear();
                result.evidence_total = 0;
            }
            result.waiver = Some(Waiver {
                justification: entry.justification.clone(),
                expires: entry.expires.to_string(),
                skipped: !entry.run,
            });
            summary.applied.push(id.clone());
        }
        findings.waivers = Some(summary);
    }
}

#[cfg(test)]
pub(crate) mod tests;
