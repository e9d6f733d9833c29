//! Progress on standard error: a spinner on a terminal, one line for each stage elsewhere.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use indicatif::ProgressBar;
use secure_scan::event::{Event, Observer};

use crate::output;

#[derive(Clone)]
pub(crate) enum Progress {
    Quiet,
    Lines,
    Spinner(ProgressBar),
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        if quiet {
            Self::Quiet
        } else if io::stderr().is_terminal() && !output::is_dumb() {
            let spinner = ProgressBar::new_spinner();
            spinner.enable_steady_tick(Duration::from_millis(120));
            Self::Spinner(spinner)
        } else {
            Self::Lines
        }
    }

    fn show(&self, text: &str) {
        match self {
            Self::Quiet => {}
            Self::Lines => output::note(text),
            Self::Spinner(spinner) => spinner.set_message(text.to_owned()),
        }
    }

    /// Prints what stays to be read.
    pub(crate) fn note(&self, text: &str) {
        match self {
            Self::Quiet => {}
            Self::Lines => output::note(text),
            Self::Spinner(spinner) => spinner.suspend(|| output::note(text)),
        }
    }

    pub(crate) fn finish(&self) {
        if let Self::Spinner(spinner) = self {
            spinner.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        match event {
            Event::StageStarted(stage) => self.show(stage.doing()),
            Event::Interrupted { reason } => {
                self.show(&format!(
                    "{reason}: stopping, and removing what the scan created"
                ));
            }
            _ => {}
        }
    }
}
