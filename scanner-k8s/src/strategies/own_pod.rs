//! The end of the scan's own pod, for every strategy: the pod is deleted by UID, watched until it is gone, and looked for.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use scanner_core::{ControlError, Remedy};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use crate::{
    api::{
        call::{CallErrorKind, call},
        object_watch::Watched,
    },
    run::{objects::changed, scope::ScanScope},
};

/// How long a node may take to end a pod.
pub(crate) const NODE: Duration = Duration::from_secs(10);
/// How much longer it may take if something of the pod still runs.
pub(crate) const SLOW: Duration = Duration::from_secs(20);
/// Pause before a server that refused or failed is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What there is under the pod's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// No pod.
    Nothing,
    /// A pod that is not the scan's.
    Another,
    /// The scan's pod.
    Pod,
}

/// Checks each version of the pod: whether its lease owns it, and whether the scan's labels find it. If this program is
/// gone, only these two remove the pod.
pub(crate) fn held(scope: &ScanScope) -> impl Fn(&Pod) + Send + 'static + use<> {
    let name = scope.name();
    let made = scope.ledger().made_of("Pod", &name);
    let lease = scope.owner_of("Pod", &name);
    let scan = scope.plan().scan_id.clone();
    let raised = scope.alerts().clone();
    move |pod| {
        // If the creation of the pod had no answer, its deletion checks all of this.
        let Some(made) = &made else {
            return;
        };
        for alert in changed::hold(scan.as_str(), lease.as_deref(), made, pod) {
            raised.raise(alert);
        }
    }
}

/// Deletes the pod and waits until it has ended; `None` where it did not. `idle` resolves to whether nothing of it runs or
/// can start to run: then the server need not wait for the node.
pub(crate) async fn end(
    scope: &ScanScope,
    watch: &Mutex<Option<Watched<Pod>>>,
    idle: impl Future<Output = bool>,
) -> Result<Option<String>, ControlError> {
    let deleted = scope.delete::<Pod>().await?;
    if !scope.ledger().may_exist("Pod") || ended(scope, watch, NODE).await {
        return Ok(Some(deleted));
    }
    // A node that is busy with an image ends no pod before it is done.
    let deleted = if idle.await {
        scope.delete_at_once::<Pod>().await?
    } else {
        deleted
    };
    Ok(ended(scope, watch, SLOW).await.then_some(deleted))
}

/// What there is of the pod: the watch saw its end, or the server is asked.
pub(crate) async fn left(
    scope: &ScanScope,
    watch: &Mutex<Option<Watched<Pod>>>,
) -> Result<Left, ControlError> {
    if watch.lock().await.as_ref().is_some_and(|w| w.gone) {
        return Ok(Left::Nothing);
    }
    let name = scope.name();
    let uid = scope.ledger().uid_of("Pod", &name);
    let api = scope.operator_api::<Pod>();
    match call("get the scan's pod", api.get_metadata(&name)).await {
        Err(error) if error.kind() == CallErrorKind::NotFound => Ok(Left::Nothing),
        Ok(other) if uid.is_some() && other.uid() != uid => Ok(Left::Another),
        Ok(_) => Ok(Left::Pod),
        Err(error) => Err(error.of_control()),
    }
}

/// The pod is still there.
pub(crate) fn still_there(scope: &ScanScope) -> ControlError {
    let name = scope.name();
    let remedy = Remedy::CheckObject {
        resource: "pods".into(),
        namespace: scope.namespace().to_owned(),
        name: name.clone(),
        lease_seconds: scope.plan().lease_seconds,
    };
    ControlError::new(format!("pod {name} still exists")).with_remedy(remedy)
}

/// Waits until the pod is gone from the server.
pub(crate) async fn ended(
    scope: &ScanScope,
    watch: &Mutex<Option<Watched<Pod>>>,
    limit: Duration,
) -> bool {
    let mut held = watch.lock().await;
    let Some(watch) = held.as_mut() else {
        // Its creation was interrupted, or its answer was lost: nobody watches it yet.
        return timeout(limit, found_until_gone(scope, limit)).await.is_ok();
    };
    matches!(
        watch.until(limit, |w| w.gone.then_some(())).await,
        Ok(Some(()))
    )
}

/// Looks for the pod, and watches it until there is none.
async fn found_until_gone(scope: &ScanScope, limit: Duration) {
    loop {
        let name = scope.name();
        let uid = scope.ledger().uid_of("Pod", &name);
        let api = scope.operator_api::<Pod>();
        match call("get the scan's pod", api.get(&name)).await {
            Err(error) if error.kind() == CallErrorKind::NotFound => return,
            Ok(other) if uid.is_some() && other.uid() != uid => return,
            Ok(pod) => {
                let mut watch = Watched::new(api, "watch the scan's pod", pod);
                let gone = watch.until(limit, |w| w.gone.then_some(())).await;
                if let Ok(Some(())) = gone {
                    return;
                }
            }
            Err(_) => {}
        }
        sleep(ASK_AGAIN).await;
    }
}
