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

mod examples;

const EXIT_CODES: &str = "Exit codes:
  0  passed: every applicable check ran, and none failed at --fail-on (high by default) or above; checks that failed below it are warnings
  1  findings: every applicable check ran, and at least one failed at --fail-on or above
  2  wrong usage, or something that you named (profile, kubeconfig, file) cannot be used
  3  the scan could not be done, a check could not be done (whatever the others found), or no check applies
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

/// How users of kubectl call the plugin.
const PLUGIN: &str = "kubectl secure-scan";

/// The command line, under the name by which it was called: as a plugin of kubectl if the program has the name of one.
pub(crate) fn command(program: Option<&OsStr>) -> clap::Command {
    let name = program.and_then(|program| Path::new(program).file_name());
    if name.is_none_or(|name| name != "kubectl-secure_scan") {
        return examples::with_examples(Cli::command(), "secure-scan");
    }
    let command = examples::with_examples(Cli::command(), PLUGIN);
    let examples = EXAMPLES.replace("secure-scan ", &format!("{PLUGIN} "));
    command
        .bin_name(PLUGIN)
        .after_long_help(format!("{examples}\n\n{EXIT_CODES}"))
        .after_help(examples)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan a running container with the least intrusive strategy that works, and say why
    ///
    /// Tries `container` first, which leaves nothing in the pod. If the target has no shell, it removes
    /// everything that this attempt created, verifies that it is gone, and scans the target as `distroless`
    /// does, if you name an image of the probe.
    #[command(after_long_help = EXIT_CODES)]
    Scan(Box<AutoArgs>),
    /// Scan a running container that has a shell, through one exec into it
    ///
    /// Creates an identity that may exec into this one pod and do nothing else, uses its token once, and runs a
    /// read-only script through standard input. Then it removes everything that it created, and verifies that
    /// it is gone. If this program is killed, the cluster removes everything when the lease ends.
    #[command(after_long_help = EXIT_CODES)]
    Container(Box<ContainerArgs>),
    /// Scan a running container that has no shell, with a probe in an ephemeral container beside it
    ///
    /// The probe runs with the weakest security context that can see the target: if the target is not root, the
    /// target's own user without capabilities. It exits on its own. Kubernetes keeps the entry of an ephemeral
    /// container in the pod's specification until the pod is deleted; the report says so.
    #[command(after_long_help = EXIT_CODES)]
    Distroless(Box<DistrolessArgs>),
    /// Scan an isolated copy of a running container, which leaves nothing in its pod
    ///
    /// Starts a clone of the container and reads it with a probe beside it. The clone has the same image (by
    /// its running digest), command, user and resources, but not the labels, token, secrets, volumes and
    /// network. The report names every difference. Before any code of the clone starts, a canary in the pod
    /// tests whether the cluster enforces the network isolation. With --inert, `sidecar` reads only the image
    /// and runs none of its code. With --attached it starts nothing, and reads the container through the
    /// sidecar that `secure-scan inject` added to its workload.
    #[command(after_long_help = EXIT_CODES)]
    Sidecar(Box<SidecarArgs>),
    /// Scan an image that runs nowhere yet; none of its code runs
    ///
    /// Mounts the image read-only into a pod of the scan's own, without network, in the namespace of -n or of
    /// the context.
    #[command(after_long_help = EXIT_CODES)]
    Image(Box<ImageArgs>),
    /// Scan a directory, an image in a file, or a process of this machine; needs no cluster
    ///
    /// Use it to try out profiles, and to scan images in CI. Checks of things that the subject does not have (a
    /// pod, and in a directory processes too) are not applicable.
    #[command(after_long_help = EXIT_CODES)]
    Local(LocalArgs),
    /// Run a program with a short-lived kubeconfig for one pod
    #[command(subcommand)]
    Credential(CredentialCommand),
    /// Remove what expired scans left, if the cluster did not
    ///
    /// Never touches a scan that may still run, and never an object that has the label of a scan but is not one
    /// that a scan creates.
    #[command(after_long_help = crate::reap::CODES)]
    Reap(ReapArgs),
    /// Verify an audit log, and compare it with the API server's own
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Compare a running container with its own image: files added, changed and removed
    ///
    /// First reads the image that the node runs, as `sidecar --inert` does, without running any of its code.
    /// Then reads the container. A file that the container's user may not read counts as unchanged if no process of the
    /// pod can change the image's files. `drift` has its own checks and takes no profile.
    #[command(after_long_help = EXIT_CODES)]
    Drift(Box<DriftArgs>),
    /// Print a manifest with the hardened sidecar added, for those who deploy it with their workload
    ///
    /// Every pod, deployment, stateful set, daemon set, replica set, job and cron job in the file gets the
    /// sidecar. Everything else stays as it is, including comments, order and formatting; the result is
    /// compared with the original before it is printed. Needs no cluster.
    Inject(InjectArgs),
    /// Print the Role that an operator needs, or list the rights that you do not have
    ///
    /// Prints a Role for the namespace of the targets. With --identity-namespace it also prints one for that namespace. An
    /// administrator applies them and binds them to those who scan.
    #[command(after_long_help = crate::rights::CODES)]
    Rights(RightsArgs),
    /// Explain how a container can be scanned, and which command suits each level; writes nothing
    ///
    /// Shows for each strategy what it could see, what it needs, which rights you do not have, what it leaves
    /// behind, and which controls would hold. Shows for each level what `scan` would do, which gates refuse,
    /// and the command. It only gets and lists objects, and asks the API server for reviews of rights.
    #[command(after_long_help = crate::explain::CODES)]
    Explain(ExplainArgs),
    /// Render, check and test the admission policies that limit scan identities further than RBAC can
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
    /// Convert a saved report to other formats, and compare two reports
    #[command(subcommand)]
    Report(ReportCommand),
    /// Show the options of a command and where each comes from: flag, environment, secure-scan.toml
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell, which also completes names from the cluster
    ///
    /// kubectl itself completes `kubectl secure-scan` if kubectl_complete-secure_scan is in the PATH.
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
