//! Recorded inventories: what a scan saw, in a file, to try profiles on again without a target.

use std::collections::BTreeSet;

use scanner_core::inventory::{Inventory, InventoryRequest, Section};
use serde::{Deserialize, Serialize};

use crate::profile::Profile;

/// The value of [`Recording::schema`].
pub const SCHEMA: &str = "secure-scan.io/inventory/v1";

/// An inventory with what was asked for it. It holds no secret, as no inventory does: passwords,
/// hashes and values of variables are reduced to states and shapes in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What was scanned.
    pub subject: String,
    /// Sections that there are none of, as a directory has no pod.
    #[serde(default)]
    pub absent: BTreeSet<Section>,
    /// What was asked for.
    pub request: InventoryRequest,
    /// What was found.
    pub inventory: Inventory,
}

impl Recording {
    /// Reads a recording from JSON.
    ///
    /// # Errors
    ///
    /// Fails on what is not a recording of this version.
    pub fn parse(text: &str) -> Result<Self, String> {
        let recording: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if recording.schema != SCHEMA {
            return Err(format!(
                "schema is {:?}: expected {SCHEMA:?}",
                recording.schema
            ));
        }
        Ok(recording)
    }

    /// Pretty-printed JSON.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Why check `id` of `profile` cannot be evaluated on this: it selects files or commands that were
    /// not asked for, so that their absence says nothing. Sections that are missing are reported as such,
    /// and of the sections `own` nothing is taken from here.
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
