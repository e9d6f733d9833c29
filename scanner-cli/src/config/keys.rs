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

/// In the table of a command alone: they mean something else for each, or choose how it scans.
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

/// Options that say how something is done that another one asks for: where a command has one of these and none is given, an entry of
/// a file has nothing to say to it.
const SAYS_HOW: [(&str, [&str; 2]); 1] = [("helper-namespace", ["complete-from-image", "inert"])];

/// The options of which one must be given for this one to mean anything.
pub(super) fn asked_by(option: &str) -> &'static [&'static str] {
    let mut all = SAYS_HOW.iter();
    all.find(|(how, _)| *how == option)
        .map_or(&[], |(_, asked_by)| asked_by)
}

/// They name what is secret, or give it away.
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
