//! The command line: commands, examples and exit codes.

use clap::{Parser, Subcommand};

use crate::{
    args::{AutoArgs, DistrolessArgs, LocalArgs, ScanArgs},
    audit::AuditCommand,
    credential::CredentialCommand,
    drift::DriftArgs,
    guard::GuardCommand,
    inject::InjectArgs,
    policy::PolicyCommand,
    profile::ProfileCommand,
    reap::ReapArgs,
    report::ReportCommand,
    sidecar::{ImageArgs, SidecarArgs},
};

const EXIT_CODES: &str = "Exit codes:
  0  passed: every applicable check ran, and none failed at --fail-on or above
  1  findings: every applicable check ran, and at least one failed at --fail-on or above
  2  wrong usage, or something that was named (profile, kubeconfig, file) cannot be used
  3  the scan could not be done, a check was not done (whatever others found), or no check applies
  4  a gate refused the target before it was touched, or a control raised a security alert
  5  the cleanup was not verified: something may be left in the cluster";

const EXAMPLES: &str = "Examples:
  secure-scan scan web-0 -n shop --probe-image IMAGE
  secure-scan container web-0 -n shop
  secure-scan container -l app=web -n shop -c nginx --fail-on high
  secure-scan container web-0 -n shop --dry-run
  secure-scan container web-0 -n shop -o terminal -o json=report.json -o html=report.html
  secure-scan report convert report.json -o sarif=report.sarif
  secure-scan local --oci-archive image.tar --fail-on high
  secure-scan profile list";

/// Security scans of running containers that leave nothing behind
#[derive(Debug, Parser)]
#[command(name = "secure-scan", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
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
    Container(Box<ScanArgs>),
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
    /// could not be removed.
    Reap(ReapArgs),
    /// Check an audit log, and match it with the API server's own
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Compare a running container with its own image: files added, changed and removed
    ///
    /// First the image that the node runs is read as by `sidecar --inert`, and nothing of it runs. Then
    /// the container is read. The checks are drift's own: --profile and what belongs to it are refused.
    #[command(after_long_help = EXIT_CODES)]
    Drift(Box<DriftArgs>),
    /// Print a manifest with the hardened sidecar added, for those who deploy it with their workload
    ///
    /// Only adds: comments, order and formatting stay, and the result is held against the original
    /// before it is printed. Every pod, deployment, stateful set, daemon set, replica set, job
    /// and cron job gets the sidecar; everything else in the file stays. Needs no cluster.
    Inject(InjectArgs),
    /// Admission policies that limit scan identities further than RBAC can
    #[command(subcommand)]
    Guard(GuardCommand),
    /// List, show, check and explain policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// List, show, check, explain and test profiles
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Write a saved report in other forms, and show what changed between two
    #[command(subcommand)]
    Report(ReportCommand),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
