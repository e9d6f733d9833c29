//! Progress on standard error: a spinner on a terminal, one line for each stage elsewhere.

use std::{
    fmt::Write,
    io::{self, IsTerminal as _},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use secure_scan::event::{Event, Observer};

use crate::output;

/// A stage that takes this long says how long.
const LONG: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) enum Progress {
    Quiet,
    Lines(Arc<Mutex<Option<Doing>>>),
    /// A spinner, and the last line about a wait.
    Spinner(ProgressBar, Arc<Mutex<String>>),
}

/// The stage that runs, and its start.
#[derive(Debug, Clone)]
pub(crate) struct Doing {
    what: &'static str,
    since: Instant,
}

impl Doing {
    /// The line that reports how long a stage took, if it took long.
    fn ended(&self, now: Instant) -> Option<String> {
        let took = now.duration_since(self.since);
        (took >= LONG).then(|| format!("{}: took {} s", self.what, took.as_secs()))
    }
}

/// The answer to the first signal: what happens now, and how long it may take.
pub(crate) fn stopping(signal: &str, lease: u64) -> String {
    format!(
        "{signal}: stopping, and removing what was created; this takes seconds, and about ten more with level strict. The cluster itself removes everything within {lease} s from now. A second signal ends the wait"
    )
}

/// Writes the time of a stage that takes long.
fn elapsed(state: &ProgressState, out: &mut dyn Write) {
    if state.elapsed() >= LONG {
        let _ = write!(out, "({} s)", state.elapsed().as_secs());
    }
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        if quiet {
            Self::Quiet
        } else if io::stderr().is_terminal() && !output::is_dumb() {
            let spinner = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {msg} {long}");
            if let Ok(style) = style {
                spinner.set_style(style.with_key("long", elapsed));
            }
            spinner.enable_steady_tick(Duration::from_millis(120));
            Self::Spinner(spinner, Arc::default())
        } else {
            Self::Lines(Arc::default())
        }
    }

    fn show(&self, what: &'static str) {
        match self {
            Self::Quiet => {}
            Self::Lines(doing) => {
                let since = Instant::now();
                let next = Doing { what, since };
                let before = lock(doing).replace(next);
                if let Some(ended) = before.and_then(|before| before.ended(since)) {
                    output::note(&ended);
                }
                output::note(what);
            }
            Self::Spinner(spinner, _) => {
                spinner.reset_elapsed();
                spinner.set_message(what);
            }
        }
    }

    /// The line for what is waited for. A spinner counts the seconds itself, so that it needs the same line only once.
    fn waits(&self, seconds: u64, what: &str) -> Option<String> {
        if let Self::Spinner(_, last) = self {
            let before = std::mem::replace(&mut *lock(last), what.to_owned());
            if before == what {
                return None;
            }
        }
        Some(format!("waiting for {seconds} s: {what}"))
    }

    /// Prints a line that stays.
    pub(crate) fn note(&self, text: &str) {
        match self {
            Self::Quiet => {}
            Self::Lines(_) => output::note(text),
            Self::Spinner(spinner, _) => spinner.suspend(|| output::note(text)),
        }
    }

    pub(crate) fn finish(&self) {
        match self {
            Self::Quiet => {}
            Self::Lines(doing) => {
                let last = lock(doing).take();
                if let Some(ended) = last.and_then(|last| last.ended(Instant::now())) {
                    output::note(&ended);
                }
            }
            Self::Spinner(spinner, _) => spinner.finish_and_clear(),
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        match event {
            Event::StageStarted(stage) => self.show(stage.doing()),
            Event::ControlWaits { seconds, what, .. } => {
                if let Some(line) = self.waits(*seconds, what) {
                    self.note(&line);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spinner_says_once_what_is_waited_for_and_a_log_each_time() {
        let spinner = Progress::Spinner(ProgressBar::hidden(), Arc::default());
        let first = spinner.waits(3, "pod a starts");
        assert_eq!(first.as_deref(), Some("waiting for 3 s: pod a starts"));
        assert_eq!(spinner.waits(9, "pod a starts"), None);
        assert!(spinner.waits(21, "pod a pulls").is_some());
        let lines = Progress::Lines(Arc::default());
        assert!(lines.waits(3, "pod a starts").is_some());
        assert!(lines.waits(9, "pod a starts").is_some());
    }

    #[test]
    fn only_a_long_stage_says_how_long_it_took() {
        let since = Instant::now();
        let doing = Doing {
            what: "reading",
            since,
        };
        assert_eq!(doing.ended(since + Duration::from_millis(4999)), None);
        let long = doing.ended(since + Duration::from_millis(12_900));
        assert_eq!(long.as_deref(), Some("reading: took 12 s"));
    }
}
