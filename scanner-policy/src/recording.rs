//! Recorded inventories: what a scan saw, in a file, to try profiles on again without a target.

use std::collections::BTreeSet;

use scanner_core::inventory::{Inventory, InventoryRequest, Section};
use serde::{Deserialize, Serialize};

use crate::profile::Profile;

/// The value of [`Recording::schema`].
pub const SCHEMA: &str = "secure-scan.io/inventory/v1";

/// Why a text is not a recording that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// It is not JSON of that form.
    #[error("{0}")]
    Malformed(String),
    /// It is of another version, or something else.
    #[error("schema is {0:?}: expected {SCHEMA:?}")]
    Schema(String),
}

/// An inventory with what was asked for it. It holds no secret, as no inventory does: passwords,
/// hashes and values of variables are reduced to states and shapes in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recording {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What was scanned.
    pub subject: String,
    /// Sections that the subject does not have, as a directory has no pod.
    #[serde(default)]
    pub absent: BTreeSet<Section>,
    /// What was asked for.
    pub request: InventoryRequest,
    /// The inventory that was collected.
    pub inventory: Inventory,
}

impl Recording {
    /// A recording of what was found of `subject`, which has no sections `absent`.
    pub fn new(
        subject: impl Into<String>,
        absent: impl IntoIterator<Item = Section>,
        request: InventoryRequest,
        inventory: Inventory,
    ) -> Self {
        Self {
            schema: SCHEMA.into(),
            subject: subject.into(),
            absent: absent.into_iter().collect(),
            request,
            inventory,
        }
    }

    /// Reads a recording from JSON.
    ///
    /// # Errors
    ///
    /// Fails on what is not a recording of this version.
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        let recording: Self =
            serde_json::from_str(text).map_err(|e| RecordingError::Malformed(e.to_string()))?;
        if recording.schema != SCHEMA {
            return Err(RecordingError::Schema(recording.schema));
        }
        Ok(recording)
    }

    /// Pretty-printed JSON.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Why check `id` of `profile` cannot be evaluated on this: it selects files or commands that were not asked for, so
    /// that their absence proves nothing. Missing sections are reported as such. The sections `own` are not taken from this
    /// recording.
    pub(crate) fn missing(&self, profile: &Profile, id: &str, own: &[Section]) -> Option<String> {
        let check = profile.checks.iter().find(|c| c.id == id)?;
        let recorded = |section| !own.contains(&section);
        let mut files = check.files.iter();
        if recorded(Section::Files) && files.any(|f| !self.request.files.contains(f)) {
            return Some("the recording was made without the files of this check".into());
        }
        let mut commands = check.commands.iter();
        let command = commands.find(|c| !self.request.commands.contains(*c))?;
        recorded(Section::Commands)
            .then(|| format!("the recording was made without looking for {command}"))
    }
}
