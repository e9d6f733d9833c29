//! A profile evaluated file by file, so that memory does not grow with the number of files.

use scanner_core::{
    engine::{EntryEvaluator, Evaluation},
    finding::{CheckResult, Findings},
    inventory::{Collected, FileEntry, Inventory, Section, sink::FilesEnd},
};

use super::{
    classify::decided,
    entry::Entry,
    list::evaluate,
    seen::Seen,
    streamed::Streamed,
    values::{Values, variables},
};
use crate::{
    check::Check,
    expression::Budget,
    inputs::Input,
    profile::Profile,
    reachability::{self, Reachability},
};

/// Most files that are kept for all checks of a profile that need a list.
pub(crate) const MAX_LISTED: usize = 100_000;
/// About how many bytes of them.
const MAX_LISTED_BYTES: usize = 64 << 20;

/// One evaluation of a profile, file by file.
pub(crate) struct Entries {
    profile: Profile,
    context: Evaluation,
    /// State of each check; empty before the sections came.
    checks: Vec<State>,
    /// Every section but the files.
    inventory: Inventory,
    values: Option<Values>,
    seen: Seen,
    /// The files that checks with a list select.
    listed: Vec<FileEntry>,
    /// Bytes of them.
    kept: usize,
    max_listed: usize,
    budget: Budget,
    /// A setuid or setgid program.
    setuid: Option<FileEntry>,
}

enum State {
    Done(Box<CheckResult>),
    Streamed(Box<Streamed>),
    /// It needs its files as a list; whether one was left out.
    Listed {
        cut: bool,
    },
}

impl Entries {
    pub(crate) fn new(profile: Profile, context: Evaluation) -> Self {
        Self {
            profile,
            context,
            checks: Vec::new(),
            inventory: Inventory::default(),
            values: None,
            seen: Seen::default(),
            listed: Vec::new(),
            kept: 0,
            max_listed: MAX_LISTED,
            budget: Budget::BY_FILE,
            setuid: None,
        }
    }

    /// The same with another limit for lists.
    #[cfg(test)]
    pub(super) const fn keeping(mut self, max_listed: usize) -> Self {
        self.max_listed = max_listed;
        self
    }

    /// The same with another budget for each check.
    #[cfg(test)]
    pub(super) const fn costing(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    fn state(&self, check: &Check, values: &Values) -> State {
        let done = |result| State::Done(Box::new(result));
        if let Some(result) = Profile::absent(check, &self.context) {
            return done(result);
        }
        let unset = self.profile.unset(check);
        if let Some(result) = decided(check, &unset) {
            return done(result);
        }
        if !check.sections.contains(&Section::Files) {
            let reach = Reachability::default();
            return done(evaluate(check, &unset, &self.inventory, values, &reach));
        }
        let variables = variables(check, &self.inventory, values);
        let streamed = Streamed::new(check, &variables, self.budget);
        streamed.map_or(State::Listed { cut: false }, |streamed| {
            State::Streamed(Box::new(streamed))
        })
    }

    fn start(&mut self) -> Values {
        let today = Input::day(self.context.today);
        let values = Values::new(&self.inventory, &self.profile.inputs, &today);
        let checks = self.profile.checks.iter();
        self.checks = checks.map(|check| self.state(check, &values)).collect();
        values
    }
}

impl EntryEvaluator for Entries {
    fn sections(&mut self, inventory: &Inventory) {
        self.inventory = inventory.clone();
        self.inventory.files = Collected::NotRequested;
        let values = self.start();
        self.values = Some(values);
    }

    fn file(&mut self, file: &FileEntry) {
        if self.setuid.is_none() && reachability::is_setuid(file) {
            self.setuid = Some(file.clone());
        }
        let mut entry = Entry::new(file);
        let mut keep = false;
        let room = self.listed.len() < self.max_listed && self.kept < MAX_LISTED_BYTES;
        let checks = self.profile.checks.iter().zip(&mut self.checks);
        for (number, (check, state)) in checks.enumerate() {
            match state {
                State::Done(_) => {}
                State::Streamed(streamed) => {
                    streamed.file(check, number, &mut entry, &mut self.seen);
                }
                State::Listed { cut } => {
                    if check.files.iter().any(|s| s.matches(file)) {
                        *cut |= !room;
                        keep |= room;
                    }
                }
            }
        }
        if keep {
            self.kept += file.weight();
            self.listed.push(file.clone());
        }
    }

    fn finish(mut self: Box<Self>, files: &FilesEnd) -> Findings {
        let values = self.values.take();
        let values = values.unwrap_or_else(|| self.start());
        let mut inventory = std::mem::take(&mut self.inventory);
        inventory.files_listed = files.listed;
        if files.from_image.is_some() {
            inventory.from_image.clone_from(&files.from_image);
        }
        inventory.files = files
            .coverage
            .clone()
            .with(std::mem::take(&mut self.listed));
        let looked_for = inventory.coverage_of(&[reachability::setuid_programs()]);
        let reach = Reachability::new(&inventory, &self.context.absent)
            .with_files(self.setuid.as_ref(), &looked_for);
        let checks = self
            .profile
            .checks
            .iter()
            .zip(std::mem::take(&mut self.checks));
        let results = checks.map(|(check, state)| match state {
            State::Done(result) => *result,
            State::Streamed(streamed) => streamed.end(check, &inventory, files, &reach),
            State::Listed { cut: false } => {
                let unset = self.profile.unset(check);
                evaluate(check, &unset, &inventory, &values, &reach)
            }
            State::Listed { cut: true } => check.result().error(format!(
                "the check needs its files as a list, and the target has more than {}, or longer names than are kept: select fewer files, or go \
                 through them once, as in files.filter(f, ...).map(f, ...)",
                self.max_listed
            )),
        });
        let results = results.collect();
        self.profile.findings(results, &self.context)
    }
}
