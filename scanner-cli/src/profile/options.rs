//! Options of scans that concern their profile, and recording what a scan saw.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

use clap::Args;
use scanner_core::{
    ScanEngine,
    finding::Findings,
    inventory::{Inventory, InventoryRequest, Section},
};
use scanner_policy::{
    Profile,
    profile::Options,
    recording::{Recording, SCHEMA},
};

use crate::{NOT_DONE, Problem, sink};

/// What a scan may ask of its profile.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ProfileOptions {
    /// Value of an input of the profile; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = input)]
    pub(crate) input: Vec<(String, String)>,
    /// Only checks with this tag; may be repeated
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// No checks with this tag; may be repeated
    #[arg(long, value_name = "TAG")]
    pub(crate) skip_tag: Vec<String>,
    /// Also write what was seen to a file, for `secure-scan profile test`; it holds no secrets
    #[arg(long, value_name = "FILE")]
    pub(crate) save_inventory: Option<PathBuf>,
}

impl ProfileOptions {
    /// The same for the compiler of profiles; the day is today's in UTC.
    pub(crate) fn resolved(&self) -> Options {
        // RFC 3339 in UTC begins with the day.
        let now = jiff::Timestamp::now().to_string();
        Options {
            inputs: self.input.iter().cloned().collect(),
            tags: self.tag.clone(),
            skip_tags: self.skip_tag.clone(),
            today: now.get(..10).map(str::to_owned),
        }
    }
}

fn input(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// An engine that keeps what it judges.
pub(crate) struct Recorder<'a> {
    profile: &'a Profile,
    seen: Mutex<Option<(Inventory, Vec<Section>)>>,
}

impl<'a> Recorder<'a> {
    pub(crate) const fn new(profile: &'a Profile) -> Self {
        Self {
            profile,
            seen: Mutex::new(None),
        }
    }

    /// Writes what was seen, if the user asked for it.
    pub(crate) fn save(
        &self,
        options: &ProfileOptions,
        subject: &str,
        kept: bool,
    ) -> Result<(), Problem> {
        let seen = self.seen.lock().ok().and_then(|mut seen| seen.take());
        let seen = seen.filter(|_| kept);
        match (&options.save_inventory, seen) {
            (None, _) => Ok(()),
            (Some(file), Some((inventory, absent))) => {
                save(file, subject, self.profile.request(), inventory, &absent)
            }
            (Some(file), None) => Err(Problem {
                code: NOT_DONE,
                message: format!("nothing was collected: {} was not written", file.display()),
                hint: Some("see why in the report".into()),
            }),
        }
    }
}

impl ScanEngine for Recorder<'_> {
    fn request(&self) -> InventoryRequest {
        self.profile.request()
    }

    fn evaluate(&self, inventory: &Inventory) -> Findings {
        self.evaluate_without(inventory, &[])
    }

    fn evaluate_without(&self, inventory: &Inventory, absent: &[Section]) -> Findings {
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Some((inventory.clone(), absent.to_vec()));
        }
        self.profile.evaluate_without(inventory, absent)
    }
}

/// Writes a recording.
pub(crate) fn save(
    file: &Path,
    subject: &str,
    request: InventoryRequest,
    inventory: Inventory,
    absent: &[Section],
) -> Result<(), Problem> {
    let recording = Recording {
        schema: SCHEMA.into(),
        subject: subject.to_owned(),
        absent: absent.iter().copied().collect(),
        request,
        inventory,
    };
    sink::write_file(file, "the inventory", &recording.to_json())
}
