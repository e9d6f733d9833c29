//! Options of scans that concern their profile, and recording what a scan saw.

use std::path::PathBuf;

use clap::Args;
use secure_scan::profiles::{profile::Options, recording::Recording};

use crate::{
    problem::{NOT_DONE, Problem},
    sink,
};

/// The options of a scan for its profile.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ProfileOptions {
    /// Value of an input of the profile, such as `max_users=20`; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = input)]
    pub(crate) input: Vec<(String, String)>,
    /// Run only checks with this tag; may be repeated
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// Skip checks with this tag; may be repeated
    #[arg(long, value_name = "TAG")]
    pub(crate) skip_tag: Vec<String>,
    /// Also write the collected data to a file, for `secure-scan profile test`; it contains no secrets
    #[arg(long, value_name = "FILE")]
    pub(crate) save_inventory: Option<PathBuf>,
}

impl ProfileOptions {
    /// The same for the compiler of profiles.
    pub(crate) fn resolved(&self) -> Options {
        let mut options = Options::default();
        options.inputs = self.input.iter().cloned().collect();
        options.tags.clone_from(&self.tag);
        options.skip_tags.clone_from(&self.skip_tag);
        options
    }
}

fn input(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Writes the evaluated data to a file, if the user asked for that.
pub(crate) fn save(options: &ProfileOptions, seen: Option<Recording>) -> Result<(), Problem> {
    match (&options.save_inventory, seen) {
        (None, _) => Ok(()),
        (Some(file), Some(recording)) => {
            sink::write_file(file, "the inventory", &recording.to_json())
        }
        (Some(file), None) => Err(Problem {
            code: NOT_DONE,
            message: format!("nothing was collected: {} was not written", file.display()),
            hint: Some("the report says why".into()),
        }),
    }
}
