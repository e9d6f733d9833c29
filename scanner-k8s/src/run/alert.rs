//! The alert of a gate that aborted: a Kubernetes Event on the pod, where the operator may create one.

use k8s_openapi::api::core::v1::Event;
use kube::api::PostParams;
use scanner_core::{ScanReport, cause::chain, escape::visible};
use serde_json::json;

use crate::names::MANAGER;
use crate::names::object_name;
use crate::{
    api::{call::call, client::OperatorClient},
    plan::{manifest::mark, preflight::Allowed},
};

/// Most characters of an Event's message: the server accepts 1024 bytes.
const MAX_MESSAGE: usize = 900;

/// Raises the alert, and reports how, or why it was not raised.
pub(crate) async fn raise(
    operator: &OperatorClient,
    report: &ScanReport,
    allowed: &Allowed,
) -> String {
    let target = &report.plan.target;
    let namespace = target.namespace.as_str();
    if allowed.may("", "events", "create") == Some(false) {
        return format!("no Event: you may not create events in namespace {namespace}");
    }
    let reason = report.failure.as_ref().map_or("", |f| f.message.raw());
    let text = format!("container {}: {reason}", target.container);
    let mut message = visible(&text, MAX_MESSAGE);
    while message.len() > 1000 {
        message.pop();
    }
    let name = object_name(&report.plan.scan_id);
    // Not owned by the scan and without its label: an alert is a record and stays until the server
    // expires it, after an hour by default.
    let mut event = json!({
        "metadata": {
            "name": name, "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": MANAGER},
        },
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "name": target.pod, "namespace": namespace,
            "uid": target.pod_uid,
            "fieldPath": format!("spec.containers{{{}}}", target.container),
        },
        "type": "Warning",
        "reason": "SecureScanGateAborted",
        "message": message,
        "action": "Scan",
        "reportingComponent": MANAGER,
        "reportingInstance": name,
        "eventTime": null,
        "firstTimestamp": report.started,
        "lastTimestamp": report.started,
        "count": 1,
        "source": {"component": MANAGER},
    });
    mark(&mut event, &report.plan.object_metadata);
    let event: Event = match serde_json::from_value(event) {
        Ok(event) => event,
        Err(error) => return format!("no Event: it cannot be written: {error}"),
    };
    let api = operator.api::<Event>(namespace);
    match call(
        format!("create Event {name}"),
        api.create(&PostParams::default(), &event),
    )
    .await
    {
        Ok(_) => format!(
            "Event {name} on pod {} in namespace {namespace}",
            target.pod
        ),
        Err(error) => format!("no Event: {}", chain(&error)),
    }
}
