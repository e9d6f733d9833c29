//! Compares what the agent read with what the cluster says.

use std::collections::BTreeSet;

use crate::{
    Collected, ContainerFacts, EnvVar, Gap, GapKind, Gaps, Inventory, PodFacts, collector,
};

/// The reason in the report for a variable that was not seen.
const NOT_SEEN: &str = "the container's specification sets it, and the environment that was read does not have it: the \
    process may have cleared or overwritten it, or a copy is without it; an exec into the container gets it";
/// The same for variables whose names are not known.
const LEFT_OUT: &str =
    "the environment that was read may be without them; an exec into the container gets them";
/// The item of a gap where nothing could be read of that environment.
const FIRST_PROCESS: &str = "environment of the container's first process";
/// What each container of a pod has in its environment, unless a process cleared it.
const ALWAYS: [&str; 2] = ["HOSTNAME", "KUBERNETES_SERVICE_HOST"];

impl Inventory {
    /// Makes the environment partial if it does not have a variable that the specification of the target's container sets:
    /// the process cleared or overwrote it, or the agent read another environment. Without the facts of the pod, as for an
    /// image, nothing changes.
    ///
    /// Variables of whole Secrets and `ConfigMap`s (`envFrom`) are not known by name. If the environment of another process
    /// was read, and a variable that must be there is missing, whoever started that process may have removed these too. An
    /// exec gets them anew; there, variables of Secrets count as missing if the environment does not have the variables of
    /// every container. Variables that are optional need not be there.
    ///
    /// ```
    /// use scanner_inventory::{Collected, ContainerFacts, EnvSource, Inventory, PodFacts};
    ///
    /// let mut password = EnvSource::default();
    /// password.name = "DB_PASSWORD".into();
    /// let mut container = ContainerFacts::default();
    /// container.target = true;
    /// container.env = vec![password];
    /// let mut pod = PodFacts::default();
    /// pod.containers = vec![container];
    ///
    /// let mut inventory = Inventory::default();
    /// inventory.pod = Collected::Complete { data: pod };
    /// inventory.env = Collected::Complete { data: vec![] };
    /// inventory.reconcile_env();
    /// assert!(matches!(inventory.env, Collected::Partial { .. }));
    /// ```
    pub fn reconcile_env(&mut self) {
        let Some(pod) = self.pod.data() else { return };
        let (data, mut gaps) = match std::mem::take(&mut self.env) {
            Collected::Complete { data } => (data, Gaps::default()),
            Collected::Partial { data, gaps } => (data, gaps),
            other => {
                self.env = other;
                return;
            }
        };
        let is_seen = |name: &&str| data.iter().any(|variable| variable.name == **name);
        let missing = missing_variables(pod, &data);
        let is_trimmed = !missing.is_empty() || !ALWAYS.iter().all(is_seen);
        for name in missing {
            let item = format!("variable {name}");
            gaps.add(Gap::new(GapKind::Hidden).of_item(&item).with_note(NOT_SEEN));
        }
        let mut sources = BTreeSet::new();
        if self.agent.name != collector::NAME && is_trimmed {
            sources.extend(targets(pod).flat_map(|container| container.env_from.iter().cloned()));
        }
        if !ALWAYS.iter().any(is_seen) {
            let secrets = targets(pod).flat_map(|container| &container.secret_env_from);
            sources.extend(secrets.map(|name| format!("Secret {name}")));
        }
        for source in sources {
            gaps.add(left_out(&format!("variables of {source}")));
        }
        self.env = Collected::with_gaps(data, gaps);
    }

    /// Makes the environment partial because its reader knows that variables of the target are not in it; `items` say
    /// which, such as `variables of Secret db`.
    pub fn leave_out_of_env(&mut self, items: &[String]) {
        let gaps: Gaps = items.iter().map(|item| left_out(item)).collect();
        self.env = std::mem::take(&mut self.env).and_gaps(gaps);
    }

    /// Adds the environment of the container's first process to that of a new process, after that was compared with the
    /// specification: an entrypoint may have exported more. What could not be read of it stays in `process_env`.
    pub fn join_process_env(&mut self) {
        let (more, unread) = match std::mem::take(&mut self.process_env) {
            Collected::Complete { data } => (data, Collected::NotRequested),
            Collected::Partial { data, gaps } => {
                let rest = Collected::Partial {
                    data: Vec::new(),
                    gaps,
                };
                (data, rest)
            }
            unread => (Vec::new(), unread),
        };
        self.process_env = unread;
        if let Collected::Complete { data } | Collected::Partial { data, .. } = &mut self.env {
            let more = more.into_iter().filter(|one| !data.contains(one));
            let more: Vec<EnvVar> = more.collect();
            data.extend(more);
        }
    }
}

impl Inventory {
    /// The environment with what could not be read of the container's first process as gaps.
    pub(crate) fn with_unread_process_env(&self) -> Collected<()> {
        let env = match &self.env {
            Collected::Complete { .. } => Collected::Complete { data: () },
            Collected::Partial { gaps, .. } => Collected::with_gaps((), gaps.clone()),
            Collected::Unavailable { reason } => Collected::Unavailable {
                reason: reason.clone(),
            },
            Collected::NotRequested => Collected::NotRequested,
        };
        match &self.process_env {
            Collected::Partial { gaps, .. } => env.and_gaps(gaps.clone()),
            Collected::Unavailable { reason } => {
                let gap = Gap::new(GapKind::NotReadable).of_item(FIRST_PROCESS);
                env.and_gaps(gap.with_note(reason).into())
            }
            Collected::Complete { .. } | Collected::NotRequested => env,
        }
    }
}

fn left_out(item: &str) -> Gap {
    Gap::new(GapKind::Hidden).of_item(item).with_note(LEFT_OUT)
}

fn targets(pod: &PodFacts) -> impl Iterator<Item = &ContainerFacts> {
    pod.containers.iter().filter(|container| container.target)
}

/// Names that the target's container must have in its environment but does not have; each once.
pub fn missing_variables<'a>(pod: &'a PodFacts, seen: &[EnvVar]) -> BTreeSet<&'a str> {
    let seen: BTreeSet<&str> = seen.iter().map(|variable| variable.name.as_str()).collect();
    let variables = targets(pod).flat_map(|container| &container.env);
    variables
        .filter(|variable| !variable.optional)
        .map(|variable| variable.name.as_str())
        .filter(|name| !seen.contains(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContainerFacts, Coverage, EnvSource};

    fn inventory(set: &[&str], env: Collected<Vec<EnvVar>>) -> Inventory {
        let source = |name: &&str| EnvSource {
            name: (*name).into(),
            ..EnvSource::default()
        };
        let container = |target, set: &[&str]| ContainerFacts {
            target,
            env: set.iter().map(source).collect(),
            ..ContainerFacts::default()
        };
        let pod = PodFacts {
            containers: vec![container(false, &["OF_ANOTHER"]), container(true, set)],
            ..PodFacts::default()
        };
        Inventory {
            pod: Collected::Complete { data: pod },
            env,
            ..Inventory::default()
        }
    }

    fn seen(names: &[&str]) -> Vec<EnvVar> {
        let variable = |name: &&str| EnvVar {
            name: (*name).into(),
            ..EnvVar::default()
        };
        names.iter().map(variable).collect()
    }

    fn reconciled(mut inventory: Inventory) -> Inventory {
        inventory.reconcile_env();
        inventory
    }

    #[test]
    fn a_variable_of_the_specification_that_was_not_seen_is_a_gap() {
        let data = seen(&["PATH", "A"]);
        let env = Collected::Complete { data: data.clone() };
        let found = reconciled(inventory(&["A", "DB_PASSWORD", "DB_PASSWORD"], env));
        let Collected::Partial { data: kept, gaps } = found.env else {
            unreachable!("partial");
        };
        assert_eq!((kept, gaps.total()), (data, 1));
        let gap = gaps.iter().next().unwrap();
        assert_eq!(gap.kind, GapKind::Hidden);
        assert_eq!(gap.item.as_deref(), Some("variable DB_PASSWORD"));
    }

    #[test]
    fn an_environment_with_all_of_the_specification_stays_as_it_is() {
        let env = Collected::Complete {
            data: seen(&["PATH", "A"]),
        };
        let before = inventory(&["A"], env);
        assert_eq!(reconciled(before.clone()), before);
        let unknown = Inventory {
            pod: Collected::NotRequested,
            ..inventory(&["B"], Collected::Complete { data: seen(&[]) })
        };
        assert_eq!(reconciled(unknown.clone()), unknown);
        for env in [
            Collected::NotRequested,
            Collected::Unavailable {
                reason: "none".into(),
            },
        ] {
            let before = inventory(&["B"], env);
            assert_eq!(reconciled(before.clone()), before);
        }
    }

    #[test]
    fn variables_of_a_whole_secret_are_missing_where_the_environment_was_cleared() {
        for (names, missing) in [
            (&["PATH"][..], true),
            (&[], true),
            (&["PATH", "HOSTNAME"], false),
            (&["KUBERNETES_SERVICE_HOST"], false),
        ] {
            let env = Collected::Complete { data: seen(names) };
            let mut before = inventory(&[], env);
            let Collected::Complete { data } = &mut before.pod else {
                unreachable!("complete");
            };
            data.containers[1].secret_env_from = vec!["db".into()];
            let Collected::Partial { gaps, .. } = reconciled(before).env else {
                assert!(!missing, "{names:?}");
                continue;
            };
            assert!(missing, "{names:?}");
            let gap = gaps.iter().next().unwrap();
            assert_eq!(gap.item.as_deref(), Some("variables of Secret db"));
        }
    }

    #[test]
    fn variables_of_whole_sources_are_not_known_where_another_one_was_removed() {
        let items = |agent: &str, names: &[&str], from: &[&str]| {
            let env = Collected::Complete { data: seen(names) };
            let mut before = inventory(&[], env);
            before.agent.name = agent.into();
            let Collected::Complete { data } = &mut before.pod else {
                unreachable!("complete");
            };
            data.containers[1].env_from = from.iter().map(ToString::to_string).collect();
            data.containers[0].env_from = vec!["Secret of-another".into()];
            data.containers[1].secret_env_from = vec!["db".into()];
            match reconciled(before).env {
                Collected::Partial { gaps, .. } => {
                    gaps.iter().filter_map(|gap| gap.item.clone()).collect()
                }
                _ => Vec::new(),
            }
        };
        let whole = ["HOSTNAME", "KUBERNETES_SERVICE_HOST"];
        let from = ["Secret db", "ConfigMap settings"];
        let expected = ["variables of ConfigMap settings", "variables of Secret db"];
        assert_eq!(items("probe", &whole[1..], &from), expected);
        assert_eq!(items("probe", &whole[..1], &from), expected);
        assert_eq!(items("probe", &[], &from), expected);
        assert!(items("probe", &whole, &from).is_empty());
        assert!(items("probe", &whole, &[]).is_empty());
        assert!(items(collector::NAME, &whole, &from).is_empty());
        assert_eq!(items(collector::NAME, &[], &from), expected[1..]);
    }

    #[test]
    fn what_a_reader_leaves_out_is_a_gap_of_an_environment_that_was_read() {
        let left_out = ["variables of Secret db".to_owned()];
        let env = Collected::Complete { data: seen(&["A"]) };
        let mut found = inventory(&[], env);
        found.leave_out_of_env(&[]);
        assert!(matches!(found.env, Collected::Complete { .. }));
        found.leave_out_of_env(&left_out);
        assert!(matches!(found.env, Collected::Partial { .. }));
        found.env = Collected::NotRequested;
        found.leave_out_of_env(&left_out);
        assert_eq!(found.env, Collected::NotRequested);
    }

    #[test]
    fn the_first_process_adds_variables_and_never_hides_that_a_new_one_is_without_them() {
        let mut found = inventory(&["A"], Collected::Complete { data: seen(&["B"]) });
        found.process_env = Collected::Complete {
            data: seen(&["A", "B", "C"]),
        };
        found.reconcile_env();
        found.join_process_env();
        let Collected::Partial { data, gaps } = &found.env else {
            unreachable!("partial");
        };
        assert_eq!((data, gaps.total()), (&seen(&["B", "A", "C"]), 1));
        let before = found.clone();
        found.join_process_env();
        assert_eq!(found, before);
        found.env = Collected::NotRequested;
        found.process_env = Collected::Unavailable {
            reason: "hidden".into(),
        };
        found.join_process_env();
        assert_eq!(found.env, Collected::NotRequested);
    }

    #[test]
    fn what_was_not_read_of_the_first_process_is_in_the_coverage() {
        let gap = Gap::new(GapKind::NotReadable).at("/proc/1/environ");
        let unread = [
            Collected::Partial {
                data: seen(&[]),
                gaps: gap.into(),
            },
            Collected::Unavailable {
                reason: "hidden".into(),
            },
        ];
        for process_env in unread {
            let mut found = inventory(&["A"], Collected::Complete { data: seen(&["A"]) });
            found.process_env = process_env;
            found.join_process_env();
            let complete = found.section_coverage(crate::Section::Env);
            assert_eq!(complete, Coverage::Complete);
            let coverage = found.coverage();
            let env = coverage.get(&crate::Section::Env);
            assert!(matches!(env, Some(Coverage::Partial { .. })), "{env:?}");
        }
    }

    #[test]
    fn what_was_partial_keeps_its_gaps_and_an_optional_variable_is_none() {
        let env = Collected::Partial {
            data: seen(&[]),
            gaps: Gap::new(GapKind::Malformed).into(),
        };
        let mut before = inventory(&["A", "MAYBE"], env);
        let Collected::Complete { data } = &mut before.pod else {
            unreachable!("complete");
        };
        data.containers[1].env[1].optional = true;
        let Coverage::Partial { gaps } = reconciled(before).env.coverage() else {
            unreachable!("partial");
        };
        let kinds: Vec<GapKind> = gaps.iter().map(|gap| gap.kind).collect();
        assert_eq!(kinds, [GapKind::Malformed, GapKind::Hidden]);
        assert_eq!(gaps.total(), 2);
    }
}
