//! What a user can type.

use std::{path::PathBuf, str::FromStr};

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use scanner_core::target::{ContainerName, Namespace, PodName};
use scanner_k8s::plan::request::{MAX_LEASE, MIN_LEASE};
use scanner_report::{Format, format::UnknownFormat};

use crate::{
    audit::{AuditArgs, AuditCommand},
    credential::CredentialCommand,
    drift::DriftArgs,
    guard::GuardCommand,
    inject::InjectArgs,
    policy::{JudgeArgs, PolicyArgs, PolicyCommand},
    profile::{ProfileCommand, ProfileOptions},
    reap::ReapArgs,
    report::ReportCommand,
    sidecar::{ImageArgs, SidecarArgs},
};

const EXIT_CODES: &str = "Exit codes:
  0  passed: every check that applies was looked at, none failed at --fail-on or above
  1  findings at or above --fail-on
  2  wrong usage, or something that was named (profile, kubeconfig, file) cannot be used
  3  the scan could not be done, a check could not look, or none applies
  4  a gate refused the target (security alert); it was not touched
  5  cleanup could not be verified: something may be left";

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
    /// no shell, everything that this try created is removed and shown to be gone, and the target
    /// is scanned as by `distroless`, if an image of the probe is named.
    #[command(after_long_help = EXIT_CODES)]
    Scan(Box<AutoArgs>),
    /// Scan a running container that has a shell, by one exec into it
    ///
    /// Creates an identity that may exec into this one pod and nothing else, uses its token once,
    /// looks with a read-only script on standard input, removes everything that it created, and
    /// shows that it is gone. Should this program be killed, the cluster removes all of it when
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
    /// report names in what the copy differs. Before any of it starts, a canary in the pod shows
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
    /// Lend a credential for one pod to a program that speaks kubeconfig
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
    /// Write a saved report in other forms, and tell what changed between two
    #[command(subcommand)]
    Report(ReportCommand),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("target").required(true).args(["pod", "selector"])))]
pub(crate) struct ScanArgs {
    /// Name of the pod
    pub(crate) pod: Option<PodName>,
    /// Label selector that exactly one pod matches
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    /// Container of the pod; its only or default one when absent
    #[arg(short, long)]
    pub(crate) container: Option<ContainerName>,
    /// Digest that the node must run; another one is a security alert (exit code 4)
    #[arg(long, value_name = "sha256:...", value_parser = digest)]
    pub(crate) expect_digest: Option<String>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What every scan of a cluster takes.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Namespace; the context's namespace when absent
    #[arg(short, long)]
    pub(crate) namespace: Option<Namespace>,
    /// Shipped profile or file; the policy's own or container-baseline when absent
    #[arg(short, long)]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) profile_options: ProfileOptions,
    /// Show the plan (every object, permission and command) and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Report format, to standard output or to a file; may be repeated: terminal, json, sarif, junit,
    /// ohdf, html, markdown, cyclonedx, openreports, policyreport, in-toto
    #[arg(short, long, value_name = "FORMAT[=FILE]", default_value = "terminal")]
    pub(crate) output: Vec<Output>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Time after which the cluster itself removes everything that the scan created: 30 to 3600 seconds, or
    /// such as 90s or 5m
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = lease)]
    pub(crate) lease: u32,
    /// Context of the kubeconfig
    #[arg(long)]
    pub(crate) context: Option<String>,
    /// Kubeconfig; $KUBECONFIG or ~/.kube/config when absent
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) audit: AuditArgs,
    /// Also show what passed, and the evidence of every control
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// No progress on standard error
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Colours in the terminal report
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: Color,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("subject").required(true).args(["root", "pid", "oci_archive"])))]
pub(crate) struct LocalArgs {
    /// Directory that is taken for a root filesystem; no link leads out of it
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Process whose root, environment, mounts and sockets are scanned
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Image in a tar file: an OCI image layout, or what docker save wrote; it is not unpacked
    #[arg(long, value_name = "FILE")]
    pub(crate) oci_archive: Option<PathBuf>,
    /// Shipped profile or file
    #[arg(short, long, default_value = "container-baseline")]
    pub(crate) profile: String,
    #[command(flatten)]
    pub(crate) profile_options: ProfileOptions,
    /// Report format, to standard output or to a file; may be repeated: terminal, json, sarif, junit,
    /// ohdf, html, markdown, cyclonedx, openreports, policyreport, in-toto
    #[arg(short, long, value_name = "FORMAT[=FILE]", default_value = "terminal")]
    pub(crate) output: Vec<Output>,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Seconds after which the scan is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
    /// Also show what passed
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Accepted as everywhere; there is no progress here
    #[arg(short, long = "quiet")]
    _quiet: bool,
    /// Colours in the terminal report
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: Color,
}

#[derive(Debug, Args)]
pub(crate) struct AutoArgs {
    #[command(flatten)]
    pub(crate) scan: ScanArgs,
    /// Image of the probe, best named by digest, for targets without a shell
    #[arg(long, value_name = "IMAGE", env = "SECURE_SCAN_PROBE_IMAGE", value_parser = image)]
    pub(crate) probe_image: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DistrolessArgs {
    #[command(flatten)]
    pub(crate) scan: ScanArgs,
    /// Image of the probe, best named by digest
    #[arg(long, value_name = "IMAGE", env = "SECURE_SCAN_PROBE_IMAGE", value_parser = image)]
    pub(crate) probe_image: String,
    /// Refuse to leave anything, the entry of the ephemeral container in the pod included
    #[arg(long)]
    pub(crate) no_residue: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Color {
    /// When standard output is a terminal and `NO_COLOR` is not set
    #[default]
    Auto,
    Always,
    Never,
}

/// Where one form of the report goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) format: Format,
    /// Standard output when absent.
    pub(crate) file: Option<PathBuf>,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = match text.split_once('=') {
            Some((_, "-")) => {
                return Err("leave out '=-': a form without a file goes to standard output".into());
            }
            Some((_, "")) => return Err("expected a file after '='".into()),
            Some((name, file)) => (name, Some(file.into())),
            None => (text, None),
        };
        let format = name
            .parse()
            .map_err(|error: UnknownFormat| error.to_string())?;
        Ok(Self { format, file })
    }
}

/// An image reference, which the node is asked for only when something was created.
pub(crate) fn image(text: &str) -> Result<String, String> {
    let known = text.parse::<oci_spec::distribution::Reference>();
    known.map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Seconds of a lease.
pub(crate) fn lease(text: &str) -> Result<u32, String> {
    let range = MIN_LEASE..=MAX_LEASE;
    let typed = || {
        let time: jiff::SignedDuration = text.parse().ok()?;
        let seconds = time.as_secs();
        (time.subsec_nanos() == 0).then(|| u32::try_from(seconds).ok())?
    };
    let seconds = text.parse().ok().or_else(typed);
    seconds.filter(|s| range.contains(s)).ok_or_else(|| {
        format!("expected {MIN_LEASE} to {MAX_LEASE} seconds, as a number or such as 90s or 5m")
    })
}

pub(crate) fn digest(text: &str) -> Result<String, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected sha256: and 64 hexadecimal digits".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_lease_is_a_number_or_a_time() {
        for (text, seconds) in [
            ("30", 30),
            ("90s", 90),
            ("5m", 300),
            ("1h", 3600),
            ("1m30s", 90),
        ] {
            assert_eq!(lease(text), Ok(seconds), "{text}");
        }
        for text in ["", "29", "3601", "2h", "-5m", "5", "90.5s", "300ms", "x"] {
            assert!(
                lease(text).is_err_and(|e| e.contains("30 to 3600")),
                "{text}"
            );
        }
    }

    #[test]
    fn outputs_are_read() {
        let json = "json=a=b".parse::<Output>().unwrap();
        assert_eq!((json.format, json.file), (Format::Json, Some("a=b".into())));
        assert!("json=".parse::<Output>().is_err());
        let bare = "sarif".parse::<Output>().unwrap();
        assert_eq!((bare.format, bare.file), (Format::Sarif, None));
        let error = "pdf".parse::<Output>().unwrap_err();
        assert!(error.contains("sarif, junit, ohdf, html"), "{error}");
    }
}
