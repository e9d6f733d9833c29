//! What to do about a failure, as a value: libraries name the remedy, programs word it.
//!
//! The `Display` form is in neutral words. The command line words the same values with its own flags and
//! commands; another program may offer a button instead.

mod words;

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
    /// Name one pod or one workload, or a label that only its pods have.
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
    /// Read what the cluster says about a pod, and mend that.
    DescribePod {
        /// Namespace.
        namespace: String,
        /// Name.
        pod: String,
    },
    /// Take one of these names, which exist and are similar to the one that was given.
    DidYouMean {
        /// Names, best first.
        names: Vec<String>,
        /// What to do where none of them was meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fallback: Option<Box<Self>>,
    },
    /// Scan the image of a container that does not run, in a pod of the scan's own.
    ScanImage {
        /// Reference of the image, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<String>,
        /// Namespace.
        namespace: String,
    },
    /// Scan again.
    ScanAgain {
        /// When, such as `once it runs`.
        when: String,
    },
    /// Allow the scan a longer lease.
    RaiseLease,
    /// Let the agent send nothing for longer.
    RaiseIdleTimeout,
    /// Allow the agent a longer answer.
    RaiseAnswerLimit,
    /// Use a strategy that brings its own tools into the pod.
    UseProbe,
    /// Read the image of the container in a pod of the scan's own, without running any of it.
    UseImage,
    /// Read the image in a pod of the scan's own, or use strategy container if the target has a shell.
    UseImageOrShell,
    /// Set user and group in the pod's specification; or as [`Remedy::UseImageOrShell`].
    SetUser,
    /// Get the right to read the namespace, whose Pod Security level matters; or as [`Remedy::UseImageOrShell`].
    ReadNamespace,
    /// Scan the container itself, by exec or by a probe.
    UseRunning,
    /// Use strategy sidecar, whose pod is the scan's own.
    UseSidecar,
    /// Read only the image, without running any of it; or let the clone keep the configuration and Secrets that
    /// it needs.
    UseImageOrKeepConfig,
    /// Scan without mounting an image: with a clone, a probe in the running pod, or an archive of the image.
    UseNoImageVolume,
    /// Name the image of the probe.
    NameProbeImage,
    /// Correct the name of the probe's image, which is not the name of an image.
    CorrectProbeImage,
    /// Load the image of the probe onto the node, or name one in a registry.
    LoadProbeImage,
    /// Let the node pull the image of the probe.
    PullProbeImage,
    /// Let the node pull the image that is scanned; a program may take further pull secrets for it.
    PullImage,
    /// Read the image in another namespace, which allows a pod that runs as root; or without root.
    UseHelperNamespace,
    /// Name another namespace for the pod that reads the image: one that is there and allows a pod that runs as root.
    NameHelperNamespace,
    /// Give the namespace a secret with which its pods may pull the image of the target, or read the image in the target's own.
    AddPullSecret {
        /// Namespace.
        namespace: String,
    },
    /// Check that the image of the probe is of this version.
    CheckProbeVersion,
    /// Name resources for the scan's own pods that the namespace's LimitRange allows.
    SetProbeResources,
    /// Let the cluster accept the pod that tries the image of the probe; or skip the trial.
    AllowImageTrial,
    /// Deploy the pod with the scanner as a sidecar.
    DeploySidecar,
    /// Give the objects of the scan the labels or annotations that an admission policy demands, or exempt them
    /// there.
    LabelOrExempt,
    /// Let an administrator install the admission guard.
    InstallGuard,
    /// Look at what is installed of the admission guard.
    CheckGuard,
    /// Get the right to give a scan its limits for the admission guard.
    BindGuardLimits {
        /// Name of the `ClusterRole`.
        role: String,
    },
    /// Say which commands a program that is given access may run in the one container.
    AllowCommands,
    /// Ask an administrator for the missing rights.
    AskAdministrator,
    /// Name an address that answers from a pod without a NetworkPolicy.
    NameCanary,
    /// Read the image as root, which sees what only root may read.
    ReadAsRoot,
    /// Read the image of the container in a pod of the scan's own, as root, which sees what the target's user may not.
    ReadImageAsRoot,
    /// Read in the image, in a pod of the scan's own, what the target's user may not read.
    CompleteFromImage,
    /// Compare a container with its image by a probe, which reads the capabilities of files.
    CompareByProbe,
    /// Scan as a user that may read it.
    ReadAsOwner,
    /// Use strategy container, whose agent has the environment of the container itself.
    UseExec,
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
    /// Log in to the cluster again.
    LogIn,
    /// Check that the API server runs and can be reached.
    CheckServer,
    /// Try the same again in a moment.
    TryAgain,
    /// Check that a node is ready, and scan again.
    CheckNode {
        /// Its name, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// Make room on the target's node, the only one where the scan's pod may run.
    FreeTargetNode,
    /// Read the events of the namespace; allow the scan a longer lease if it only needs more time.
    ReadEventsOrRaiseLease,
    /// Check whether an object of the scan is still there, which its lease removes.
    CheckObject {
        /// Resource, such as `pods`.
        resource: String,
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
        /// Seconds after which the cluster itself has removed it.
        lease_seconds: u32,
    },
    /// Name the user and group that the image runs as, or set them in the manifest.
    NameUser,
    /// Name no user: the manifest has one.
    OmitUser,
    /// Run the container as a user other than root, or name the Pod Security level if it is privileged.
    NamePodSecurity,
    /// Let the API server validate the manifest without applying it.
    ValidateManifest,
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

    /// Take one of `names`; or `fallback`, if there are no names or none of them was meant.
    pub fn did_you_mean(names: &[String], fallback: Self) -> Self {
        if names.is_empty() {
            return fallback;
        }
        Self::DidYouMean {
            names: names.to_vec(),
            fallback: Some(Box::new(fallback)),
        }
    }

    /// Scan again, and when.
    pub fn scan_again(when: impl Into<String>) -> Self {
        Self::ScanAgain { when: when.into() }
    }
}
