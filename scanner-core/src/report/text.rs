//! The report for a reader at a terminal: 80 columns, colour only when asked for.

mod policy;

use std::{collections::BTreeMap, fmt::Write as _};

use super::{AuditOutcome, ControlStage, LocalReport, ScanReport};
use crate::{
    escape::visible,
    finding::{CheckResult, CheckStatus, Findings, Severity},
    inventory::{AgentInfo, Coverage, Section},
};

const WIDTH: usize = 80;

/// How to draw a report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Whether to use ANSI colours. Colour never carries meaning alone.
    pub colour: bool,
    /// Whether to list passed checks and the evidence of every control.
    pub verbose: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Renders `report`; every text from the target or the server is escaped.
pub fn render(report: &ScanReport, style: Style) -> String {
    let mut out = String::new();
    let target = &report.plan.target;
    let _ = writeln!(out, "{}", style.paint("1", &format!("Scan of {target}")));
    field(&mut out, "image", &target.image);
    field(&mut out, "runs", &target.image_id);
    field(&mut out, "profile", &report.plan.profile);
    if let Some(policy) = &report.plan.policy {
        field(&mut out, "policy", policy);
    }
    field(&mut out, "strategy", &report.plan.strategy);
    if let Some(reason) = &report.plan.reason {
        field(&mut out, "", reason);
    }
    field(&mut out, "trust", &report.trust);
    if let Some(failure) = &report.failure {
        out.push('\n');
        let _ = writeln!(
            out,
            "{}",
            style.paint("1;31", "No result: the scan could not be done")
        );
        wrapped(&mut out, "  ", &visible(&failure.message, 2000));
        if let Some(hint) = &failure.hint {
            wrapped(&mut out, "  ", &format!("hint: {}", visible(hint, 1000)));
        }
    }
    policy::gates(&mut out, &report.gates, style);
    policy::alert(&mut out, report, style);
    if let Some(found) = &report.findings {
        findings(&mut out, found, style);
    }
    coverage(&mut out, &report.coverage, report.agent.as_ref(), style);
    controls(&mut out, report, style);
    post_scan(&mut out, report, style);
    out.push('\n');
    let _ = writeln!(
        out,
        "{} API calls ({} as operator, {} as the scan identity), {:.1} s",
        report.api_calls.operator + report.api_calls.scan,
        report.api_calls.operator,
        report.api_calls.scan,
        report.seconds
    );
    if let Some(audit) = report.audit.as_ref().filter(|_| style.verbose) {
        let _ = writeln!(out, "audit log: {} entries, head", audit.at.entries);
        wrapped(&mut out, "  ", &visible(&audit.at.head, 64));
    }
    let _ = writeln!(out, "{}", style.paint("1", report.verdict.sentence()));
    out
}

fn field(out: &mut String, name: &str, value: &str) {
    let value = visible(value, 400);
    let options = textwrap::Options::new(WIDTH)
        .initial_indent("")
        .subsequent_indent("            ");
    let _ = writeln!(
        out,
        "{}",
        textwrap::fill(&format!("  {name:<10}{value}"), options)
    );
}

fn wrapped(out: &mut String, indent: &str, text: &str) {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(indent)
        .subsequent_indent(indent);
    let _ = writeln!(out, "{}", textwrap::fill(text, options));
}

/// Renders the report of a scan of this machine.
pub fn local(report: &LocalReport, style: Style) -> String {
    let mut out = String::new();
    let title = format!("Scan of {}", visible(&report.subject, 400));
    let _ = writeln!(out, "{}", style.paint("1", &title));
    field(&mut out, "profile", &report.profile);
    findings(&mut out, &report.findings, style);
    coverage(&mut out, &report.coverage, Some(&report.agent), style);
    let _ = writeln!(out, "\n{}", style.paint("1", report.verdict.sentence()));
    out
}

fn findings(out: &mut String, findings: &Findings, style: Style) {
    for severity in Severity::WORST_FIRST {
        for result in findings
            .results
            .iter()
            .filter(|r| r.is_finding() && r.severity == severity)
        {
            failed(out, result, style);
        }
    }
    policy::waived(out, findings, style);
    let errors: Vec<_> = findings
        .results
        .iter()
        .filter(|r| r.status == CheckStatus::Error)
        .collect();
    if !errors.is_empty() {
        let _ = writeln!(
            out,
            "\n{}",
            style.paint("1", "Could not look (never a pass)")
        );
        for result in errors {
            wrapped(
                out,
                "  ",
                &format!(
                    "ERROR  {}: {}",
                    visible(&result.id, 80),
                    visible(&result.message, 300)
                ),
            );
        }
    }
    if style.verbose {
        let _ = writeln!(out, "\n{}", style.paint("1", "Passed"));
        for result in findings
            .results
            .iter()
            .filter(|r| r.status == CheckStatus::Pass)
        {
            wrapped(out, "  ", &format!("PASS   {}", visible(&result.id, 80)));
            for limit in &result.limits {
                wrapped(out, "         ", &visible(limit, 300));
            }
        }
    }
    let waived = match findings.waived() {
        0 => String::new(),
        count => format!("{count} failed but waived, "),
    };
    let _ = writeln!(
        out,
        "\n{} failed, {waived}{} could not look, {} passed, {} do not apply",
        findings.count(CheckStatus::Fail) - findings.waived(),
        findings.count(CheckStatus::Error),
        findings.count(CheckStatus::Pass),
        findings.count(CheckStatus::NotApplicable)
    );
    policy::thresholds(out, findings);
}

fn failed(out: &mut String, result: &CheckResult, style: Style) {
    let code = match result.severity {
        Severity::Critical | Severity::High => "1;31",
        Severity::Medium => "33",
        Severity::Low | Severity::Info => "36",
    };
    let label = format!("{:<8}", result.severity.name().to_uppercase());
    out.push('\n');
    let title = textwrap::fill(
        &format!("failed: {}", visible(&result.title, 200)),
        textwrap::Options::new(WIDTH - 9).subsequent_indent("         "),
    );
    let _ = writeln!(
        out,
        "{} {}",
        style.paint(code, &label),
        style.paint("1", &title)
    );
    let _ = writeln!(out, "         {}", visible(&result.id, 80));
    for item in result.evidence.iter().take(5) {
        wrapped(out, "         - ", &visible(item, 200));
    }
    let shown = result.evidence.len().min(5) as u64;
    if result.evidence_total > shown {
        let _ = writeln!(out, "         - and {} more", result.evidence_total - shown);
    }
    wrapped(
        out,
        "         ",
        &format!("why: {}", visible(&result.rationale, 600)),
    );
    wrapped(
        out,
        "         ",
        &format!("fix: {}", visible(&result.fix, 600)),
    );
}

fn coverage(
    out: &mut String,
    coverage: &BTreeMap<Section, Coverage>,
    agent: Option<&AgentInfo>,
    style: Style,
) {
    let gaps: Vec<String> = coverage
        .iter()
        .filter_map(|(section, coverage)| match coverage {
            Coverage::Partial {
                reasons,
                unreadable,
            } => Some(format!(
                "{section}: partial, {unreadable} unreadable: {}",
                reasons.join("; ")
            )),
            Coverage::Unavailable { reason } => Some(format!("{section}: not available: {reason}")),
            Coverage::Complete | Coverage::NotRequested => None,
        })
        .collect();
    let unproven = agent.filter(|agent| !agent.digests);
    if let Some(agent) = unproven {
        out.push('\n');
        let text = format!(
            "The target has no working cksum: the answer of {} was proven by its length alone.",
            visible(&agent.name, 40)
        );
        wrapped(&mut *out, "", &text);
    }
    if !gaps.is_empty() {
        let _ = writeln!(out, "\n{}", style.paint("1", "Coverage gaps"));
        for gap in gaps {
            wrapped(out, "  ", &visible(&gap, 500));
        }
    }
}

fn controls(out: &mut String, report: &ScanReport, style: Style) {
    if report.controls.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{}",
        style.paint(
            "1",
            "Controls           enforced  verified  released  seen gone"
        )
    );
    for control in &report.controls {
        let _ = writeln!(
            out,
            "  {:<18} {:<9} {:<9} {:<9} {}",
            visible(&control.id, 18),
            word(&control.enforced),
            word(&control.verified),
            word(&control.released),
            word(&control.release_verified)
        );
        for stage in [
            &control.enforced,
            &control.verified,
            &control.sealed,
            &control.released,
            &control.release_verified,
        ] {
            match stage {
                ControlStage::Failed { reason } => {
                    wrapped(out, "      ", &format!("failed: {}", visible(reason, 600)));
                }
                ControlStage::Done { evidence } => {
                    // What stays behind is always told.
                    let shown = |item: &&String| style.verbose || item.starts_with("residue:");
                    for item in evidence.0.iter().filter(shown) {
                        wrapped(out, "      ", &visible(item, 300));
                    }
                }
                ControlStage::NotReached => {}
            }
        }
    }
}

fn post_scan(out: &mut String, report: &ScanReport, style: Style) {
    let Some(audit) = &report.post_scan else {
        return;
    };
    let verdict = if audit.shown { "shown" } else { "NOT SHOWN" };
    let title = format!("After the scan: {verdict}");
    let _ = writeln!(out, "\n{}", style.paint("1", &title));
    for check in &audit.checks {
        let outcome = match check.outcome {
            AuditOutcome::Shown => "shown",
            AuditOutcome::Told => "told",
            AuditOutcome::NotShown => "NOT SHOWN",
        };
        let _ = writeln!(out, "  {:<18} {outcome}", visible(&check.id, 18));
        if style.verbose || check.outcome != AuditOutcome::Shown {
            for item in &check.evidence {
                wrapped(out, "      ", &visible(item, 600));
            }
        }
    }
}

fn word(stage: &ControlStage) -> &'static str {
    match stage {
        ControlStage::NotReached => "-",
        ControlStage::Done { .. } => "yes",
        ControlStage::Failed { .. } => "FAILED",
    }
}

/// Renders a plan: every object, permission and command, and that nothing was written.
pub fn plan(plan: &crate::ScanPlan) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "Plan of a scan of {} (nothing was written)",
        plan.target
    );
    field(&mut out, "pod uid", &plan.target.pod_uid);
    field(&mut out, "image", &plan.target.image);
    field(&mut out, "profile", &plan.profile);
    if let Some(policy) = &plan.policy {
        field(&mut out, "policy", policy);
    }
    field(&mut out, "strategy", &plan.strategy);
    if let Some(reason) = &plan.reason {
        field(&mut out, "", reason);
    }
    let lease = format!(
        "{} s, then the cluster removes everything",
        plan.lease_seconds
    );
    field(&mut out, "lease", &lease);
    policy::gates(&mut out, &plan.gates, Style::default());
    let _ = writeln!(
        out,
        "\nWould create, in namespace {}",
        plan.target.namespace
    );
    for object in &plan.objects {
        wrapped(
            &mut out,
            "  ",
            &visible(
                &format!("{} {}: {}", object.kind, object.name, object.purpose),
                2000,
            ),
        );
    }
    let _ = writeln!(
        out,
        "\nWould grant to the scan's own identity, and nothing else"
    );
    for rule in &plan.rules {
        wrapped(&mut out, "  ", &rule.to_string());
    }
    let _ = writeln!(out, "\nWould run in the target");
    for command in &plan.commands {
        let text = format!(
            "{} in container {}, standard input: {} ({} bytes)",
            command.argv.join(" "),
            command.container,
            command.stdin,
            command.stdin_bytes
        );
        wrapped(&mut out, "  ", &visible(&text, 1000));
    }
    let _ = writeln!(out, "\nControls");
    for control in &plan.controls {
        wrapped(
            &mut out,
            "  ",
            &format!("{}: {}", control.id, control.title),
        );
        for planned in &control.planned {
            wrapped(&mut out, "    ", &visible(planned, 300));
        }
    }
    out
}
