//! Examples in the long help of each command.

use std::fmt::Write as _;

use clap::Command;

/// Words of a command, and examples of it.
type Examples = (&'static str, &'static [&'static str]);

/// Examples of every command that can be run.
const ALL: [Examples; 34] = [
    (
        "scan",
        &[
            "secure-scan scan web-0 -n shop",
            "secure-scan scan deploy/web -n shop --probe-image IMAGE",
            "secure-scan scan web-0 -n shop --probe-image IMAGE --dry-run",
        ],
    ),
    (
        "container",
        &[
            "secure-scan container web-0 -n shop",
            "secure-scan container -l app=web -n shop -c nginx --fail-on medium",
            "secure-scan container web-0 -n shop -o terminal -o json=report.json -o sarif=report.sarif",
            "secure-scan container web-0 -n shop --complete-from-image --probe-image IMAGE",
        ],
    ),
    (
        "distroless",
        &[
            "secure-scan distroless web-0 -n shop --probe-image IMAGE",
            "secure-scan distroless web-0 -n shop --probe-image IMAGE --level strict --identity-namespace scans",
        ],
    ),
    (
        "sidecar",
        &[
            "secure-scan sidecar web-0 -n shop --probe-image IMAGE --require-isolation",
            "secure-scan sidecar web-0 -n shop --probe-image IMAGE --inert --same-node",
            "secure-scan sidecar web-0 -n shop --attached",
        ],
    ),
    (
        "image",
        &[
            "secure-scan image registry.example/app:1.2 -n shop --probe-image IMAGE --pull always",
            "secure-scan image registry.example/app:1.2 -n shop --probe-image IMAGE -p sbom -o cyclonedx=sbom.json",
        ],
    ),
    (
        "local",
        &[
            "secure-scan local --oci-archive image.tar --fail-on medium",
            "secure-scan local --root /srv/rootfs -p ours.yaml",
            "secure-scan local --pid 4711",
        ],
    ),
    (
        "credential exec",
        &[
            "secure-scan credential exec -n shop --pod web-0 --exec 'id -u' -- kubectl exec web-0 -- id -u",
            "secure-scan credential exec -n shop --pod web-0 --allow-any-command=200 -- my-scanner",
        ],
    ),
    (
        "reap",
        &[
            "secure-scan reap -n shop --dry-run",
            "secure-scan reap --all-namespaces",
        ],
    ),
    (
        "audit verify",
        &[
            "secure-scan audit verify scan.jsonl --report report.json",
            "secure-scan audit verify scan.jsonl --key public.pem",
        ],
    ),
    (
        "audit reconcile",
        &["secure-scan audit reconcile scan.jsonl --report report.json --apiserver-log audit.log"],
    ),
    (
        "drift",
        &[
            "secure-scan drift web-0 -n shop --probe-image IMAGE",
            "secure-scan drift web-0 -n shop --probe-image IMAGE --via container --full",
        ],
    ),
    (
        "inject",
        &[
            "secure-scan inject -f web.yaml --probe-image IMAGE > web-scanned.yaml",
            "secure-scan inject -f web.yaml --probe-image IMAGE -c web --user 65532:65532",
        ],
    ),
    (
        "rights",
        &[
            "secure-scan rights --strategy distroless -n shop | kubectl apply -f -",
            "secure-scan rights --strategy distroless -n shop --check",
        ],
    ),
    (
        "explain",
        &[
            "secure-scan explain web-0 -n shop",
            "secure-scan explain deploy/web -n shop -c web --probe-image IMAGE --identity-namespace scans",
        ],
    ),
    (
        "guard render",
        &[
            "secure-scan guard render | kubectl apply -f -",
            "secure-scan guard render --namespace-selector team=shop --identity-namespace scans",
        ],
    ),
    (
        "guard status",
        &[
            "secure-scan guard status",
            "secure-scan guard status --namespace-selector team=shop",
        ],
    ),
    (
        "guard test",
        &[
            "secure-scan guard test web-0 -n shop",
            "secure-scan guard test deploy/web -n shop --identity-namespace scans",
        ],
    ),
    (
        "controls",
        &["secure-scan controls", "secure-scan controls --format json"],
    ),
    ("policy list", &["secure-scan policy list"]),
    (
        "policy show",
        &["secure-scan policy show strict > own.yaml"],
    ),
    ("policy check", &["secure-scan policy check own.yaml"]),
    (
        "policy explain",
        &[
            "secure-scan policy explain strict",
            "secure-scan policy explain own.yaml",
        ],
    ),
    ("profile list", &["secure-scan profile list"]),
    (
        "profile show",
        &["secure-scan profile show container-baseline > ours.yaml"],
    ),
    ("profile check", &["secure-scan profile check ours.yaml"]),
    (
        "profile explain",
        &[
            "secure-scan profile explain container-baseline",
            "secure-scan profile explain container-baseline setuid-files",
        ],
    ),
    ("profile test", &["secure-scan profile test tests.yaml"]),
    (
        "profile schema",
        &["secure-scan profile schema > profile.schema.json"],
    ),
    (
        "report convert",
        &[
            "secure-scan report convert report.json -o html=report.html -o sarif=report.sarif",
            "secure-scan report convert report.json -o policyreport | kubectl apply --server-side -f -",
        ],
    ),
    (
        "report diff",
        &[
            "secure-scan report diff last-week.json today.json",
            "secure-scan report diff last-week.json today.json -o markdown=changes.md",
        ],
    ),
    (
        "config show",
        &[
            "secure-scan config show",
            "secure-scan config show container",
            "secure-scan config show container -- --lease 90s",
        ],
    ),
    ("config path", &["secure-scan config path"]),
    (
        "completions",
        &[
            "source <(secure-scan completions bash)",
            "source <(secure-scan completions zsh)",
            "secure-scan completions fish | source",
        ],
    ),
    ("man", &["secure-scan man /usr/local/share/man/man1"]),
];

/// The command line with examples of each command in its long help, before its exit codes. `program` is how users call it.
pub(super) fn with_examples(command: Command, program: &str) -> Command {
    below(command, "", program)
}

fn below(command: Command, words: &str, program: &str) -> Command {
    command.mut_subcommands(|command| {
        let words = format!("{words} {}", command.get_name());
        let words = words.trim_start();
        let command = below(command, words, program);
        let Some((_, examples)) = ALL.iter().find(|(named, _)| *named == words) else {
            return command;
        };
        let mut help = String::from("Examples:");
        for example in *examples {
            let example = example.replace("secure-scan ", &format!("{program} "));
            let _ = write!(help, "\n  {example}");
        }
        if let Some(codes) = command.get_after_long_help() {
            let _ = write!(help, "\n\n{codes}");
        }
        command.after_long_help(help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{command, documented};

    /// The words of every command that can be run and is shown.
    fn leaves(command: &Command, words: &str, found: &mut Vec<String>) {
        for below in command.get_subcommands().filter(|c| !c.is_hide_set()) {
            let words = format!("{words} {}", below.get_name());
            let words = words.trim_start();
            if below.has_subcommands() {
                leaves(below, words, found);
            } else {
                found.push(words.to_owned());
            }
        }
    }

    #[test]
    fn every_command_has_examples_in_its_help_and_each_is_taken() {
        let mut commands = Vec::new();
        leaves(&command(None), "", &mut commands);
        assert_eq!(commands.len(), ALL.len(), "{commands:?}");
        for words in commands {
            let (_, examples) = ALL
                .iter()
                .find(|(named, _)| *named == words)
                .unwrap_or_else(|| panic!("{words} has no examples"));
            assert!(!examples.is_empty(), "{words}");
            for example in *examples {
                let own = format!("secure-scan {words}");
                assert!(example.contains(&own), "{example} is not of {own}");
                // What a shell reads from a command stands in brackets.
                let line = format!("    {}", example.replace("<(", "; ").replace(')', ""));
                assert_eq!(documented::wrong(&line), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn examples_name_the_program_as_the_user_called_it() {
        let plugin = with_examples(
            Command::new("p").subcommand(Command::new("reap")),
            "kubectl secure-scan",
        );
        let help = plugin
            .find_subcommand("reap")
            .unwrap()
            .get_after_long_help();
        let help = help.unwrap().to_string();
        assert!(
            help.contains("\n  kubectl secure-scan reap -n shop --dry-run"),
            "{help}"
        );
        assert!(!help.contains("\n  secure-scan"), "{help}");
    }
}
