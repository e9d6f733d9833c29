//! The post-scan audit: what can be shown once everything is released. Makes no calls of its own.

mod open_files;
mod side_effects;

use scanner_core::report::{AuditCheck, AuditOutcome};

use open_files::found;
pub(crate) use open_files::{Searched, own_process};
pub(crate) use side_effects::side_effects;

use crate::run::{ledger::Scope, made::Removed, scope::ScanScope};

fn verified(holds: bool) -> AuditOutcome {
    if holds {
        AuditOutcome::Verified
    } else {
        AuditOutcome::NotVerified
    }
}

/// Every object of the ledger is gone, by UID; and no object carries the label of the scan.
pub(crate) fn objects(scope: &ScanScope) -> Vec<AuditCheck> {
    let ledger = scope.ledger();
    let (mut evidence, mut holds) = (Vec::new(), true);
    let (mut places, mut unseen) = (Vec::new(), Vec::new());
    for made in ledger.made() {
        let absent = ledger.absent(&made.kind);
        if let Some(removed) = ledger.removed(&made) {
            let how = match removed {
                Removed::ByUs => "the server confirmed its removal",
                Removed::BySomebody => "gone; who deleted it is not known",
            };
            evidence.push(format!("{} uid {}: {how}", made.kind, made.uid));
        } else if ledger.gone(&made) {
            evidence.push(format!(
                "{} uid {}: looked for by its name, and not there any more",
                made.kind, made.uid
            ));
        } else {
            holds = false;
            evidence.push(format!(
                "{} uid {}: still there, or not looked for",
                made.kind, made.uid
            ));
        }
        match absent {
            Some(Scope::Everywhere) => places.push(format!("{}: none in any namespace", made.kind)),
            Some(Scope::Namespaces) => places.push(format!(
                "{}: none in namespace {}",
                made.kind,
                scope.places_of(&made.kind).join(" and ")
            )),
            None => unseen.push(format!(
                "{}: could not be listed, or some carry it",
                made.kind
            )),
        }
    }
    if evidence.is_empty() {
        evidence.push("nothing was created".into());
    }
    let listed = unseen.is_empty();
    places.extend(unseen);
    vec![
        AuditCheck::new("objects-deleted", verified(holds), evidence),
        AuditCheck::new("no-labelled-object", verified(listed), places),
    ]
}

/// The token is refused, and is in no place that this program can search.
///
/// `process` is what the search of this program's own files found, if it asked for one.
pub(crate) fn credential(scope: &ScanScope, process: Option<Searched>) -> Vec<AuditCheck> {
    let process = process.unwrap_or_default();
    if !scope.credential().exists() {
        let none = vec!["no token was ever received".to_owned()];
        return vec![AuditCheck::new(
            "token-refused",
            AuditOutcome::Verified,
            none,
        )];
    }
    let how = scope.credential().refused();
    let refused = how.is_some();
    let text = how.unwrap_or_else(|| "the server did not answer 401 to it".into());
    let tokens = scope.segment().tokens();
    let (sent, received, seen) = tokens.streams();
    let mut evidence = vec![format!(
        "{sent} bytes sent to targets and {received} bytes received from them: {}",
        found(seen > 0)
    )];
    let log = scope.segment().audit().text();
    let logged = tokens.finds(log.as_bytes());
    evidence.push(format!(
        "{} lines of the audit log: {}",
        log.lines().count(),
        found(logged)
    ));
    evidence.extend(process.evidence);
    let clean = seen == 0 && !logged && !process.found;
    let outcome = match clean {
        true if process.skipped => AuditOutcome::Reported,
        clean => verified(clean),
    };
    vec![
        AuditCheck::new("token-refused", verified(refused), vec![text]),
        AuditCheck::new("no-credential-left", outcome, evidence),
    ]
}

/// The audit log has every call, and its chain holds.
pub(crate) fn log(scope: &ScanScope) -> Vec<AuditCheck> {
    let log = scope.segment().audit();
    let holds = log.holds();
    let at = log.checkpoint();
    let text = if holds {
        "follow each other, none was lost"
    } else {
        "were lost or do not follow each other"
    };
    let evidence = vec![format!("{} entries {text}", at.entries)];
    vec![AuditCheck::new("audit-log", verified(holds), evidence)]
}
