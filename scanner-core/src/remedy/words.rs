//! The neutral words of each remedy.

use std::fmt;

use super::Remedy;

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Advice { text } => f.write_str(text),
            Self::ListPods {
                namespace,
                selector: None,
            } => write!(f, "list the pods of namespace {namespace}"),
            Self::ListPods {
                namespace,
                selector: Some(selector),
            } => {
                write!(
                    f,
                    "list the pods of namespace {namespace} with selector {selector:?}"
                )
            }
            Self::DescribePod { namespace, pod } => write!(
                f,
                "read the events of pod {pod} in namespace {namespace}, which say why it does not start"
            ),
            Self::DidYouMean { names, fallback } => {
                write!(f, "did you mean {}?", names.join(" or "))?;
                match fallback {
                    Some(fallback) => write!(f, " If not: {fallback}"),
                    None => Ok(()),
                }
            }
            Self::ScanImage { image, .. } => {
                let image = image.as_deref().unwrap_or("of the container");
                write!(f, "scan the image {image} in a pod of the scan's own")
            }
            Self::ScanAgain { when } => write!(f, "scan again {when}"),
            Self::BindGuardLimits { role } => {
                write!(f, "bind ClusterRole {role} to yourself in this namespace")
            }
            Self::CheckNode { node: Some(node) } => {
                write!(f, "check that node {node} is Ready, and scan again")
            }
            Self::AddPullSecret { namespace } => {
                write!(
                    f,
                    "create a pull secret for the image in namespace {namespace} and name it in the imagePullSecrets of the \
                     ServiceAccount default there, or remove that of the target's pod if the image needs none; or read the image in the target's own namespace"
                )
            }
            Self::CheckObject {
                resource,
                namespace,
                name,
                lease_seconds,
            } => {
                write!(
                    f,
                    "the lease removes it within {lease_seconds} s; look for {name} among the {resource} of namespace \
                     {namespace}"
                )
            }
            other => f.write_str(of_scan(other)),
        }
    }
}

/// What to choose otherwise for the scan.
fn of_scan(remedy: &Remedy) -> &'static str {
    match remedy {
        Remedy::NameContainer => "name one of its containers",
        Remedy::NameOnePod => "name one pod or one workload, or a label that only its pods have",
        Remedy::NameNamespace => "list the namespaces and name one",
        Remedy::RaiseLease => "allow the scan a longer lease",
        Remedy::RaiseIdleTimeout => "allow the agent a longer idle timeout, or none",
        Remedy::RaiseAnswerLimit => {
            "allow the agent a longer answer, or take a profile that looks at less"
        }
        Remedy::UseProbe => "take a strategy that brings its own tools, such as distroless",
        Remedy::UseImage => "read its image in a pod of the scan's own (strategy sidecar, inert)",
        Remedy::UseImageOrShell => {
            "read its image in a pod of the scan's own (strategy sidecar, inert); or, where the target has a \
                 shell, take strategy container"
        }
        Remedy::SetUser => {
            "set runAsUser and runAsGroup in the pod's specification; or read its image in a pod of the scan's \
                 own (strategy sidecar, inert); or, where the target has a shell, take strategy container"
        }
        Remedy::ReadNamespace => {
            "ask an administrator for get on this namespace; or read the image in a pod of the scan's own \
                 (strategy sidecar, inert); or, where the target has a shell, take strategy container"
        }
        Remedy::UseRunning => "scan the running container itself",
        Remedy::UseSidecar => {
            "take strategy sidecar, whose pod is the scan's own; the events of this pod say more"
        }
        Remedy::UseImageOrKeepConfig => {
            "read its image, of which nothing runs (strategy sidecar, inert); or let the clone keep the \
                 configuration and the Secrets that it needs"
        }
        Remedy::UseNoImageVolume => {
            "image volumes need Kubernetes 1.35 or their feature gate, and containerd 2.1: take a clone \
                 (strategy sidecar, not inert), strategy distroless, or an archive of the image"
        }
        Remedy::NameProbeImage => "name the image of the probe",
        Remedy::CorrectProbeImage => {
            "correct the name of the probe's image: it is not the name of an image"
        }
        Remedy::LoadProbeImage => {
            "load the probe's image onto the node, which may not pull it, or name one in a registry"
        }
        Remedy::PullProbeImage => {
            "let the node pull the probe's image, and check that the pod's imagePullSecrets allow it"
        }
        Remedy::PullImage => {
            "check registry, name and tag, and that the node can pull the image with the imagePullSecrets of \
                 its pod"
        }
        Remedy::UseHelperNamespace => {
            "read the image in a helper namespace that allows a pod that runs as root (Pod Security level baseline), or read it as a user of \
                 no account"
        }
        Remedy::NameHelperNamespace => {
            "name another namespace that allows a pod that runs as root (Pod Security level baseline) as the helper namespace, or none"
        }
        Remedy::CheckProbeVersion => "check that the image of the probe is of this version",
        Remedy::SetProbeResources => {
            "name requests and limits for the scan's own pods that the namespace's LimitRange allows; a clone has the resources of the target"
        }
        Remedy::AllowImageTrial => {
            "let the cluster take the pod in which the probe's image is tried; or go without that trial: an image that does \
                 not start then leaves its entry in the target's pod"
        }
        Remedy::DeploySidecar => "deploy the pod with the scanner as a sidecar",
        Remedy::ReadImageAsRoot => {
            "read its image as root in a pod of the scan's own (strategy sidecar, inert), where the namespace allows that"
        }
        Remedy::CompleteFromImage => {
            "complete the scan from the image of the target, which a pod of the scan's own reads as root"
        }
        Remedy::CompareByProbe => {
            "read the container by a probe, which reads the capabilities of files, and not by its own shell"
        }
        Remedy::ReadAsOwner => "scan as a user that may read it",
        Remedy::UseExec => {
            "take strategy container, whose agent gets the environment of the container itself"
        }
        Remedy::ReadAsRoot => "read it as root, where the namespace allows that",
        Remedy::ReadAsNobody => "read it as a user of no account",
        Remedy::PullAlways => "ask the registry for the image each time",
        other => of_surroundings(other),
    }
}

/// What to do about what surrounds the scan.
fn of_surroundings(remedy: &Remedy) -> &'static str {
    match remedy {
        Remedy::LabelOrExempt => {
            "an admission policy of this cluster refuses an object of the scan: give it the labels or annotations that the \
                 policy demands, or exempt it there, by its label secure-scan.io/scan or by its name"
        }
        Remedy::InstallGuard => "let an administrator install the admission guard",
        Remedy::CheckGuard => "look at what is installed of the admission guard",
        Remedy::AllowCommands => "say which commands it may run in this one container",
        Remedy::AskAdministrator => "ask an administrator for these rights",
        Remedy::NameCanary => "name an address that answers from a pod without a NetworkPolicy",
        Remedy::NameKubeconfig => "name a kubeconfig file that works",
        Remedy::NameContext => "name a context of the kubeconfig",
        Remedy::TrustSystemRoots => {
            "trust the roots of this system, if the server has no private CA"
        }
        Remedy::LogIn => "log in again: the credentials are expired or unknown to this cluster",
        Remedy::CheckServer => "check that the API server of this cluster is running and reachable",
        Remedy::TryAgain => "the API server is busy or failing: try again",
        Remedy::CheckNode { node: None } => {
            "check that the pod's node is Ready, and scan again: it did not answer the API server"
        }
        Remedy::FreeTargetNode => {
            "make room on the target's node, which alone may take the scan's pod; nothing of the target was \
                 touched"
        }
        Remedy::ReadEventsOrRaiseLease => {
            "read the events of the pod's namespace; allow the scan a longer lease if it only took too long"
        }
        Remedy::NameUser => {
            "set runAsUser and runAsGroup, or name the user and group that the image runs as"
        }
        Remedy::OmitUser => "name no user: the manifest has one",
        Remedy::NamePodSecurity => {
            "run the container as another user than root, or name the namespace's Pod Security level if it is \
                 privileged"
        }
        Remedy::ValidateManifest => "let the API server validate the manifest without applying it",
        Remedy::ReportBug => "this is a fault of secure-scan; please report it",
        // The others have their words above.
        _ => "see the documentation of the version that made this report",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_remedy_has_words_and_none_names_a_flag_or_command() {
        for remedy in [
            Remedy::NameContainer,
            Remedy::NameOnePod,
            Remedy::RaiseLease,
            Remedy::RaiseIdleTimeout,
            Remedy::RaiseAnswerLimit,
            Remedy::UseImage,
            Remedy::UseSidecar,
            Remedy::LabelOrExempt,
            Remedy::UseImageOrKeepConfig,
            Remedy::UseNoImageVolume,
            Remedy::CorrectProbeImage,
            Remedy::LoadProbeImage,
            Remedy::PullProbeImage,
            Remedy::AllowImageTrial,
            Remedy::SetProbeResources,
            Remedy::PullImage,
            Remedy::LogIn,
            Remedy::CheckServer,
            Remedy::TryAgain,
            Remedy::CheckNode { node: None },
            Remedy::FreeTargetNode,
            Remedy::ReadEventsOrRaiseLease,
            Remedy::NameUser,
            Remedy::OmitUser,
            Remedy::NamePodSecurity,
            Remedy::ValidateManifest,
            Remedy::did_you_mean(&["web-0".into()], Remedy::NameContainer),
            Remedy::ScanImage {
                image: None,
                namespace: "shop".into(),
            },
        ] {
            let words = remedy.to_string();
            assert!(
                !words.contains("documentation of the version"),
                "{remedy:?}"
            );
            assert!(
                !words.contains("--") && !words.contains("kubectl") && !words.contains(" -n"),
                "{words}"
            );
        }
    }
}
