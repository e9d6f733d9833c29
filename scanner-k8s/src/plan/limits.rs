//! What a scan identity may do, as the admission guard reads it from the scan's own Role.

use k8s_openapi::{
    api::core::v1::{Pod, ServiceAccount},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Resource as _,
    api::{AttachParams, PostParams, Request},
};
use scanner_core::{
    Target,
    plan::{PlannedCommand, PlannedRule},
};
use serde_json::Value;

use crate::{
    api::{
        call::{CallError, CallErrorKind, ForbiddenBy, call},
        client::OperatorClient,
    },
    names::{GUARD_GROUP, GUARD_MARKERS},
};

/// Stands in a planned command for a container id that is not known yet, in a pod of the scan's own.
pub(crate) const ANY_ID: &str = "CONTAINER-ID-OF-THE-CLONE";

/// [`ANY_ID`] in a limit; no JSON pointer contains it, since `~` is always followed by a digit there.
const ANY_ID_LIMIT: &str = "/~any-container-id";

/// The limit that lets a scan run `command` in the target's pod.
pub fn may_run(target: &Target, command: &PlannedCommand) -> PlannedRule {
    let place = [target.pod.as_str(), &command.container];
    let argv = command.argv.iter().map(String::as_str);
    limit(0, pointer(place.into_iter().chain(argv)))
}

/// The same for a pod of the scan's own, where [`ANY_ID`] is any container id.
pub(crate) fn may_run_in_own(own: &Target, command: &PlannedCommand) -> PlannedRule {
    let place = [own.pod.as_str(), &command.container];
    let argv = command.argv.iter().map(String::as_str);
    let words = place.into_iter().chain(argv).map(|word| match word {
        ANY_ID => ANY_ID_LIMIT.to_owned(),
        word => pointer([word]),
    });
    limit(0, words.collect())
}

/// The limit that lets a program with a lent credential run anything in the target's container.
pub fn may_run_anything(target: &Target) -> PlannedRule {
    limit(2, pointer([target.pod.as_str(), target.container.as_str()]))
}

/// The limit that lets a scan add the ephemeral container `spec` to the target's pod.
pub fn may_add(target: &Target, spec: &Value) -> PlannedRule {
    let context = &spec["securityContext"];
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let list = |value: &Value| {
        let all: Vec<String> = value.as_array().into_iter().flatten().map(text).collect();
        all
    };
    let mut tokens = vec![
        target.pod.to_string(),
        text(&spec["name"]),
        text(&spec["image"]),
        text(&spec["targetContainerName"]),
        text(&context["runAsUser"]),
        text(&context["runAsGroup"]),
        list(&context["capabilities"]["drop"]).join(","),
        list(&context["capabilities"]["add"]).join(","),
    ];
    tokens.extend(list(&spec["command"]));
    limit(1, pointer(tokens.iter().map(String::as_str)))
}

/// An exec without the headers of an upgrade: the server evaluates it as any exec, and never starts
/// it. It answers 400 to what it would have allowed.
pub(crate) fn exec_request(
    target: &Target,
    container: &str,
    argv: &[&str],
    tty: bool,
) -> kube::Result<http::Request<Vec<u8>>> {
    let mut params = AttachParams::default().stdin(true).stderr(!tty).tty(tty);
    if !container.is_empty() {
        params = params.container(container);
    }
    let request = Request::new(Pod::url_path(&(), Some(target.namespace.as_str())));
    let request = request.exec(target.pod.as_str(), argv.iter().copied(), &params);
    request.map_err(kube::Error::BuildRequest)
}

/// Whether the cluster has the guard, shown by a call that only the guard refuses: the operator need not be allowed to read
/// policies. It creates nothing and makes one call.
///
/// # Errors
///
/// Fails when the server does not answer.
pub(crate) async fn present(operator: &OperatorClient, namespace: &str) -> Result<bool, CallError> {
    let account: ServiceAccount = ServiceAccount {
        metadata: ObjectMeta {
            name: Some("secure-scan-00000000".into()),
            ..ObjectMeta::default()
        },
        automount_service_account_token: Some(true),
        ..ServiceAccount::default()
    };
    let api = operator.api::<ServiceAccount>(namespace);
    let dry = PostParams {
        dry_run: true,
        field_manager: None,
    };
    let asked = call(
        "ask whether the cluster has the admission guard",
        api.create(&dry, &account),
    );
    let by_guard = CallErrorKind::Forbidden {
        by: ForbiddenBy::Guard,
    };
    match asked.await {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == by_guard => Ok(true),
        Err(error) => Err(error),
    }
}

fn limit(index: usize, name: String) -> PlannedRule {
    let (resource, verb) = GUARD_MARKERS[index];
    PlannedRule::of(
        vec![GUARD_GROUP.into()],
        vec![resource.into()],
        vec![name],
        vec![verb.into()],
    )
}

/// JSON pointer (RFC 6901) of `tokens`: no two lists have the same.
fn pointer<'a>(tokens: impl IntoIterator<Item = &'a str>) -> String {
    tokens
        .into_iter()
        .flat_map(|token| ["/".to_owned(), token.replace('~', "~0").replace('/', "~1")])
        .collect()
}
