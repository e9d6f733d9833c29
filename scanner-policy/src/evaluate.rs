//! Judges an inventory. What could not be looked at is an error, never a pass.

use std::collections::BTreeMap;

use cel::Value;
use scanner_core::{
    ScanEngine,
    escape::visible,
    finding::{CheckResult, CheckStatus, Findings},
    inventory::{Collected, Coverage, Inventory, InventoryRequest, Section},
};
use serde::Serialize;

use crate::profile::{Check, Profile, Rule, Scope};

/// Items of evidence that are kept.
const MAX_EVIDENCE: usize = 20;
/// Characters of one item.
const MAX_ITEM: usize = 300;

impl ScanEngine for Profile {
    fn request(&self) -> InventoryRequest {
        self.compiled_request()
    }

    fn evaluate(&self, inventory: &Inventory) -> Findings {
        let values = Values::new(inventory);
        Findings {
            profile: self.reference.clone(),
            results: self
                .checks
                .iter()
                .map(|check| judge(check, inventory, &values))
                .collect(),
            waivers: None,
            thresholds: None,
        }
    }

    /// Checks that read what is absent do not apply.
    fn evaluate_without(&self, inventory: &Inventory, absent: &[Section]) -> Findings {
        let mut findings = self.evaluate(inventory);
        for (result, check) in findings.results.iter_mut().zip(&self.checks) {
            let missing: Vec<&str> = absent
                .iter()
                .filter(|section| check.sections.contains(section))
                .map(|section| section.name())
                .collect();
            if !missing.is_empty() {
                result.status = CheckStatus::NotApplicable;
                result.message = format!("there is no {} here", missing.join(", "));
            }
        }
        findings
    }
}

/// Sections as CEL values, converted once for all checks.
struct Values(BTreeMap<Section, Value>);

impl Values {
    fn new(inventory: &Inventory) -> Self {
        let mut all = BTreeMap::new();
        let mut put = |section, value: Option<Value>| {
            if let Some(value) = value {
                all.insert(section, value);
            }
        };
        put(Section::Identity, value(&inventory.identity));
        put(Section::Users, value(&inventory.users));
        put(Section::Groups, value(&inventory.groups));
        put(Section::Shadow, value(&inventory.shadow));
        put(Section::Processes, value(&inventory.processes));
        put(Section::Listeners, value(&inventory.listeners));
        put(Section::Mounts, value(&inventory.mounts));
        put(Section::Env, value(&inventory.env));
        put(Section::Packages, value(&inventory.packages));
        put(Section::Os, value(&inventory.os));
        put(Section::Kernel, value(&inventory.kernel));
        put(Section::Pod, value(&inventory.pod));
        Self(all)
    }
}

fn value<T: Serialize>(collected: &Collected<T>) -> Option<Value> {
    cel::to_value(collected.data()?).ok()
}

/// What a check sees: only its own files and commands.
fn variables(check: &Check, inventory: &Inventory, values: &Values) -> Vec<(Section, Value)> {
    let own = |section: &Section| match section {
        Section::Files => {
            let all = inventory.files.data()?.iter();
            let selected: Vec<_> = all
                .filter(|file| check.files.iter().any(|s| s.matches(file)))
                .collect();
            let mut value = cel::to_value(selected).ok()?;
            hide_contents(check, &mut value);
            Some(value)
        }
        Section::Commands => {
            let all = inventory.commands.data()?.iter();
            let selected: Vec<_> = all.filter(|c| check.commands.contains(&c.name)).collect();
            cel::to_value(selected).ok()
        }
        other => values.0.get(other).cloned(),
    };
    let sections = check.sections.iter();
    sections.filter_map(|s| Some((*s, own(s)?))).collect()
}

/// Takes what only `digest: true` collects away from a check that does not ask for it: reading it is
/// an error then, not a comparison with nothing.
fn hide_contents(check: &Check, files: &mut Value) {
    let Value::List(items) = files else { return };
    if check.files.iter().any(|s| s.digest) {
        return;
    }
    for item in std::sync::Arc::make_mut(items) {
        if let Value::Map(fields) = item {
            let fields = std::sync::Arc::make_mut(&mut fields.map);
            for field in ["digest", "link"] {
                fields.remove(&cel::objects::Key::from(field));
            }
        }
    }
}

fn judge(check: &Check, inventory: &Inventory, values: &Values) -> CheckResult {
    let mut result = CheckResult {
        id: check.id.clone(),
        title: check.title.clone(),
        severity: check.severity,
        status: CheckStatus::Error,
        message: String::new(),
        evidence: Vec::new(),
        evidence_total: 0,
        rationale: check.rationale.clone(),
        fix: check.fix.clone(),
        limits: Vec::new(),
        tags: Vec::new(),
        references: Vec::new(),
        waiver: None,
    };
    let mut gaps = Vec::new();
    for section in &check.sections {
        match inventory.section_coverage(*section) {
            Coverage::Complete => {}
            Coverage::Partial { reasons, .. } => {
                gaps.push(format!("{section}: {}", reasons.join("; ")));
            }
            Coverage::Unavailable { reason } => {
                result.message = format!("{section} could not be collected: {reason}");
                return result;
            }
            Coverage::NotRequested => {
                result.message = format!("{section} was not collected");
                return result;
            }
        }
    }
    match outcome(check, &variables(check, inventory, values)) {
        Err(message) => result.message = message,
        Ok(Outcome::NotApplicable) => result.status = CheckStatus::NotApplicable,
        Ok(Outcome::Fail(evidence)) => {
            result.status = CheckStatus::Fail;
            result.evidence_total = evidence.len() as u64;
            result.evidence = evidence
                .iter()
                .take(MAX_EVIDENCE)
                .map(|item| visible(item, MAX_ITEM))
                .collect();
            result.limits = gaps;
        }
        Ok(Outcome::Pass) if gaps.is_empty() => result.status = CheckStatus::Pass,
        Ok(Outcome::Pass) if check.scope == Scope::Reachable => {
            result.status = CheckStatus::Pass;
            result.limits = gaps;
        }
        Ok(Outcome::Pass) => {
            result.message = format!(
                "nothing was found, but not all was seen: {}",
                gaps.join("; ")
            );
        }
    }
    result
}

enum Outcome {
    Pass,
    Fail(Vec<String>),
    NotApplicable,
}

fn outcome(check: &Check, variables: &[(Section, Value)]) -> Result<Outcome, String> {
    if let Some(condition) = &check.applies_when {
        match condition.evaluate(variables)? {
            Value::Bool(true) => {}
            Value::Bool(false) => return Ok(Outcome::NotApplicable),
            other => return Err(wrong("`applies_when`", "true or false", &other)),
        }
    }
    match &check.rule {
        Rule::Pass(expression) => match expression.evaluate(variables)? {
            Value::Bool(true) => Ok(Outcome::Pass),
            Value::Bool(false) => Ok(Outcome::Fail(Vec::new())),
            other => Err(wrong("`pass`", "true or false", &other)),
        },
        Rule::Violations(expression) => match expression.evaluate(variables)? {
            Value::List(items) if items.is_empty() => Ok(Outcome::Pass),
            Value::List(items) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text.to_string()),
                    Value::Int(number) => Ok(number.to_string()),
                    other => Err(wrong("an item of `violations`", "text or a number", other)),
                })
                .collect::<Result<_, _>>()
                .map(Outcome::Fail),
            other => Err(wrong("`violations`", "a list", &other)),
        },
    }
}

fn wrong(what: &str, expected: &str, got: &Value) -> String {
    format!("{what} must be {expected}, not {}", got.type_of())
}

/// Evaluates a check on made-up data with one item in each list, so that misspelt fields and wrong
/// types show when a profile is read.
pub(crate) fn try_out(check: &Check) -> Result<(), String> {
    fn one<T: Default + Clone>() -> Collected<Vec<T>> {
        Collected::Complete {
            data: vec![T::default()],
        }
    }
    fn some<T: Default>() -> Collected<T> {
        Collected::Complete { data: T::default() }
    }
    let inventory = Inventory {
        identity: some(),
        users: one(),
        groups: one(),
        shadow: one(),
        processes: one(),
        listeners: one(),
        mounts: one(),
        env: one(),
        packages: one(),
        os: some(),
        kernel: some(),
        pod: some(),
        ..Inventory::default()
    };
    let mut variables = variables(check, &inventory, &Values::new(&inventory));
    for (section, sample) in [
        (
            Section::Files,
            cel::to_value([scanner_core::inventory::FileEntry::default()]),
        ),
        (
            Section::Commands,
            cel::to_value([scanner_core::inventory::CommandEntry::default()]),
        ),
    ] {
        if check.sections.contains(&section) {
            let mut sample = sample.map_err(|e| e.to_string())?;
            if section == Section::Files {
                hide_contents(check, &mut sample);
            }
            variables.push((section, sample));
        }
    }
    outcome(check, &variables).map(drop)
}
