//! The guard as text: for a cluster, or as the template of a chart.

use std::fmt::Write as _;

const TEXT: &str = include_str!("guard.yaml");

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
