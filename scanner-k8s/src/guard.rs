//! The admission guard: one static policy in the cluster, and each scan's limits in its own Role.
//!
//! RBAC can say into which pod a scan identity may exec, not into which container, nor with what
//! command. `guard.yaml` can, on CONNECT; what one scan planned it reads from the scan's own Role,
//! as rules of an API group that has no server, with the CEL `authorizer`. Such a rule allows
//! nothing by itself, guard or not.

mod attempts;
mod status;
mod trial;

use std::fmt::Write as _;

pub use status::{GuardPart, GuardStatus, PartState};
pub use trial::{Attempted, FailedTrial, GuardTrial, trial};

const TEXT: &str = include_str!("guard/guard.yaml");

/// The guard as YAML to be applied: in all namespaces, or in those that have all of `labels`.
pub fn render(name: &str, labels: &[(String, String)]) -> String {
    let resources = if labels.is_empty() {
        "  matchResources: {}\n".to_owned()
    } else {
        let mut text =
            String::from("  matchResources:\n    namespaceSelector:\n      matchLabels:\n");
        for (key, value) in labels {
            let _ = writeln!(text, "        {key}: \"{value}\"");
        }
        text
    };
    fill(name, &resources)
}

/// The same as the template of a Helm chart, with values `name` and `namespaceSelector`.
pub fn chart_template() -> String {
    let resources = "  matchResources:\n    {{- with .Values.namespaceSelector }}\n    \
                     namespaceSelector:\n      {{- toYaml . | nindent 6 }}\n    {{- else }} {}\n    {{- end }}\n";
    fill("{{ .Values.name }}", resources)
}

fn fill(name: &str, resources: &str) -> String {
    TEXT.replace("@MATCH@\n", resources).replace("@NAME@", name)
}

#[cfg(test)]
mod tests;
