//! Finds what expired scans left, and removes it: the fourth way of cleanup, for when the cluster's own controllers did not
//! act. Never touches a scan that may still run, or an object that only looks like one of a scan.

mod classify;
mod clock;

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{Pod, Secret, ServiceAccount},
        networking::v1::NetworkPolicy,
        rbac::v1::{Role, RoleBinding},
    },
    jiff::Timestamp,
};
use kube::{
    ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Preconditions},
};
use scanner_core::Remedy;

pub use classify::{Leftover, State};

use crate::{
    api::{
        call::{CallError, CallErrorKind, call},
        client::OperatorClient,
    },
    plan::resolve::namespace_exists,
};

/// Objects in one answer to a list.
const PAGE: u32 = 500;

/// What reaping found and did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reaped {
    /// Everything that carries a scan's label, or its name.
    pub found: Vec<Leftover>,
    /// What could not be listed, and why.
    pub unseen: Vec<String>,
    /// What could not be removed, and why.
    pub left: Vec<String>,
    /// How many objects have the label or the name of a scan, but not the form that a scan leaves: somebody
    /// must examine them, or reap again once no lease can still run.
    pub kept: usize,
    /// How many objects were removed.
    pub removed: usize,
    /// Whether there is no namespace of the name that was given. `unseen` then says so, and nothing was listed.
    pub is_unknown_namespace: bool,
    /// What to do about what could not be listed, where that is known.
    pub remedy: Option<Remedy>,
}

/// Where and how to reap.
#[derive(Debug, Clone)]
pub struct ReapRequest {
    /// One namespace [default: all].
    pub namespace: Option<String>,
    /// Only look.
    pub dry_run: bool,
    /// Seconds after its deadline until a scan counts as expired, since clocks may differ.
    pub grace: u32,
}

/// The Job comes last: what is created while we list then belongs to a Job that we see.
fn kinds() -> [ApiResource; 7] {
    [
        ApiResource::erase::<Pod>(&()),
        ApiResource::erase::<NetworkPolicy>(&()),
        ApiResource::erase::<Secret>(&()),
        ApiResource::erase::<RoleBinding>(&()),
        ApiResource::erase::<Role>(&()),
        ApiResource::erase::<ServiceAccount>(&()),
        ApiResource::erase::<Job>(&()),
    ]
}

/// Looks for leftovers, and removes those of expired scans.
///
/// # Errors
///
/// Does not fail: what could not be seen or removed is in the result.
pub async fn reap(operator: &OperatorClient, request: &ReapRequest) -> Reaped {
    let mut reaped = Reaped::default();
    let mut objects = Vec::new();
    if let Some(name) = &request.namespace {
        // A list of a namespace that does not exist is as empty as one of a clean namespace. If the operator may not read
        // namespaces, the lists decide.
        if let Err(error) = namespace_exists(operator, name).await {
            reaped.unseen.push(error.to_string());
            reaped.is_unknown_namespace = error.is_unknown_name();
            reaped.remedy = error.remedy();
            return reaped;
        }
    }
    for kind in kinds() {
        match list(operator, request, &kind).await {
            Ok(all) => objects.extend(all),
            Err(error) => reaped.unseen.push(scanner_core::cause::chain(&error)),
        }
    }
    let now = match clock::server_time(operator).await {
        Ok(now) => now,
        Err(why) => {
            reaped.unseen.push(why);
            Timestamp::now()
        }
    };
    // Without the Jobs, or the clock by which they run, no one knows what still runs.
    let blind = !reaped.unseen.is_empty();
    reaped.found = classify::all(&objects, now, request.grace);
    let kept = |found: &&Leftover| matches!(found.state, State::Foreign(_) | State::Disarmed(_));
    reaped.kept = reaped.found.iter().filter(kept).count();
    if request.dry_run || blind {
        return reaped;
    }
    // The Job last: what remains after an interruption is found again.
    for found in reaped.found.iter().filter(|f| f.state.is_expired()) {
        match remove(operator, found).await {
            Ok(None) => reaped.removed += 1,
            Ok(Some(why)) => reaped.left.push(format!("{found}: {why}")),
            Err(error) => {
                let why = scanner_core::cause::chain(&error);
                reaped.left.push(format!("{found}: {why}"));
            }
        }
    }
    reaped
}

/// Gone, or another object has the name.
fn is_other(kind: CallErrorKind) -> bool {
    matches!(kind, CallErrorKind::NotFound | CallErrorKind::Conflict)
}

/// Everything of that kind that a scan may have made: by the label of a scan or, since a label can be taken off, by its
/// name. What others made is listed by its metadata alone.
async fn list(
    operator: &OperatorClient,
    request: &ReapRequest,
    kind: &ApiResource,
) -> Result<Vec<DynamicObject>, CallError> {
    let api = operator.dynamic(request.namespace.as_deref(), kind);
    let mut params = ListParams::default().limit(PAGE);
    let mut candidates = Vec::new();
    loop {
        let what = format!("list {}", kind.plural);
        let page = call(what, api.list_metadata(&params)).await?;
        let may = page.items.into_iter().map(|item| item.metadata);
        candidates.extend(may.filter(classify::may_be_ours));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    let mut found = Vec::new();
    for candidate in candidates {
        let (name, namespace) = (candidate.name.unwrap_or_default(), candidate.namespace);
        let api = operator.dynamic(namespace.as_deref(), kind);
        let params = ListParams::default().fields(&format!("metadata.name={name}"));
        let what = format!("look at {} {name}", kind.kind);
        for mut item in call(what, api.list(&params)).await?.items {
            // Items of a list do not say what they are.
            item.types = Some(kube::core::TypeMeta {
                api_version: kind.api_version.clone(),
                kind: kind.kind.clone(),
            });
            found.push(item);
        }
    }
    Ok(found)
}

/// Removes exactly this object; gives the reason when it is still there.
async fn remove(operator: &OperatorClient, found: &Leftover) -> Result<Option<String>, CallError> {
    let Some(kind) = kinds().into_iter().find(|k| k.kind == found.kind) else {
        return Ok(Some("of a kind that no scan makes".into()));
    };
    let api = operator.dynamic(Some(&found.namespace), &kind);
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(found.uid.clone()),
            resource_version: None,
        }),
        ..DeleteParams::background()
    };
    match call(format!("delete {found}"), api.delete(&found.name, &params)).await {
        Ok(_) => {}
        Err(error) if is_other(error.kind()) => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut why = None;
    for _ in 0..20 {
        let now = call(format!("get {found} again"), api.get_opt(&found.name)).await?;
        match now {
            Some(now) if now.uid().as_deref() == Some(&found.uid) => {
                let finalizers = now.finalizers().join(", ");
                why = Some(if finalizers.is_empty() {
                    "it is being deleted, and still there".to_owned()
                } else {
                    format!("finalizers hold it: {finalizers}")
                });
                if !finalizers.is_empty() {
                    break;
                }
            }
            _ => return Ok(None),
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    Ok(why)
}
