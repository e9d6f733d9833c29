//! Which options a file may have: each long option of the program is in one of these lists.

/// For all commands that have them, above the first table, or in the table of a command.
const SHARED: [&str; 30] = [
    "annotation",
    "answer-limit",
    "canary",
    "color",
    "complete-from-image",
    "context",
    "fail-on",
    "helper-namespace",
    "identify",
    "identity-namespace",
    "idle-timeout",
    "input",
    "label",
    "lease",
    "level",
    "namespace",
    "no-try-image",
    "policy",
    "probe-image",
    "probe-resources",
    "profile",
    "quiet",
    "require-complete",
    "require-isolation",
    "skip-tag",
    "system-roots",
    "tag",
    "threshold",
    "verbose",
    "waivers",
];

/// Only in the table of a command: they mean something else for each, or choose how it scans.
const OF_ONE: [&str; 16] = [
    "as-nobody",
    "as-root",
    "attached",
    "format",
    "full",
    "grace",
    "inert",
    "name",
    "namespace-selector",
    "no-residue",
    "output",
    "pod-security",
    "pull",
    "same-node",
    "timeout",
    "via",
];

/// What must hold in a command line for an option of the file to mean anything there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Needs {
    /// An option without a value is given, or the file switches it on.
    Switch(&'static str),
    /// An option has this value, which may be its default.
    Value(&'static str, &'static str),
}

impl Needs {
    /// The option that is needed.
    pub(super) const fn option(self) -> &'static str {
        match self {
            Self::Switch(option) | Self::Value(option, _) => option,
        }
    }
}

/// Options that have an effect only with one of several others. A command that has none of these others always takes the option.
const NEEDS: [(&str, &[Needs]); 3] = [
    (
        "helper-namespace",
        &[
            Needs::Switch("complete-from-image"),
            Needs::Switch("inert"),
            Needs::Value("strategy", "drift"),
        ],
    ),
    (
        "complete-from-image",
        &[
            Needs::Value("strategy", "scan"),
            Needs::Value("strategy", "container"),
            Needs::Value("strategy", "distroless"),
        ],
    ),
    (
        "no-try-image",
        &[
            Needs::Value("strategy", "scan"),
            Needs::Value("strategy", "distroless"),
            Needs::Value("strategy", "drift"),
        ],
    ),
];

/// Of these, one must hold for an option of the file to have an effect; empty if it always has one.
pub(super) fn needs(option: &str) -> &'static [Needs] {
    let mut all = NEEDS.iter();
    all.find(|(name, _)| *name == option)
        .map_or(&[], |(_, needs)| needs)
}

/// Options that name a secret or give one away.
const SECRET: [&str; 4] = ["audit-key", "kubeconfig", "pull-secret", "with-secrets"];

/// Where an option may stand in the file, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Shared,
    OfOne,
    Secret,
    /// About one target or one run.
    OneRun,
}

impl Kind {
    /// Whether a file may have the option at all.
    pub(super) const fn may_be_in_a_file(self) -> bool {
        matches!(self, Self::Shared | Self::OfOne)
    }
}

pub(super) fn kind(option: &str) -> Kind {
    if SHARED.contains(&option) {
        Kind::Shared
    } else if OF_ONE.contains(&option) {
        Kind::OfOne
    } else if SECRET.contains(&option) {
        Kind::Secret
    } else {
        Kind::OneRun
    }
}

/// Commands that read no file: they print the same on every machine, or are about the file.
pub(super) const WITHOUT: [&str; 5] = ["__complete", "completions", "config", "help", "man"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Command;

    use super::*;

    /// Options that are about one target or one run.
    const ONE_RUN: [&str; 34] = [
        "all-namespaces",
        "allow-any-command",
        "allow-get-pod",
        "allow-tty",
        "apiserver-log",
        "audit-log",
        "certificate-identity",
        "certificate-oidc-issuer",
        "check",
        "config",
        "container",
        "dry-run",
        "exec",
        "exec-json",
        "expect-digest",
        "filename",
        "help",
        "key",
        "no-config",
        "oci-archive",
        "pid",
        "pod",
        "report",
        "root",
        "save-inventory",
        "selector",
        "signature-bundle",
        "signature-key",
        "signature-trusted-root",
        "strategy",
        "times",
        "user",
        "version",
        "with-config",
    ];

    fn options(command: &Command, all: &mut BTreeSet<String>) {
        all.extend(
            command
                .get_arguments()
                .filter_map(|a| a.get_long())
                .map(str::to_owned),
        );
        command.get_subcommands().for_each(|c| options(c, all));
    }

    #[test]
    fn every_option_is_in_one_list() {
        let mut all = BTreeSet::new();
        options(&crate::cli::command(None), &mut all);
        let known = |option: &str| {
            let lists = [&SHARED[..], &OF_ONE, &SECRET, &ONE_RUN];
            lists.iter().filter(|list| list.contains(&option)).count()
        };
        for option in &all {
            assert_eq!(known(option), 1, "{option}");
        }
        for option in SHARED.iter().chain(&OF_ONE).chain(&SECRET) {
            assert!(all.contains(*option), "there is no --{option}");
        }
    }
}
