//! Kinds of workloads, in the words of kubectl.

use std::fmt;

/// A kind of workload whose pods can be scanned by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` `StatefulSet`.
    StatefulSet,
    /// `apps/v1` `DaemonSet`.
    DaemonSet,
    /// `apps/v1` `ReplicaSet`.
    ReplicaSet,
    /// `batch/v1` Job.
    Job,
    /// `v1` `ReplicationController`.
    ReplicationController,
}

impl WorkloadKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::Job,
        Self::ReplicationController,
    ];

    /// API group; the core group is the empty string.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Deployment | Self::StatefulSet | Self::DaemonSet | Self::ReplicaSet => "apps",
            Self::Job => "batch",
            Self::ReplicationController => "",
        }
    }

    /// Kind, as in an object.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
            Self::ReplicationController => "ReplicationController",
        }
    }

    /// Resource, as in a Role.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::ReplicaSet => "replicasets",
            Self::Job => "jobs",
            Self::ReplicationController => "replicationcontrollers",
        }
    }

    /// Shortest name that kubectl takes.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Deployment => "deploy",
            Self::StatefulSet => "sts",
            Self::DaemonSet => "ds",
            Self::ReplicaSet => "rs",
            Self::Job => "job",
            Self::ReplicationController => "rc",
        }
    }

    /// A workload of this kind as kubectl takes it, such as `deploy/web`.
    pub fn target(self, name: impl fmt::Display) -> String {
        format!("{}/{name}", self.short())
    }

    /// The kind of that name: a short name, singular or plural, in upper or lower case, with or without its group,
    /// such as `deploy`, `Deployment`, `deployments.apps` or `deployments.v1.apps`.
    pub fn named(text: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| {
            let names = [kind.short(), kind.resource(), kind.kind()];
            is_resource(text, &names, kind.group())
        })
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind().to_ascii_lowercase())
    }
}

/// Whether `text` names a resource of that group by one of `names`.
pub(crate) fn is_resource(text: &str, names: &[&str], group: &str) -> bool {
    let (name, of) = match text.split_once('.') {
        Some((name, of)) => (name, Some(of)),
        None => (text, None),
    };
    let group_fits = of.is_none_or(|of| {
        let of = of.strip_prefix("v1.").unwrap_or(of);
        of == group && text.len() > name.len() + 1
    });
    group_fits && names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_workload_is_shown_as_it_is_named() {
        assert_eq!(WorkloadKind::StatefulSet.target("db"), "sts/db");
        for kind in WorkloadKind::ALL {
            let meant = crate::target::PodSelection::Workload {
                kind,
                name: "x".parse().unwrap(),
            };
            assert_eq!(kind.target("x").parse(), Ok(meant));
        }
    }

    #[test]
    fn every_spelling_of_kubectl_names_its_kind() {
        for kind in WorkloadKind::ALL {
            let singular = kind.to_string();
            for name in [kind.short(), kind.resource(), kind.kind(), &singular] {
                let upper = name.to_ascii_uppercase();
                assert_eq!(WorkloadKind::named(name), Some(kind), "{name}");
                assert_eq!(WorkloadKind::named(&upper), Some(kind), "{upper}");
                let grouped = format!("{name}.{}", kind.group());
                let fits = !kind.group().is_empty();
                let found = WorkloadKind::named(&grouped);
                assert_eq!(found, fits.then_some(kind), "{grouped}");
                let versioned = format!("{name}.v1.{}", kind.group());
                assert_eq!(WorkloadKind::named(&versioned), Some(kind), "{versioned}");
                assert_eq!(WorkloadKind::named(&format!("{name}.example.com")), None);
            }
        }
        for other in [
            "",
            ".",
            "pod",
            "svc",
            "cronjob",
            "cj",
            "deploys",
            "deployments.",
        ] {
            assert_eq!(WorkloadKind::named(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_more_than_one_kind_or_a_panic(text in "[a-zA-Z./1]{0,24}") {
            if let Some(kind) = WorkloadKind::named(&text) {
                let name = text.split('.').next().unwrap_or_default().to_ascii_lowercase();
                prop_assert!([kind.short(), kind.resource(), &kind.to_string()].contains(&name.as_str()));
            }
        }
    }
}
