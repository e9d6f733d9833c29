//! The guard as text: for a cluster, or as the template of a chart.

use std::fmt::Write as _;

use scanner_core::target::Namespace;

/// The policies, each with the suffix that its name adds to the guard's.
const POLICIES: [(&str, &str); 4] = [
    ("", include_str!("guard.yaml")),
    ("-identities", include_str!("identities.yaml")),
    ("-objects", include_str!("objects.yaml")),
    ("-probes", include_str!("probes.yaml")),
];
const BINDING: &str = include_str!("binding.yaml");
const ROLES: &str = include_str!("roles.yaml");
/// End of the name of a binding that covers the namespaces of identities.
pub(super) const HOME: &str = "-home";

/// The guard as YAML to be applied: in all namespaces, or in those that have all of `labels`. Identities of scans may live
/// in the namespace of their target and in those of `homes`, which the guard covers whatever their labels are.
pub fn render(name: &str, labels: &[(String, String)], homes: &[Namespace]) -> String {
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
    let quoted: Vec<String> = homes.iter().map(|home| format!("\"{home}\"")).collect();
    let list = format!("[{}]", quoted.join(","));
    let documents = documents(|part| {
        let bound = binding(part, &resources);
        if homes.is_empty() {
            return bound;
        }
        format!("{bound}---\n{}", home_binding(part, &list))
    });
    fill(&documents, name, &list)
}

/// The same as the template of a Helm chart, with values `name`, `namespaceSelector` and `identityNamespaces`.
pub fn chart_template() -> String {
    let resources = "  matchResources:\n    {{- with .Values.namespaceSelector }}\n    \
                     namespaceSelector:\n      {{- toYaml . | nindent 6 }}\n    {{- else }} {}\n    {{- end }}\n";
    let list = "{{ .Values.identityNamespaces | toJson }}";
    let documents = documents(|part| {
        let (bound, home) = (binding(part, resources), home_binding(part, list));
        format!("{bound}{{{{- if .Values.identityNamespaces }}}}\n---\n{home}{{{{- end }}}}\n")
    });
    fill(&documents, "{{ .Values.name }}", list)
}

/// Every policy with its bindings, and the roles.
fn documents(bindings: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for (part, policy) in POLICIES {
        let _ = write!(text, "{policy}---\n{}---\n", bindings(part));
    }
    text + ROLES
}

fn binding(part: &str, resources: &str) -> String {
    BINDING
        .replace("@MATCH@\n", resources)
        .replace("@BINDING@", part)
        .replace("@PART@", part)
}

/// The binding of the same policy in the namespaces of identities.
fn home_binding(part: &str, list: &str) -> String {
    let resources = format!(
        "  matchResources:\n    namespaceSelector:\n      matchExpressions:\n        \
         - {{key: kubernetes.io/metadata.name, operator: In, values: {list}}}\n"
    );
    BINDING
        .replace("@MATCH@\n", &resources)
        .replace("@BINDING@", &format!("{part}{HOME}"))
        .replace("@PART@", part)
}

fn fill(text: &str, name: &str, homes: &str) -> String {
    text.replace("@NAME@", name).replace("@HOMES@", homes)
}
