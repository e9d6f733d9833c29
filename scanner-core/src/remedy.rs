//! What to do about a failure, as a value: libraries name the remedy, programs word it.
//!
//! The `Display` form is in neutral words. The command line words the same values with its own flags and
//! commands; another program may offer a button instead.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "remedy", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remedy {
    /// Advice that is the same for every program.
    Advice {
        /// One sentence in the imperative, without a command of any program.
        text: String,
    },
    /// Name the container of the pod.
    NameContainer,
    /// Name one pod, or a label that only one pod has.
    NameOnePod,
    /// Look up the namespaces and name one.
    NameNamespace,
    /// Look up the pods of a namespace.
    ListPods {
        /// Namespace.
        namespace: String,
        /// Label selector.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        selector: Option<String>,
    },
    /// Scan again.
    ScanAgain {
        /// When, such as `once it runs`.
        when: String,
    },
    /// Allow the scan a longer lease.
    RaiseLease,
    /// Take a strategy that brings its own tools into the pod.
    UseProbe,
    /// Read the image of the container in a pod of the scan's own, of which nothing runs.
    UseImage,
    /// Read the image in a pod of the scan's own, or take strategy container where the target has a shell.
    UseImageOrShell,
    /// Set user and group in the pod's specification; or as [`Remedy::UseImageOrShell`].
    SetUser,
    /// Get the right to read the namespace, whose Pod Security level matters; or as [`Remedy::UseImageOrShell`].
    ReadNamespace,
    /// Scan the container itself, by exec or by a probe.
    UseRunning,
    /// Name the image of the probe.
    NameProbeImage,
    /// Check that the image of the probe is of this version.
    CheckProbeVersion,
    /// Deploy the pod with the scanner as a sidecar.
    DeploySidecar,
    /// Let an administrator install the admission guard.
    InstallGuard,
    /// Look at what is installed of the admission guard.
    CheckGuard,
    /// Get the right to give a scan its limits for the admission guard.
    BindGuardLimits {
        /// Name of the `ClusterRole`.
        role: String,
    },
    /// Allow a program that is given access to run any command in the one container.
    AllowAnyCommand,
    /// Ask an administrator for the missing rights.
    AskAdministrator,
    /// Name an address that answers from a pod without a NetworkPolicy.
    NameCanary,
    /// Read the image as root, which sees what only root may read.
    ReadAsRoot,
    /// Read the image as a user of no account.
    ReadAsNobody,
    /// Ask the registry for the image each time.
    PullAlways,
    /// Name a kubeconfig file that works.
    NameKubeconfig,
    /// Name a context of the kubeconfig.
    NameContext,
    /// Trust the roots of this system, if the server has no private CA.
    TrustSystemRoots,
    /// Report a fault of secure-scan.
    ReportBug,
    /// A remedy of a later version.
    #[serde(other)]
    Unknown,
}

impl Remedy {
    /// Advice that is the same for every program.
    pub fn advice(text: impl Into<String>) -> Self {
        Self::Advice { text: text.into() }
    }

    /// Scan again, and when.
    pub fn scan_again(when: impl Into<String>) -> Self {
        Self::ScanAgain { when: when.into() }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Advice { text } => text,
            Self::NameContainer => "name one of its containers",
            Self::NameOnePod => "name one pod, or a label that only one pod has",
            Self::NameNamespace => "list the namespaces and name one",
            Self::ListPods {
                namespace,
                selector: None,
            } => return write!(f, "list the pods of namespace {namespace}"),
            Self::ListPods {
                namespace,
                selector: Some(selector),
            } => {
                return write!(
                    f,
                    "list the pods of namespace {namespace} with selector {selector:?}"
                );
            }
            Self::ScanAgain { when } => return write!(f, "scan again {when}"),
            Self::RaiseLease => "allow the scan a longer lease",
            Self::UseProbe => "take a strategy that brings its own tools, such as distroless",
            Self::UseImage => "read its image in a pod of the scan's own (strategy sidecar, inert)",
            Self::UseImageOrShell => {
                "read its image in a pod of the scan's own (strategy sidecar, inert); or, where the target has a \
                 shell, take strategy container"
            }
            Self::SetUser => {
                "set runAsUser and runAsGroup in the pod's specification; or read its image in a pod of the scan's \
                 own (strategy sidecar, inert); or, where the target has a shell, take strategy container"
            }
            Self::ReadNamespace => {
                "ask an administrator for get on this namespace; or read the image in a pod of the scan's own \
                 (strategy sidecar, inert); or, where the target has a shell, take strategy container"
            }
            Self::UseRunning => "scan the running container itself",
            Self::NameProbeImage => "name the image of the probe",
            Self::CheckProbeVersion => "check that the image of the probe is of this version",
            Self::DeploySidecar => "deploy the pod with the scanner as a sidecar",
            Self::InstallGuard => "let an administrator install the admission guard",
            Self::CheckGuard => "look at what is installed of the admission guard",
            Self::BindGuardLimits { role } => {
                return write!(f, "bind ClusterRole {role} to yourself in this namespace");
            }
            Self::AllowAnyCommand => "allow it any command in this one container",
            Self::AskAdministrator => "ask an administrator for these rights",
            Self::NameCanary => "name an address that answers from a pod without a NetworkPolicy",
            Self::ReadAsRoot => "read it as root, where the namespace allows that",
            Self::ReadAsNobody => "read it as a user of no account",
            Self::PullAlways => "ask the registry for the image each time",
            Self::NameKubeconfig => "name a kubeconfig file that works",
            Self::NameContext => "name a context of the kubeconfig",
            Self::TrustSystemRoots => {
                "trust the roots of this system, if the server has no private CA"
            }
            Self::ReportBug => "this is a fault of secure-scan; please report it",
            Self::Unknown => "see the documentation of the version that made this report",
        };
        f.write_str(text)
    }
}
