//! Security alerts: observations that must not be hidden in a note.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::untrusted::Untrusted;

/// Something that a scan saw and that somebody must investigate, such as another holder of the scan's identity.
///
/// A report with an alert has the verdict [`SecurityAlert`](crate::Verdict::SecurityAlert), whatever the checks
/// say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SecurityAlert {
    /// Stable identifier in kebab case, such as `lease-disarmed`.
    pub id: String,
    /// What was seen, in one sentence.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub message: Untrusted,
    /// What shows it, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub evidence: Vec<Untrusted>,
}

impl SecurityAlert {
    /// An alert without evidence yet.
    pub fn new(id: impl Into<String>, message: impl Into<Untrusted>) -> Self {
        Self {
            id: id.into(),
            message: message.into(),
            evidence: Vec::new(),
        }
    }

    /// The same with one more sentence of evidence.
    #[must_use]
    pub fn evidence(mut self, sentence: impl Into<Untrusted>) -> Self {
        self.evidence.push(sentence.into());
        self
    }

    /// The evidence as it came, in one text, for formats that escape by rules of their own.
    pub fn sentences(&self) -> String {
        let all: Vec<&str> = self.evidence.iter().map(Untrusted::raw).collect();
        all.join("; ")
    }
}

/// Where alerts of one scan are raised; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Alerts(Arc<Mutex<Vec<SecurityAlert>>>);

impl Alerts {
    /// Raises an alert. It is reported once, however often it is raised.
    pub fn raise(&self, alert: SecurityAlert) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&alert) {
            all.push(alert);
        }
    }

    /// Every alert so far.
    pub fn raised(&self) -> Vec<SecurityAlert> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
