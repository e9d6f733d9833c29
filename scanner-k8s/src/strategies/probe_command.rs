//! The commands with which a probe is asked, as they are planned and run.

use scanner_core::{
    Target,
    inventory::InventoryRequest,
    plan::{EvidenceSource, PlannedCommand},
};

use crate::{
    names::{HELD, PROBE_PROGRAM},
    pod::agreement::Witness,
};

pub(crate) fn argv(target: &Target, nonce: &str, seconds: u32) -> Vec<String> {
    let id = target.container_id.rsplit('/').next().unwrap_or_default();
    [
        PROBE_PROGRAM,
        "collect",
        id,
        nonce,
        &seconds.to_string(),
        HELD,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// How far the evidence of a probe can be trusted.
pub(crate) fn trust(reads: &str, evidence: &EvidenceSource) -> String {
    format!("{reads}; {}", evidence.sentence())
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
    vec![PlannedCommand::new(
        name,
        argv,
        "the inventory request, in the ephemeral container",
        serde_json::to_vec(&Witness::Probe.asked(request))
            .unwrap_or_default()
            .len(),
    )]
}
