//! Compares one event of the API server's log with the scan's log.

use super::{
    alarm::AlarmKind,
    event::{COMPLETE, Event},
    scan_log::{Ours, ScanLog},
};
use crate::audit::entry::Identity;

/// Lists how a call in the server's log differs from the call that the scan logged under the same id.
pub(super) fn contradictions(ours: &Ours<'_>, event: &Event, log: &ScanLog<'_>) -> Vec<String> {
    let call = ours.call;
    let mut wrong = Vec::new();
    let mut differs = |what: &str, ours: &str, theirs: &str| {
        if ours != theirs {
            wrong.push(format!("logged with {what} {ours:?}, not {theirs:?}"));
        }
    };
    differs("verb", &call.verb, &event.verb);
    differs("URI", &call.uri, &event.request_uri);
    if let Some(object) = &event.object_ref {
        differs("resource", &call.resource, &object.resource());
    }
    let over = event.stage == COMPLETE;
    let theirs = event.status();
    if let (true, Some(ours), Some(theirs)) = (over, ours.status, theirs) {
        differs("status", &ours.to_string(), &theirs.to_string());
    }
    // A server that does not know a token does not know whose it is either.
    let refused = theirs == Some(401);
    let is_scan = log.accounts.contains(event.user.username.as_str());
    let as_scan = event.impersonated_user.as_ref();
    let as_scan = as_scan.is_some_and(|user| log.accounts.contains(user.username.as_str()));
    if as_scan {
        wrong.push("made by somebody who impersonated the scan's identity".into());
    }
    match call.identity {
        Identity::Operator if is_scan => {
            wrong.push("logged as a call of the operator, made as the scan's identity".into());
        }
        Identity::Scan if !is_scan && !as_scan && !refused => {
            wrong.push("logged as a call of the scan's identity, made as another".into());
        }
        Identity::Scan if is_scan && !refused => {
            if event.impersonated_user.is_some() {
                wrong.push("made by the scan's identity as somebody else".into());
            }
            let used = event.user.credentials();
            if used.is_empty() {
                wrong.push("made with a token without an id, such as one from a Secret".into());
            } else if used.iter().any(|id| !log.credentials.contains(id.as_str())) {
                wrong.push("made with another token than the scan's".into());
            }
        }
        _ => {}
    }
    wrong
}

/// Why a call that the scan did not log is an alarm, if it is one.
pub(super) fn stranger(event: &Event, log: &ScanLog<'_>) -> Option<AlarmKind> {
    let used = event.user.credentials();
    let with_ours = used.iter().any(|id| log.credentials.contains(id.as_str()));
    let stream = event.is_stream();
    if with_ours {
        return Some(if stream {
            AlarmKind::StreamWithToken
        } else {
            AlarmKind::CallWithToken
        });
    }
    if log.accounts.contains(event.user.username.as_str()) {
        return Some(match (stream, used.is_empty()) {
            (true, true) => AlarmKind::StreamWithoutId,
            (false, true) => AlarmKind::CallWithoutId,
            (true, false) => AlarmKind::StreamWithOtherToken,
            (false, false) => AlarmKind::CallWithOtherToken,
        });
    }
    let impersonated = event.impersonated_user.as_ref();
    if impersonated.is_some_and(|user| log.accounts.contains(user.username.as_str())) {
        return Some(AlarmKind::Impersonated);
    }
    let object = event.object_ref.as_ref()?;
    // A refused request gave nobody a token and led nowhere; one without a status may have.
    let taken = event.status().is_none_or(|code| code < 400);
    let enters = object.resource == "pods"
        && (log.is_name(&object.name) || event.query("container").any(|name| log.is_name(&name)));
    if stream && enters && taken {
        return Some(AlarmKind::EnteredByOther);
    }
    let given = event.is_issued() || taken;
    let minted = event.verb == "create"
        && object.resource == "serviceaccounts"
        && object.subresource == "token"
        && given
        && log.is_identity(&object.namespace, &object.name);
    minted.then_some(AlarmKind::TokenIssued)
}
