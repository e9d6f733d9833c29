//! The arguments of scans on the command line.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args};
use secure_scan::{
    InvalidMetadata, MAX_LEASE, MIN_LEASE, ObjectMetadata, ProbeImage, ProbeResources,
    TargetSelector, jiff,
    target::{ContainerName, Namespace, PodSelection},
};

use crate::{
    audit::AuditArgs,
    cluster::ClusterArgs,
    complete::CompleteArgs,
    output::Color,
    policy::{FindingArgs, PolicyArgs},
    problem::Problem,
    profile::ProfileOptions,
    sink::Output,
};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("target").required(true).args(["pod", "selector"])))]
pub(crate) struct ScanArgs {
    /// Pod or workload: web-0, pod/web-0, deploy/web, sts/db, ds/agent, rs/NAME, job/NAME. If it is a workload, one of its
    /// running pods is scanned
    #[arg(value_name = "POD", value_parser = target)]
    pub(crate) pod: Option<String>,
    /// Label selector, such as app=web; one running pod that matches it is scanned
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    /// Container of the pod, of any kind: regular, init, sidecar or ephemeral [default: the container that the annotation
    /// kubectl.kubernetes.io/default-container names, or the only one]
    #[arg(short, long)]
    pub(crate) container: Option<ContainerName>,
    /// Digest that the node must report; otherwise a gate refuses the target (exit code 4)
    #[arg(long, value_name = "sha256:...", value_parser = digest)]
    pub(crate) expect_digest: Option<String>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl ScanArgs {
    /// The container that is named.
    pub(crate) fn target(&self) -> TargetSelector {
        let target = self
            .run
            .target(|namespace| match (&self.pod, &self.selector) {
                (Some(target), _) => TargetSelector::named(namespace, target),
                (None, selector) => {
                    TargetSelector::labels(namespace, selector.clone().unwrap_or_default())
                }
            });
        match &self.container {
            Some(container) => target.container(container.as_str()),
            None => target,
        }
    }
}

impl RunArgs {
    /// The target that `named` makes for the namespace of these arguments.
    pub(crate) fn target(&self, named: impl FnOnce(String) -> TargetSelector) -> TargetSelector {
        within(self.namespace.as_ref(), named)
    }

    /// Longest answer in bytes.
    pub(crate) fn answer_bytes(&self) -> u64 {
        u64::from(self.answer_limit) << 20
    }
}

/// The target that `named` makes for that namespace, or for the context's.
pub(crate) fn within(
    namespace: Option<&Namespace>,
    named: impl FnOnce(String) -> TargetSelector,
) -> TargetSelector {
    match namespace {
        Some(namespace) => named(namespace.to_string()),
        None => named(String::new()).in_default_namespace(),
    }
}

/// The arguments of every scan in a cluster.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct RunArgs {
    /// Namespace [default: the context's]
    #[arg(short, long)]
    pub(crate) namespace: Option<Namespace>,
    /// Shipped profile or file [default: the policy's own, or container-baseline]
    #[arg(short, long)]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) profile_options: ProfileOptions,
    /// Show the plan (every object, permission and command) and write nothing to the cluster
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Report format, to standard output or to a file; may be repeated: terminal, json, sarif, junit,
    /// ohdf, html, markdown, cyclonedx, openreports, policyreport, in-toto
    #[arg(short, long, value_name = "FORMAT[=FILE]", default_value = "terminal")]
    pub(crate) output: Vec<Output>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Time after which the cluster itself removes everything that the scan created: 30 to 3600 seconds, or a time such as
    /// 90s or 5m
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = lease)]
    pub(crate) lease: Duration,
    /// Namespace for the scan's account and token, in which the owners of the target have no rights [default: the policy's
    /// own, or the target's namespace, where anyone who may create Secrets or pods could act as the scan]
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) identity_namespace: Option<Namespace>,
    #[command(flatten)]
    pub(crate) metadata: MetadataArgs,
    /// Requests and limits for each container of the scan's own pods, if the namespace's LimitRange demands others: cpu,
    /// memory and ephemeral-storage, such as cpu=100m:500m,memory=256Mi (request:limit, or one value for both) [default:
    /// the policy's own, or cpu=25m:500m,memory=128Mi]
    #[arg(long, value_name = "RESOURCES")]
    pub(crate) probe_resources: Option<ProbeResources>,
    /// Ask the API server for its version and for the name by which it knows you, and put both into the head of the report;
    /// takes two more calls
    #[arg(long)]
    pub(crate) identify: bool,
    /// Give up if the agent in the target sends nothing for this time: 1 to 3600 seconds, or a time such as 90s or 5m
    /// [default: only the lease limits it]
    #[arg(long, value_name = "SECONDS", value_parser = idle_timeout)]
    pub(crate) idle_timeout: Option<Duration>,
    /// Longest answer of the agent in the target, in MiB; one MiB holds about 10,000 files
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(crate) answer_limit: u32,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) audit: AuditArgs,
    /// Also show the checks that passed, all evidence, every path that was not read, and the evidence of every control
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Show no progress on standard error
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Colours in the terminal report
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: Color,
}

/// Labels and annotations in addition to those of secure-scan.
#[derive(Debug, Args)]
pub(crate) struct MetadataArgs {
    /// Label for everything that is created, for example if the cluster's admission policies demand one; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Annotation for everything that is created; may be repeated
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = annotation)]
    pub(crate) annotations: Vec<(String, String)>,
}

impl MetadataArgs {
    /// All of them.
    ///
    /// # Errors
    ///
    /// Fails where all annotations together are too long.
    pub(crate) fn all(&self) -> Result<ObjectMetadata, Problem> {
        let hint = "correct the label or annotation, or leave it out";
        let refused = |error: InvalidMetadata| Problem::usage(error.to_string(), hint);
        let mut all = ObjectMetadata::default();
        for (key, value) in &self.labels {
            all.label(key, value).map_err(refused)?;
        }
        for (key, value) in &self.annotations {
            all.annotation(key, value).map_err(refused)?;
        }
        Ok(all)
    }
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("subject").required(true).args(["root", "pid", "oci_archive"])))]
pub(crate) struct LocalArgs {
    /// Directory to scan as a root filesystem; no link leads out of it
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Process whose root, environment, mounts and sockets are scanned
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Image in a tar file: an OCI image layout, or the output of docker save; it is not unpacked to disk
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
    pub(crate) findings: FindingArgs,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
    /// Also show the checks that passed, all evidence, and every path that was not read
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// No effect: `local` shows no progress
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
    /// Image of the probe, preferably by digest, for targets without a shell
    #[arg(long, value_name = "IMAGE", env = "SECURE_SCAN_PROBE_IMAGE", value_parser = image)]
    pub(crate) probe_image: Option<String>,
    #[command(flatten)]
    pub(crate) trial: TrialArgs,
    #[command(flatten)]
    pub(crate) complete: CompleteArgs,
}

/// Whether an image of the probe is tried before it joins a running pod.
#[derive(Debug, Args)]
pub(crate) struct TrialArgs {
    /// Do not try the image of the probe first in a pod of the scan's own
    ///
    /// Kubernetes never removes the entry of an ephemeral container. So by default a scan first tries the image on the
    /// target's node, once for each digest and node, so that an image that does not start leaves nothing in the target's
    /// pod.
    #[arg(long)]
    no_try_image: bool,
}

impl TrialArgs {
    /// The image of that name, tried or not.
    pub(crate) fn image(&self, name: impl Into<ProbeImage>) -> ProbeImage {
        let image = name.into();
        if self.no_try_image {
            image.untried()
        } else {
            image
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ContainerArgs {
    #[command(flatten)]
    pub(crate) scan: ScanArgs,
    #[command(flatten)]
    pub(crate) complete: CompleteArgs,
    /// Image of the probe for --complete-from-image, preferably by digest
    #[arg(long, value_name = "IMAGE", env = "SECURE_SCAN_PROBE_IMAGE", value_parser = image)]
    pub(crate) probe_image: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DistrolessArgs {
    #[command(flatten)]
    pub(crate) scan: ScanArgs,
    /// Image of the probe, preferably by digest
    #[arg(long, value_name = "IMAGE", env = "SECURE_SCAN_PROBE_IMAGE", value_parser = image)]
    pub(crate) probe_image: String,
    #[command(flatten)]
    pub(crate) trial: TrialArgs,
    /// Refuse to leave anything behind; `distroless` always leaves an entry in the pod, so this ends with a hint
    #[arg(long)]
    pub(crate) no_residue: bool,
    #[command(flatten)]
    pub(crate) complete: CompleteArgs,
}

/// A pod or a workload, as kubectl names them.
pub(crate) fn target(text: &str) -> Result<String, String> {
    let named: Result<PodSelection, _> = text.parse();
    named.map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Parses a label that Kubernetes accepts.
fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = pair(text)?;
    let taken = ObjectMetadata::default().label(&key, &value);
    taken.map_err(|error| error.to_string())?;
    Ok((key, value))
}

/// Parses an annotation that Kubernetes accepts.
fn annotation(text: &str) -> Result<(String, String), String> {
    let (key, value) = pair(text)?;
    let taken = ObjectMetadata::default().annotation(&key, &value);
    taken.map_err(|error| error.to_string())?;
    Ok((key, value))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Checks an image reference: a node would report a wrong one only after the scan has created objects.
pub(crate) fn image(text: &str) -> Result<String, String> {
    let known = text.parse::<secure_scan::profiles::ImageReference>();
    known.map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// A lease, within its bounds.
pub(crate) fn lease(text: &str) -> Result<Duration, String> {
    seconds(text, MIN_LEASE).map(|seconds| Duration::from_secs(seconds.into()))
}

/// An idle timeout; one beyond the longest lease has no effect.
fn idle_timeout(text: &str) -> Result<Duration, String> {
    seconds(text, 1).map(|seconds| Duration::from_secs(seconds.into()))
}

/// A number of seconds or a time, from `least` seconds to the longest lease.
fn seconds(text: &str, least: u32) -> Result<u32, String> {
    let range = least..=MAX_LEASE;
    let typed = || {
        let time: jiff::SignedDuration = text.parse().ok()?;
        let seconds = time.as_secs();
        (time.subsec_nanos() == 0).then(|| u32::try_from(seconds).ok())?
    };
    let seconds = text.parse().ok().or_else(typed);
    seconds.filter(|s| range.contains(s)).ok_or_else(|| {
        format!("expected {least} to {MAX_LEASE} seconds, as a number or such as 90s or 5m")
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

    #[test]
    fn a_label_is_a_pair_that_kubernetes_takes_and_the_scan_does_not_need() {
        let of = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(label("team=shop"), of("team", "shop"));
        assert_eq!(label("example.com/team="), of("example.com/team", ""));
        assert_eq!(annotation("why=a=b, c"), of("why", "a=b, c"));
        for bad in [
            "",
            "team",
            "=x",
            "team=a=b",
            "team=a b",
            "secure-scan.io/scan=x",
        ] {
            assert!(label(bad).is_err(), "{bad:?}");
        }
        assert!(annotation("secure-scan.io/x=y").is_err());
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
            let time = Duration::from_secs(seconds);
            assert_eq!(lease(text), Ok(time), "{text}");
            assert_eq!(idle_timeout(text), Ok(time), "{text}");
        }
        for text in ["", "29", "3601", "2h", "-5m", "5", "90.5s", "300ms", "x"] {
            assert!(
                lease(text).is_err_and(|e| e.contains("30 to 3600")),
                "{text}"
            );
        }
        assert_eq!(idle_timeout("1"), Ok(Duration::from_secs(1)));
        for text in ["", "0", "3601", "2h", "-5m", "0.5s", "x"] {
            let refused = idle_timeout(text);
            assert!(refused.is_err_and(|e| e.contains("1 to 3600")), "{text}");
        }
    }
}
