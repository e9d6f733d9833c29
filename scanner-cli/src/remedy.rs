//! What to do next, in the words of this program: its commands and flags.

use secure_scan::{Remedy, ScanReport};

/// Names the commands and flags that do what `remedy` says.
pub(crate) fn remedy_words(remedy: &Remedy) -> String {
    let text = match remedy {
        Remedy::NameContainer => "name one with -c",
        Remedy::NameNamespace => "see: kubectl get namespaces; name one with -n",
        Remedy::ListPods {
            namespace,
            selector: None,
        } => return format!("see: kubectl get pods -n {namespace}"),
        Remedy::ListPods {
            namespace,
            selector: Some(selector),
        } => return format!("see: kubectl get pods -n {namespace} -l '{selector}'"),
        Remedy::DescribePod { namespace, pod } => {
            return format!("kubectl describe pod {pod} -n {namespace} shows why");
        }
        Remedy::DidYouMean { names, fallback } => {
            let asked = format!("did you mean {}?", names.join(" or "));
            return match fallback {
                Some(fallback) => format!("{asked} If not, {}", remedy_words(fallback)),
                None => asked,
            };
        }
        Remedy::ScanImage { image, namespace } => {
            let image = image.as_deref().unwrap_or("IMAGE");
            return format!(
                "scan its image, without running any of it: secure-scan image {image} -n {namespace} --probe-image IMAGE"
            );
        }
        Remedy::ScanAgain { when } => return format!("scan it again {when}"),
        Remedy::RaiseLease => {
            "raise --lease if the target's filesystem or its images are very large"
        }
        Remedy::RaiseIdleTimeout => {
            "if the target's filesystem is very large or slow, raise --idle-timeout or leave it out"
        }
        Remedy::RaiseAnswerLimit => {
            "raise --answer-limit, or use a profile that selects fewer files"
        }
        Remedy::UseProbe => {
            "use a strategy that brings its own tools: secure-scan distroless; or secure-scan sidecar --inert, which reads the image"
        }
        Remedy::UseImage => {
            "use secure-scan sidecar --inert, which reads the image in a pod of the scan's own and runs none of it"
        }
        Remedy::UseImageOrShell => {
            "use secure-scan sidecar --inert, which reads the image in a pod of the scan's own; or, if the target has a shell, secure-scan container"
        }
        Remedy::SetUser => {
            "set runAsUser and runAsGroup in the pod's specification; or use secure-scan sidecar --inert, which reads the image; or, if the target has a shell, secure-scan container"
        }
        Remedy::ReadNamespace => {
            "ask an administrator for get on this namespace; or use secure-scan sidecar --inert, which reads the image; or, if the target has a shell, secure-scan container"
        }
        Remedy::UseRunning => {
            "scan the container itself: secure-scan container, secure-scan distroless, or a clone (without --inert); or \
             read its image from a file: secure-scan local --oci-archive"
        }
        Remedy::DeploySidecar => {
            "deploy it with one: secure-scan inject; or scan it without: secure-scan scan"
        }
        Remedy::InstallGuard => {
            "as an administrator: secure-scan guard render | kubectl apply -f -"
        }
        Remedy::CheckGuard => "see: secure-scan guard status",
        Remedy::BindGuardLimits { role } => {
            return format!("bind ClusterRole {role} to yourself in this namespace");
        }
        Remedy::AllowCommands => {
            "say what it may run with --exec; or let it run anything in this one container with --allow-any-command"
        }
        Remedy::AskAdministrator => "ask an administrator for these verbs on these resources",
        Remedy::NameCanary => {
            "name an address that answers from a pod with --canary; or scan without --require-isolation"
        }
        Remedy::ReadImageAsRoot => {
            "secure-scan sidecar --inert --as-root reads it in the image, if the namespace allows a pod that runs as root"
        }
        Remedy::ReadAsOwner => "scan as a user that may read it, such as root",
        Remedy::UseExec => "secure-scan container reads the environment of the container itself",
        Remedy::ReadAsRoot => "--as-root reads what only root may read, if the namespace allows it",
        Remedy::ReadAsNobody => {
            "scan without --as-root and --complete-from-image, or drift with --as-nobody: what cannot be read is then reported"
        }
        Remedy::PullAlways => {
            "see what the tag names in the registry; --pull always asks the registry each time"
        }
        Remedy::LabelOrExempt => {
            "an admission policy of this cluster refuses an object of the scan: give it the labels that the policy demands \
             with --label KEY=VALUE (or --annotation), or exempt it there, by its label secure-scan.io/scan or by its name"
        }
        Remedy::NameKubeconfig => "name a working file with --kubeconfig",
        Remedy::NameContext => "name one of them with --context",
        Remedy::TrustSystemRoots => {
            "set certificate-authority-data to the cluster's CA; or, if the server's certificate comes from a public CA, use --system-roots"
        }
        other => return pod_words(other),
    };
    text.to_owned()
}

/// The same, about the pods of a scan, its images and nodes, and about manifests.
fn pod_words(remedy: &Remedy) -> String {
    let text = match remedy {
        Remedy::NameProbeImage => {
            "name with --probe-image (or SECURE_SCAN_PROBE_IMAGE) the image of the probe, the small static program that reads \
             targets without a shell; cargo xtask probe-image --out probe.tar builds it: docs/probe-image.md"
        }
        Remedy::CheckProbeVersion => {
            "check that --probe-image is an image of the probe, of this version of secure-scan: docs/probe-image.md"
        }
        Remedy::UseSidecar => {
            "see the events of the pod; or use secure-scan sidecar, whose pod is the scan's own"
        }
        Remedy::UseImageOrKeepConfig => {
            "use --inert, which runs none of it, or keep what it needs with --with-config or --with-secrets"
        }
        Remedy::UseNoImageVolume => {
            "image volumes need Kubernetes 1.35 (or their feature gate) and containerd 2.1; use a clone (without --inert), secure-scan distroless, or secure-scan local --oci-archive"
        }
        Remedy::CompleteFromImage => {
            "--complete-from-image (with --probe-image) reads it in the image, if the namespace allows a pod that runs as root; \
             --helper-namespace NAMESPACE reads the image in another namespace that does"
        }
        Remedy::CompareByProbe => {
            "the container's own shell reads no capabilities of files: --via distroless reads them, and so does --via attached"
        }
        Remedy::AllowImageTrial => {
            "ask an administrator for such a pod (rights to create and delete pods, room in its quota); or skip the trial with --no-try-image: an image that does not start then leaves its entry in the target's pod"
        }
        Remedy::SetProbeResources => {
            "the namespace's LimitRange demands other resources: set them with --probe-resources, such as \
             cpu=100m:500m,memory=256Mi, or probe_resources in the policy; a clone has the resources of the target"
        }
        Remedy::CorrectProbeImage => "--probe-image is not the name of an image",
        Remedy::LoadProbeImage => {
            "the node does not have --probe-image and may not pull it: load the image onto the node, or name one in a registry"
        }
        Remedy::PullProbeImage => {
            "check the name of --probe-image, that the node can pull it, and that the pod's imagePullSecrets allow it: \
             docs/probe-image.md"
        }
        Remedy::PullImage => {
            "check the registry, name and tag, and that the node can pull the image with the pod's imagePullSecrets \
             (--pull-secret for secure-scan image)"
        }
        Remedy::UseHelperNamespace => {
            "read the image in a namespace that allows a pod that runs as root (Pod Security level baseline): --helper-namespace NAMESPACE; \
             or scan without --complete-from-image or --as-root, or drift with --as-nobody: what only root may read is then reported as not read"
        }
        Remedy::NameHelperNamespace => {
            "name with --helper-namespace a namespace that allows a pod that runs as root (Pod Security level baseline), or leave it out; \
             see: kubectl get namespaces"
        }
        Remedy::AddPullSecret { namespace } => {
            return format!(
                "create a pull secret for the image in namespace {namespace} and name it in the imagePullSecrets of the \
                 ServiceAccount default there, or remove that of the target's pod if the image needs none; or leave --helper-namespace out"
            );
        }
        Remedy::FreeTargetNode => {
            "make room on the target's node, the only one where the scan's pod may run (--same-node, drift, or an image that only this node has); the target was not touched"
        }
        Remedy::CheckNode { node: Some(node) } => {
            return format!("check that it is Ready: kubectl get node {node}; and scan again");
        }
        Remedy::CheckNode { node: None } => {
            "check that the pod's node is Ready: kubectl get nodes; and scan again"
        }
        Remedy::ReadEventsOrRaiseLease => {
            "see: kubectl get events in the pod's namespace; raise --lease if it only took too long"
        }
        Remedy::CheckObject {
            resource,
            namespace,
            name,
            lease_seconds,
        } => {
            return format!(
                "the lease removes it within {lease_seconds} s; check with: kubectl get {resource} {name} -n {namespace}"
            );
        }
        Remedy::NameUser => {
            "set runAsUser and runAsGroup, or name the user and group that the image runs as: --user UID:GID"
        }
        Remedy::OmitUser => "leave --user out: the manifest has a user",
        Remedy::NamePodSecurity => {
            "run the container as a user other than root; or, if the namespace allows more, --pod-security privileged"
        }
        Remedy::ValidateManifest => "see: kubectl apply --dry-run=server",
        // Advice is the same for every program, and so is what has no flag here.
        other => return other.to_string(),
    };
    text.to_owned()
}

/// The report with its hint in the words of this program, of the scan of the image too.
pub(crate) fn worded(mut report: ScanReport) -> ScanReport {
    if let Some(failure) = &mut report.failure
        && let Some(remedy) = &failure.remedy
    {
        failure.hint = Some(remedy_words(remedy));
    }
    report.image_scan = report.image_scan.map(|image| Box::new(worded(*image)));
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_names_the_flag_or_command_that_does_it() {
        for (remedy, words) in [
            (Remedy::NameContainer, "-c"),
            (Remedy::NameNamespace, "-n"),
            (Remedy::RaiseLease, "--lease"),
            (Remedy::RaiseIdleTimeout, "--idle-timeout"),
            (Remedy::RaiseAnswerLimit, "--answer-limit"),
            (Remedy::UseProbe, "secure-scan distroless"),
            (Remedy::UseImage, "secure-scan sidecar --inert"),
            (Remedy::SetUser, "secure-scan sidecar --inert"),
            (Remedy::UseRunning, "secure-scan container"),
            (Remedy::NameProbeImage, "--probe-image"),
            (Remedy::CheckProbeVersion, "--probe-image"),
            (Remedy::DeploySidecar, "secure-scan inject"),
            (Remedy::InstallGuard, "secure-scan guard render"),
            (Remedy::CheckGuard, "secure-scan guard status"),
            (Remedy::AllowCommands, "--allow-any-command"),
            (Remedy::NameCanary, "--canary"),
            (Remedy::ReadAsRoot, "--as-root"),
            (
                Remedy::ReadImageAsRoot,
                "secure-scan sidecar --inert --as-root",
            ),
            (Remedy::CompleteFromImage, "--complete-from-image"),
            (Remedy::CompleteFromImage, "--helper-namespace"),
            (Remedy::CompareByProbe, "--via distroless"),
            (Remedy::UseHelperNamespace, "--helper-namespace"),
            (Remedy::NameHelperNamespace, "--helper-namespace"),
            (
                Remedy::AddPullSecret {
                    namespace: "helpers".into(),
                },
                "in namespace helpers",
            ),
            (Remedy::UseExec, "secure-scan container"),
            (Remedy::LabelOrExempt, "--label KEY=VALUE"),
            (Remedy::ReadAsNobody, "--as-root"),
            (Remedy::PullAlways, "--pull always"),
            (Remedy::NameKubeconfig, "--kubeconfig"),
            (Remedy::NameContext, "--context"),
            (Remedy::TrustSystemRoots, "--system-roots"),
            (Remedy::UseSidecar, "secure-scan sidecar"),
            (Remedy::UseImageOrKeepConfig, "--with-secrets"),
            (Remedy::UseNoImageVolume, "--oci-archive"),
            (Remedy::CorrectProbeImage, "--probe-image"),
            (Remedy::LoadProbeImage, "--probe-image"),
            (Remedy::AllowImageTrial, "--no-try-image"),
            (Remedy::SetProbeResources, "--probe-resources"),
            (Remedy::PullProbeImage, "--probe-image"),
            (Remedy::PullImage, "--pull-secret"),
            (Remedy::FreeTargetNode, "--same-node"),
            (Remedy::CheckNode { node: None }, "kubectl get nodes"),
            (Remedy::ReadEventsOrRaiseLease, "--lease"),
            (Remedy::NameUser, "--user"),
            (Remedy::OmitUser, "--user"),
            (Remedy::NamePodSecurity, "--pod-security privileged"),
            (Remedy::ValidateManifest, "--dry-run=server"),
        ] {
            let text = remedy_words(&remedy);
            assert!(text.contains(words), "{remedy:?}: {text}");
        }
        let pods = Remedy::ListPods {
            namespace: "shop".into(),
            selector: Some("app=web".into()),
        };
        let see = "see: kubectl get pods -n shop -l 'app=web'";
        assert_eq!(remedy_words(&pods), see);
        assert_eq!(remedy_words(&Remedy::advice("do this")), "do this");
    }
}
