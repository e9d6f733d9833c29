//! The gates by name, and what each looks at.

use scanner_core::similar::similar;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

macro_rules! gates {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $group:literal, $about:literal;)*) => {
        /// A gate that a policy decides about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        #[expect(clippy::doc_markdown, reason = "the same words are shown to users")]
        pub enum GateId {
            $(#[doc = $about] $variant,)*
        }

        impl GateId {
            /// Every gate, in the order in which they are asked.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in policies and reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The group that it belongs to.
            pub const fn group(self) -> &'static str {
                match self { $(Self::$variant => $group,)* }
            }

            /// What it checks.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}

gates! {
    TargetPinned, "target-pinned", "integrity", "The server gives a pod UID, a container id and an image id to pin the target by.";
    SpecDigest, "spec-digest", "integrity", "Where the specification names a digest, the node reports the same one. An image index and its manifest have different digests, so a difference alone is no proof of another image.";
    SiblingImages, "sibling-images", "integrity", "Pods of the same owner that run the same image reference report the same image id.";
    Privileged, "privileged", "privileged status", "The container is not privileged.";
    HostPid, "host-pid", "privileged status", "The pod does not share the node's process namespace.";
    HostIpc, "host-ipc", "privileged status", "The pod does not share the node's IPC namespace.";
    HostNetwork, "host-network", "privileged status", "The pod does not share the node's network namespace.";
    HostPath, "host-path", "privileged status", "No path of the node is mounted, but for allow_host_paths.";
    AddedCapabilities, "added-capabilities", "privileged status", "No capability is added, but for allow_capabilities.";
    PrivilegeEscalation, "privilege-escalation", "privileged status", "allowPrivilegeEscalation is false.";
    RunsAsRoot, "runs-as-root", "privileged status", "The container does not run as root: by what the node reports, else by runAsUser and runAsNonRoot.";
    ProcMount, "proc-mount", "privileged status", "/proc is masked as usual (procMount Default).";
    Seccomp, "seccomp", "privileged status", "A seccomp profile is set and is not Unconfined.";
    Apparmor, "apparmor", "privileged status", "The AppArmor profile is not Unconfined. Unset is the runtime's default where the node has AppArmor.";
    EvidenceIndependent, "evidence-independent", "evidence", "What answers cannot be forged from within the target: the image alone, or a probe that is stronger than the target or not root; but for allow_evidence.";
    ImageRegistry, "image-registry", "image source", "The image comes from one of registries, where the policy names any.";
    ImageDigest, "image-digest", "image source", "The specification names the image by digest.";
    ImageTagLatest, "image-tag-latest", "image source", "The image is not named by tag latest, or by no tag at all.";
    ImageSignature, "image-signature", "image source", "A signature of the running digest was given and is that of the given key or identity.";
    HostPorts, "host-ports", "network", "The container takes no port of the node.";
    ExposedService, "exposed-service", "network", "No Service that reaches out of the cluster (LoadBalancer, NodePort, external IPs) selects the pod.";
    NetworkPolicy, "network-policy", "network", "A NetworkPolicy limits what comes in and one limits what goes out.";
}

/// By hand, because serde lists every gate for a name that is misspelt.
impl<'de> Deserialize<'de> for GateId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let found = Self::ALL.iter().find(|gate| gate.name() == name);
        found.copied().ok_or_else(|| {
            let names = Self::ALL.iter().map(|gate| gate.name());
            D::Error::custom(match similar(&name, names).first() {
                Some(meant) => format!("there is no gate {name}; did you mean {meant}?"),
                None => format!("there is no gate {name}"),
            })
        })
    }
}
