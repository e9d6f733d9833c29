//! Explains a profile: what each check collects, why it matters and how to fix it.

use std::fmt::Write as _;

use scanner_core::{
    escape::{lines, visible},
    inventory::{FileSelector, Section},
};

use super::{compiled::Profile, scope_text};
use crate::check::{Check, Rule};

/// Longest text of an author that is explained, in characters: more than an expression has.
const MAX_SHOWN: usize = 10_000;

impl Profile {
    /// What the profile, or its check `id` alone, looks at and why; `None` when it has no such check.
    pub fn explain(&self, id: Option<&str>) -> Option<String> {
        let mut text = String::new();
        let checks: Vec<&Check> = self
            .checks
            .iter()
            .filter(|c| id.is_none_or(|id| c.id == id))
            .collect();
        if checks.is_empty() {
            return None;
        }
        if id.is_none() {
            let reference = &self.reference;
            let _ = writeln!(
                text,
                "{} {}: {}\n{} checks, collected with one request:",
                reference.name,
                shown(&reference.version),
                shown(&reference.title),
                checks.len()
            );
            for section in self.compiled_request().sections {
                let _ = writeln!(text, "  {section:<10} {}", reads(section));
            }
            for (name, input) in &self.inputs {
                let value = input.value.as_ref().map(crate::inputs::shown);
                let value = value.unwrap_or_else(|| "must be set".into());
                let _ = writeln!(
                    text,
                    "input {name} ({}): {}\n  value: {}",
                    input.kind.name(),
                    shown(&input.description),
                    shown(&value)
                );
            }
            text.push('\n');
        }
        let all: Vec<String> = checks.into_iter().map(explain).collect();
        text.push_str(&all.join("\n"));
        Some(text)
    }

    /// A table of the checks in Markdown.
    pub fn markdown(&self) -> String {
        let reference = &self.reference;
        let mut text = format!(
            "## {}\n\n{}. {} checks.\n\n| check | severity | when it passes | when it fails | reads | scope | why this scope | tags | references |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
            reference.name,
            reference.title,
            self.checks.len()
        );
        for check in self.checks.iter() {
            let sections: Vec<&str> = check.sections.iter().map(|s| s.name()).collect();
            let tags: Vec<&str> = check.tags.iter().map(String::as_str).collect();
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} |",
                check.id,
                check.severity,
                check.title.replace('|', "\\|"),
                check.fails.replace('|', "\\|"),
                sections.join(", "),
                scope_text::word(check.scope),
                scope_text::because(check).replace('|', "\\|"),
                tags.join(", "),
                check.references.join(", ")
            );
        }
        lines(&text)
    }
}

fn explain(check: &Check) -> String {
    let title = shown(&check.title);
    let mut text = format!("{} ({})\n  {title}\n", check.id, check.severity);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<12} {}", shown(value));
        }
    };
    line("if it fails:", &check.fails);
    line("disabled:", check.disabled.as_deref().unwrap_or_default());
    for section in &check.sections {
        line("collects:", &format!("{section}, from {}", reads(*section)));
    }
    for selector in &check.files {
        line("files:", &selected(selector));
    }
    let commands: Vec<&str> = check.commands.iter().map(String::as_str).collect();
    line("commands:", &commands.join(" "));
    if let Some(condition) = &check.applies_when {
        line("applies if:", &condition.source);
    }
    let rule = match &check.rule {
        Rule::Pass(_) => "passes if:",
        Rule::Violations(_) => "violations:",
    };
    line(rule, &check.rule.expression().source);
    let scope = scope_text::word(check.scope);
    line(
        "scope:",
        &format!("{scope}. {}", scope_text::because(check)),
    );
    line("why:", &check.rationale);
    line("fix:", &check.fix);
    let tags: Vec<&str> = check.tags.iter().map(String::as_str).collect();
    line("tags:", &tags.join(", "));
    for reference in &check.references {
        line("reference:", reference);
    }
    text
}

/// Text of the author on one line, so that it forges no other, and as it may be shown.
fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    visible(&words.join(" "), MAX_SHOWN)
}

fn selected(selector: &FileSelector) -> String {
    if !selector.walks() {
        let followed = if selector.follow {
            ", links followed"
        } else {
            ""
        };
        return format!("{}{followed}", selector.paths.join(" "));
    }
    let under = if selector.under.is_empty() {
        "/".to_owned()
    } else {
        selector.under.join(" ")
    };
    let mut text = format!("below {under}");
    if !selector.kind.is_empty() {
        let kinds = serde_json::to_value(&selector.kind).unwrap_or_default();
        let kinds: Vec<&str> = kinds
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|k| k.as_str())
            .collect();
        let _ = write!(text, ", kind {}", kinds.join(" or "));
    }
    if let Some(bits) = &selector.mode_any {
        let _ = write!(text, ", with any mode bit of {bits}");
    }
    if let Some(bits) = &selector.mode_none {
        let _ = write!(text, ", with no mode bit of {bits}");
    }
    if !selector.name.is_empty() {
        let _ = write!(text, ", named {}", selector.name.join(" "));
    }
    text
}

/// What an agent reads for a section.
const fn reads(section: Section) -> &'static str {
    match section {
        Section::Identity => "/proc/self/status of the agent in the target",
        Section::Files => "names, modes, owners and sizes of files",
        Section::Users => "/etc/passwd",
        Section::Groups => "/etc/group",
        Section::Shadow => "/etc/shadow; states only, a hash never leaves the target",
        Section::Processes => "/proc/PID/status of the target's processes",
        Section::Listeners | Section::Connections => "/proc/net/tcp, tcp6, udp and udp6",
        Section::Mounts => "/proc/self/mounts",
        Section::Env => {
            "/proc/1/environ; names, lengths and shapes, a value never leaves the target"
        }
        Section::Commands => "the usual directories of programs and PATH",
        Section::Packages => "the databases of the package managers",
        Section::LanguagePackages => "what npm, pip, gem and Maven left on the root filesystem",
        Section::Os => "/etc/os-release",
        Section::Kernel => "/proc/sys/kernel and /proc/self/attr/current",
        Section::Pod => "the pod's specification and status, from the API server",
    }
}
