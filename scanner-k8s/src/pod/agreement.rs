//! Whether an agent in a target agrees with what the node and the specification state about that target.

use std::sync::{Arc, Mutex, PoisonError};

use scanner_core::{
    SecurityAlert,
    escape::visible,
    inventory::{Collected, Inventory, InventoryRequest, Process, Section},
};

use super::stated::Stated;

/// Processes that are named at most.
const NAMED: usize = 20;
/// Filesystems in memory, which no container runtime gives a container for its root.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// Who answers for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Witness {
    /// An exec into the target: it runs as the container does, in the namespaces of its first process.
    Exec,
    /// A probe beside it, which reads a process that may have changed its user and its environment.
    Probe,
}

impl Witness {
    /// The request to a running target: what the engines read, what changed meanwhile, and what can be compared.
    pub(crate) fn asked(self, request: &InventoryRequest) -> InventoryRequest {
        let mut asked = request.comparing();
        asked.sections.extend(self.sections());
        asked
    }

    /// Sections that are compared.
    const fn sections(self) -> &'static [Section] {
        match self {
            Self::Exec => &[
                Section::Identity,
                Section::Processes,
                Section::Mounts,
                Section::Env,
            ],
            Self::Probe => &[Section::Processes],
        }
    }

    /// What is compared, for a plan.
    pub(crate) const fn compares(self) -> &'static str {
        match self {
            Self::Exec => {
                "user, capabilities, privileges, variables, namespaces and root with what the node and the specification say"
            }
            Self::Probe => "namespaces and root of each process with those of the probe",
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Contradictions.
    pub alerts: Vec<SecurityAlert>,
    /// What was compared, and processes that left the container.
    pub notes: Vec<String>,
}

/// The comparison of one scan's agent with what is stated about the target.
#[derive(Debug)]
pub(crate) struct Agreement {
    witness: Witness,
    stated: Stated,
    found: Mutex<Option<Found>>,
}

impl Agreement {
    /// Nothing was compared yet.
    pub(crate) fn new(witness: Witness, stated: Stated) -> Arc<Self> {
        Arc::new(Self {
            witness,
            stated,
            found: Mutex::default(),
        })
    }

    /// Who answers.
    pub(crate) const fn witness(&self) -> Witness {
        self.witness
    }

    /// What was found so far; `None` where nothing answered.
    pub(crate) fn found(&self) -> Option<Found> {
        self.found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Records that a probe saw no process in the container; `why` is its own message.
    pub(crate) fn all_left(&self, why: &str) {
        let mut found = Found::default();
        found.alerts.push(left(visible(why, 400)));
        self.keep(found);
    }

    /// Compares what an agent says of itself and of the processes.
    pub(crate) fn compare(&self, inventory: &Inventory) {
        let mut found = Found::default();
        if self.witness == Witness::Exec {
            self.user(inventory, &mut found);
            self.environment(inventory, &mut found);
            root(inventory, &mut found);
        }
        self.namespaces(inventory, &mut found);
        self.keep(found);
    }

    fn keep(&self, found: Found) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    fn user(&self, inventory: &Inventory, found: &mut Found) {
        let Some(seen) = read(&inventory.identity, "the user of the exec", found) else {
            return;
        };
        match (self.stated.other_user(seen), self.stated.user()) {
            (Some(why), _) => found.alerts.push(
                SecurityAlert::new("contradicts-user", why)
                    .evidence("a container runtime runs every exec as the container's own user"),
            ),
            (None, Some(user)) => found.notes.push(format!("the agent runs as {user}")),
            (None, None) => found
                .notes
                .push("nobody states as which user the container runs".into()),
        }
        for why in self.stated.too_weak(seen) {
            found.alerts.push(
                SecurityAlert::new("contradicts-privileges", why).evidence(
                    "a container runtime gives every exec the container's own privileges",
                ),
            );
        }
        let undropped = self.stated.undropped(seen);
        if !undropped.is_empty() {
            let names = visible(&undropped.join(", "), 300);
            found.alerts.push(SecurityAlert::new(
                "contradicts-capabilities",
                format!("the specification drops capabilities that the agent says it could have: {names}"),
            ));
        }
    }

    fn environment(&self, inventory: &Inventory, found: &mut Found) {
        // Where parts of it could not be read, what is missing may be among them; it is a gap then.
        let Collected::Complete { data } = &inventory.env else {
            read(&inventory.env, "the environment of the exec", found);
            return;
        };
        let unset = self.stated.unset(data);
        if unset.is_empty() {
            found.notes.push(
                "the environment has every variable that the specification sets by name".into(),
            );
            return;
        }
        let names = visible(&unset.join(", "), 300);
        found.alerts.push(
            SecurityAlert::new(
                "contradicts-environment",
                format!("the specification sets variables that are missing in the environment of the agent: {names}"),
            )
            .evidence("a container runtime gives every exec the container's own environment"),
        );
    }

    fn namespaces(&self, inventory: &Inventory, found: &mut Found) {
        let Some(all) = read(&inventory.processes, "the processes", found) else {
            return;
        };
        let elsewhere: Vec<&Process> = all
            .iter()
            .filter(|p| p.other_namespaces == Some(true))
            .collect();
        let exec = self.witness == Witness::Exec;
        // In a shared process namespace, an exec sees processes of the other containers too, which are in other mount
        // namespaces.
        if exec && !self.stated.has_own_processes() {
            found.notes.push(
                "the processes are not compared: those of other containers are among them".into(),
            );
            return;
        }
        if let Some(first) = elsewhere.iter().find(|p| exec && p.pid == 1) {
            found.alerts.push(left(format!(
                "the first process, {}, is in another user or mount namespace than an exec into its container",
                named(first)
            )));
        }
        if !elsewhere.is_empty() {
            let more = elsewhere.len().saturating_sub(NAMED);
            let names: Vec<String> = elsewhere.iter().take(NAMED).map(|p| named(p)).collect();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            found.notes.push(format!(
                "processes that left the container's namespaces, and whose root was not read: {}{more}",
                names.join(", ")
            ));
        }
        let unknown = all.iter().filter(|p| p.other_namespaces.is_none()).count();
        if unknown > 0 {
            found.notes.push(format!(
                "{unknown} of {} processes do not show what namespaces they are in",
                all.len()
            ));
        }
    }
}

fn left(message: String) -> SecurityAlert {
    SecurityAlert::new("target-left-its-container", message)
        .evidence("a process chose another root or namespace than its container's: what it shows there is its own")
}

fn named(process: &Process) -> String {
    format!("{} ({})", process.pid, visible(&process.name, 20))
}

/// What is mounted at the root of an exec.
fn root(inventory: &Inventory, found: &mut Found) {
    let Some(all) = read(&inventory.mounts, "the mounts", found) else {
        return;
    };
    // Of several mounts at one place the last one is seen.
    let last = all.iter().rfind(|mount| mount.target == "/");
    match last {
        Some(root) if IN_MEMORY.contains(&root.fstype.as_str()) => found.alerts.push(SecurityAlert::new(
            "contradicts-root",
            format!(
                "the root of the agent is a filesystem in memory ({}), which no container runtime gives a container",
                root.fstype
            ),
        )),
        Some(root) => found.notes.push(format!("the root is of type {}", visible(&root.fstype, 40))),
        None => {}
    }
}

/// What was read of a section, also where it is not all; notes where nothing was.
fn read<'a, T>(section: &'a Collected<T>, what: &str, found: &mut Found) -> Option<&'a T> {
    match section {
        Collected::Complete { data } | Collected::Partial { data, .. } => Some(data),
        Collected::Unavailable { reason } => {
            let reason = visible(reason, 200);
            found.notes.push(format!("not compared: {what} ({reason})"));
            None
        }
        Collected::NotRequested => {
            found.notes.push(format!("not compared: {what}"));
            None
        }
    }
}

#[cfg(test)]
mod tests;
