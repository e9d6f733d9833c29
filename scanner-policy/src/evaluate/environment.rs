//! What no reader of a running process knows of its environment.

use scanner_core::{
    finding::{CheckResult, CheckStatus},
    inventory::{Collected, Inventory, PodFacts, Section, collector},
};

use crate::check::Check;

/// `result` with a limit if it rests on the environment of a running process of a pod alone: variables without a known name
/// may have been removed from it, and no gap shows that. An exec has them anew. It may not read what an entrypoint exported for
/// a process of another user, and a process may have written over it, as nginx does: such a result is not complete.
pub(super) fn with_removed(
    mut result: CheckResult,
    check: &Check,
    inventory: &Inventory,
) -> CheckResult {
    let looked = matches!(result.status, CheckStatus::Pass | CheckStatus::Fail);
    if !looked || !check.sections.contains(&Section::Env) {
        return result;
    }
    let agent = inventory.agent.name.as_str();
    if let Some(pod) = inventory
        .pod
        .data()
        .filter(|_| !["", collector::NAME].contains(&agent))
    {
        result.limits.push(limit(pod));
    }
    if let Some((unread, why)) = of_first_process(inventory) {
        result.limits.push(format!(
            "env: variables that an entrypoint exported may be missing: {why}"
        ));
        result.not_read = result.not_read.saturating_add(unread);
    }
    result
}

/// How many parts of the environment of the container's first process an exec could not read, and why.
fn of_first_process(inventory: &Inventory) -> Option<(u64, String)> {
    match &inventory.process_env {
        Collected::Partial { gaps, .. } => Some((gaps.missing().max(1), gaps.to_string())),
        Collected::Unavailable { reason } => Some((1, reason.clone())),
        Collected::Complete { .. } | Collected::NotRequested => None,
    }
}

fn limit(pod: &PodFacts) -> String {
    let mut targets = pod.containers.iter().filter(|container| container.target);
    let from_whole = targets.any(|c| !c.env_from.is_empty() || !c.secret_env_from.is_empty());
    let sources = if from_whole {
        "the image (ENV) or envFrom sets"
    } else {
        "the image sets (ENV)"
    };
    format!(
        "env: an entrypoint may have removed variables that {sources} before the process was read; strategy container sees them"
    )
}

#[cfg(test)]
mod tests {
    use scanner_core::{
        ScanEngine as _,
        engine::Evaluation,
        inventory::{ContainerFacts, EnvVar, Gap, GapKind, sink::FilesEnd},
    };

    use super::*;
    use crate::Profile;

    /// Results of both kinds of evaluation for `agent`.
    fn results(agent: &str, from: &[&str], shape: &str) -> [CheckResult; 2] {
        results_of(Collected::NotRequested, agent, from, shape)
    }

    /// The same, where that is known of the container's first process.
    fn results_of(
        process_env: Collected<Vec<EnvVar>>,
        agent: &str,
        from: &[&str],
        shape: &str,
    ) -> [CheckResult; 2] {
        let profile = Profile::shipped("secrets").unwrap();
        let container = ContainerFacts {
            target: true,
            secret_env_from: from.iter().map(ToString::to_string).collect(),
            ..ContainerFacts::default()
        };
        let mut inventory = Inventory {
            process_env,
            env: Collected::Complete {
                data: vec![EnvVar {
                    name: "X".into(),
                    length: 20,
                    shape: shape.into(),
                }],
            },
            pod: Collected::Complete {
                data: PodFacts {
                    containers: vec![container],
                    ..PodFacts::default()
                },
            },
            ..Inventory::default()
        };
        inventory.agent.name = agent.into();
        let context = Evaluation::on(jiff::civil::date(2026, 1, 31));
        let mut by_entry = profile.by_entry(&context).unwrap();
        by_entry.sections(&inventory);
        let end = FilesEnd::new(inventory.files.coverage(), false);
        [
            profile.evaluate(&inventory, &context),
            by_entry.finish(&end),
        ]
        .map(|findings| {
            let mut results = findings.results.into_iter();
            let found = results.find(|r| r.id == "secret-shapes-in-environment");
            found.expect("the check")
        })
    }

    #[test]
    fn a_probe_cannot_know_what_an_entrypoint_removed_and_an_exec_can() {
        for (shape, status) in [("plain", CheckStatus::Pass), ("jwt", CheckStatus::Fail)] {
            for (from, sources) in [(&[][..], "the image sets"), (&["db"], "or envFrom sets")] {
                for result in results("probe", from, shape) {
                    assert_eq!(result.status, status);
                    let [limit] = &result.limits[..] else {
                        unreachable!("one limit: {:?}", result.limits);
                    };
                    assert!(limit.contains(sources), "{limit}");
                    // Nothing that the check asks for was left unread: a scan that must be complete may pass.
                    assert!(result.is_complete());
                }
            }
            for result in results(collector::NAME, &["db"], shape) {
                assert_eq!(result.limits, Vec::<String>::new());
            }
        }
    }

    #[test]
    fn where_there_is_no_environment_the_reason_names_that_of_the_image() {
        let profile = Profile::shipped("secrets").unwrap();
        let day = Evaluation::on(jiff::civil::date(2026, 1, 31));
        let context = day.without(&[Section::Env]);
        let findings = profile.evaluate(&Inventory::default(), &context);
        let mut results = findings.results.iter();
        let found = results.find(|r| r.id == "secret-shapes-in-environment");
        let found = found.expect("the check");
        assert_eq!(found.status, CheckStatus::NotApplicable);
        let expected = "the target has no env; variables that an image sets (ENV) are not read";
        assert_eq!(found.message, expected);
    }

    #[test]
    fn what_an_exec_could_not_read_of_the_first_process_makes_a_result_incomplete() {
        let gap = Gap::new(GapKind::NotReadable).at("/proc/1/environ");
        let unread = [
            Collected::Partial {
                data: Vec::new(),
                gaps: gap.into(),
            },
            Collected::Unavailable {
                reason: "/proc/1/environ is hidden".into(),
            },
        ];
        for process_env in unread {
            for result in results_of(process_env.clone(), collector::NAME, &[], "plain") {
                assert_eq!(result.status, CheckStatus::Pass);
                assert!(!result.is_complete());
                assert!(result.limits[0].contains("/proc/1/environ"), "{result:?}");
            }
        }
    }
}
