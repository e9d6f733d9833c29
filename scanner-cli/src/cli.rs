//! The command line: commands, examples and exit codes.

use std::{ffi::OsStr, path::Path};

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{
    args::{AutoArgs, ContainerArgs, DistrolessArgs, LocalArgs},
    audit::AuditCommand,
    completion::{CompleteArgs, CompletionsArgs},
    config::{ConfigArgs, ConfigCommand},
    controls::ControlsArgs,
    credential::CredentialCommand,
    drift::DriftArgs,
    explain::ExplainArgs,
    guard::GuardCommand,
    inject::InjectArgs,
    man::ManArgs,
    policy::PolicyCommand,
    profile::ProfileCommand,
    reap::ReapArgs,
    report::ReportCommand,
    rights::RightsArgs,
    sidecar::{ImageArgs, SidecarArgs},
};

const EXIT_CODES: &str = "Exit codes:
  0  passed: every applicable check ran, and none failed at --fail-on (high by default) or above; what failed below it is a warning
  1  findings: every applicable check ran, and at least one failed at --fail-on or above
  2  wrong usage, or something that was named (profile, kubeconfig, file) cannot be used
  3  the scan could not be done, a check was not done (whatever others found), or no check applies
  4  a gate refused the target before it was touched, or a control raised a security alert
  5  the cleanup was not verified: something may be left in the cluster";

const EXAMPLES: &str = "Examples:
  secure-scan explain web-0 -n shop
  secure-scan scan web-0 -n shop --probe-image IMAGE
  secure-scan container web-0 -n shop
  secure-scan container -l app=web -n shop -c nginx --fail-on medium
  secure-scan container web-0 -n shop --complete-from-image --probe-image IMAGE
  secure-scan container web-0 -n shop --dry-run
  secure-scan container web-0 -n shop -o terminal -o json=report.json -o html=report.html
  secure-scan report convert report.json -o sarif=report.sarif
  secure-scan local --oci-archive image.tar --fail-on medium
  secure-scan profile list
  secure-scan config show container";

/// Security scans of running containers that leave nothing behind
#[derive(Debug, Parser)]
#[command(name = "secure-scan", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct Cli {
    #[command(flatten)]
    _config: ConfigArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How kubectl's users call the plugin.
const PLUGIN: &str = "kubectl secure-scan";

/// The command line, in the words of whoever called it: as a plugin of kubectl where the program has the name of one.
pub(crate) fn command(program: Option<&OsStr>) -> clap::Command {
    let command = Cli::command();
    let name = program.and_then(|program| Path::new(program).file_name());
    if name.is_none_or(|name| name != "kubectl-secure_scan") {
        return command;
    }
    let examples = EXAMPLES.replace("secure-scan ", &format!("{PLUGIN} "));
    command
        .bin_name(PLUGIN)
        .after_long_help(format!("{examples}\n\n{EXIT_CODES}"))
        .after_help(examples)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan a running container by the least intrusive strategy that works, and say why
    ///
    /// First as `container`, which leaves nothing in the pod. Where the target turns out to have
    /// no shell, everything that this try created is removed and confirmed deleted. Then the target
    /// is scanned as by `distroless`, if an image of the probe is named.
    #[command(after_long_help = EXIT_CODES)]
    Scan(Box<AutoArgs>),
    /// Scan a running container that has a shell, by one exec into it
    ///
    /// Creates an identity that may exec into this one pod and nothing else, uses its token once,
    /// looks with a read-only script on standard input, removes everything that it created, and
    /// verifies that it is gone. Should this program be killed, the cluster removes all of it when
    /// the lease ends.
    #[command(after_long_help = EXIT_CODES)]
    Container(Box<ContainerArgs>),
    /// Scan a running container that has no shell, by a probe in an ephemeral container beside it
    ///
    /// The probe runs with the weakest security context that can see the target: its own user
    /// without capabilities where the target is not root. It ends by itself. Kubernetes keeps the
    /// entry of an ephemeral container in the pod's specification until the pod is deleted; the
    /// report says so.
    #[command(after_long_help = EXIT_CODES)]
    Distroless(Box<DistrolessArgs>),
    /// Scan an isolated copy of a running container, which leaves nothing in its pod
    ///
    /// Starts a clone of the container (same image by its running digest, command, user and
    /// resources; without its labels, token, secrets, volumes and network) and reads it with a
    /// probe beside it; with --inert it reads the image alone and runs none of its code. The
    /// report names every difference. Before any of it starts, a canary in the pod tests
    /// whether the cluster enforces the network isolation. With --attached it starts nothing, and
    /// reads the container from the sidecar that `secure-scan inject` added to its workload.
    #[command(after_long_help = EXIT_CODES)]
    Sidecar(Box<SidecarArgs>),
    /// Scan an image that runs nowhere yet, mounted read-only; none of its code runs
    ///
    /// In a pod of its own without network, in the namespace of -n or of the context.
    #[command(after_long_help = EXIT_CODES)]
    Image(Box<ImageArgs>),
    /// Scan a directory, an image in a file, or a process of this machine; needs no cluster
    ///
    /// For trying profiles, and for images in CI. Checks of what is not
    /// there (a pod; for a directory also processes) do not apply.
    #[command(after_long_help = EXIT_CODES)]
    Local(LocalArgs),
    /// Run a program with a short-lived kubeconfig for one pod
    #[command(subcommand)]
    Credential(CredentialCommand),
    /// Remove what expired scans left, where the cluster did not
    ///
    /// Never touches a scan that may still run, nor what carries the label and is not what a scan makes.
    /// Exit codes: 0 nothing of an expired scan is left, 3 something could not be listed, 5 something
    /// could not be removed, 128+n ended by signal n (130 by INT, 143 by TERM, 129 by HUP).
    Reap(ReapArgs),
    /// Check an audit log, and match it with the API server's own
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Compare a running container with its own image: files added, changed and removed
    ///
    /// First the image that the node runs is read as by `sidecar --inert`, and nothing of it runs. Then
    /// the container is read. What its user may not read counts as its image where no process of the pod
    /// can change that. `drift` has checks of its own and takes no profile.
    #[command(after_long_help = EXIT_CODES)]
    Drift(Box<DriftArgs>),
    /// Print a manifest with the hardened sidecar added, for those who deploy it with their workload
    ///
    /// Only adds: comments, order and formatting stay, and the result is held against the original
    /// before it is printed. Every pod, deployment, stateful set, daemon set, replica set, job
    /// and cron job gets the sidecar; everything else in the file stays. Needs no cluster.
    Inject(InjectArgs),
    /// Print the Role that an operator needs, or list the rights that you do not have
    ///
    /// Prints a Role for the namespace of the targets. With --identity-namespace it also prints one for that namespace. An
    /// administrator applies them and binds them to those who scan.
    #[command(after_long_help = crate::rights::CODES)]
    Rights(RightsArgs),
    /// Explain how a container can be scanned, and which command suits each level; writes nothing
    ///
    /// For each strategy: what it could see, what it needs and which rights you do not have, what it leaves behind, and which
    /// controls would hold. For each level: what `scan` would do, which gates refuse, and the command. Asks the API server only
    /// for what it has and for reviews of rights.
    #[command(after_long_help = crate::explain::CODES)]
    Explain(ExplainArgs),
    /// Admission policies that limit scan identities further than RBAC can
    #[command(subcommand)]
    Guard(GuardCommand),
    /// List the controls that surround scans: what each proves, which scans have it, and which levels require it
    Controls(ControlsArgs),
    /// List, show, check and explain policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// List, show, check, explain and test profiles
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Write a saved report in other forms, and show what changed between two
    #[command(subcommand)]
    Report(ReportCommand),
    /// Show the options of a command and where each comes from: flag, environment, secure-scan.toml
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completion script of a shell, which also completes names of the cluster
    ///
    /// bash: source <(secure-scan completions bash). zsh: source <(secure-scan completions zsh).
    /// fish: secure-scan completions fish | source. `kubectl secure-scan` is completed by
    /// kubectl itself, where kubectl_complete-secure_scan is in the PATH.
    Completions(CompletionsArgs),
    /// Write the manual pages of all commands to a folder
    Man(ManArgs),
    /// Answers the completion script of a shell
    #[command(name = "__complete", hide = true)]
    Complete(CompleteArgs),
}

#[cfg(test)]
mod documented;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        command(Some(OsStr::new("/usr/bin/kubectl-secure_scan"))).debug_assert();
    }

    fn help(program: &str, arguments: &[&str]) -> String {
        let all = [&[program], arguments, &["--help"]].concat();
        let refused = command(Some(OsStr::new(program))).try_get_matches_from(all);
        refused.unwrap_err().to_string()
    }

    #[test]
    fn a_plugin_of_kubectl_is_called_as_one_in_its_help() {
        let plugin = "/opt/krew/bin/kubectl-secure_scan";
        assert!(help(plugin, &[]).contains("Usage: kubectl secure-scan [OPTIONS] <COMMAND>"));
        assert!(help(plugin, &[]).contains("\n  kubectl secure-scan container web-0 -n shop\n"));
        let scan = help(plugin, &["container"]);
        assert!(
            scan.contains("Usage: kubectl secure-scan container "),
            "{scan}"
        );
        let own = help("/usr/bin/secure-scan", &[]);
        assert!(
            own.contains("Usage: secure-scan [OPTIONS] <COMMAND>")
                && !own.contains("kubectl secure-scan")
        );
    }

    #[test]
    fn the_help_of_drift_lists_what_it_takes() {
        let drift = help("secure-scan", &["drift"]);
        for taken in [
            "--via",
            "--probe-image",
            "--policy",
            "--as-nobody",
            "--lease",
        ] {
            assert!(drift.contains(taken), "{taken}");
        }
        for refused in [
            "--profile",
            "--input",
            "--tag",
            "--skip-tag",
            "--save-inventory",
        ] {
            assert!(!drift.contains(refused), "{refused}: {drift}");
            assert!(help("secure-scan", &["container"]).contains(refused));
        }
    }
}
