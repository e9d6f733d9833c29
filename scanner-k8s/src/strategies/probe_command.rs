//! The commands with which a probe is asked, and what the scan identity may do for them.
use crate::names::PROBE_PROGRAM;
use crate::plan::manifest;
use scanner_core::Target;
use scanner_core::inventory::InventoryRequest;
use scanner_core::plan::PlannedCommand;
use scanner_core::plan::PlannedRule;

pub(crate) fn argv(target: &Target, nonce: &str, seconds: u32) -> Vec<String> {
    let id = target.container_id.rsplit('/').next().unwrap_or_default();
    [PROBE_PROGRAM, "collect", id, nonce, &seconds.to_string()]
        .map(str::to_owned)
        .to_vec()
}

/// What would run in `target` to answer `request`.
pub(crate) fn commands(
    name: &str,
    target: &Target,
    request: &InventoryRequest,
    nonce: &str,
    seconds: u32,
) -> Vec<PlannedCommand> {
    let argv = argv(target, nonce, seconds);
    vec![PlannedCommand {
        container: name.to_owned(),
        argv,
        stdin: "the inventory request, in the ephemeral container".into(),
        stdin_bytes: serde_json::to_vec(&request.comparing())
            .unwrap_or_default()
            .len(),
    }]
}

/// Adding an ephemeral container to one pod by name.
pub(crate) fn rule(pod: &str) -> PlannedRule {
    PlannedRule {
        api_groups: vec![String::new()],
        resources: vec!["pods/ephemeralcontainers".into()],
        resource_names: vec![pod.to_owned()],
        verbs: vec!["patch".into()],
    }
}

/// Rules of a scan with a probe.
pub fn rules(pod: &str) -> Vec<PlannedRule> {
    vec![manifest::exec_rule(pod), rule(pod)]
}
