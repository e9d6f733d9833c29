//! Objects of a scan: created with their owner, deleted by UID, and shown to be gone.

mod absence;
pub(crate) mod changed;
mod deletion;
mod rewritten;

pub(super) use deletion::removed;

use kube::{Resource, ResourceExt, api::PostParams};
use scanner_core::{ControlError, Remedy};

use super::{ledger::Ledger, owned::Owned, scope::ScanScope};
use crate::{
    api::call::{CallError, call},
    names::SCAN_LABEL,
    plan::manifest::{keep_meshes_out, mark},
};

/// UIDs of an object's owners.
fn owners<K: Resource>(object: &K) -> impl Iterator<Item = &str> {
    let all = object.meta().owner_references.as_deref();
    all.unwrap_or_default()
        .iter()
        .map(|owner| owner.uid.as_str())
}

impl ScanScope {
    /// Creates an object as the operator, writes it into the ledger, and gives its UID.
    pub(crate) async fn create<K: Owned>(
        &self,
        manifest: serde_json::Value,
    ) -> Result<String, ControlError> {
        let made = self.create_object::<K>(manifest).await?;
        Ok(made.uid().unwrap_or_default())
    }

    /// The same, and gives the object as the server made it.
    pub(crate) async fn create_object<K: Owned>(
        &self,
        mut manifest: serde_json::Value,
    ) -> Result<K, ControlError> {
        mark(&mut manifest, &self.plan().object_metadata);
        keep_meshes_out(&mut manifest);
        let kind = K::kind(&()).into_owned();
        let object: K = serde_json::from_value(manifest).map_err(|source| {
            ControlError::new(format!("the manifest of {kind} is not valid")).with_source(source)
        })?;
        let name = object.name_any();
        let asked: Vec<String> = owners(&object).map(str::to_owned).collect();
        let api = self.operator_api_for::<K>(&name);
        // Before the call: an interrupt while it is under way must not forget the object.
        let under_way = Ledger::attempt(self.ledger(), &kind, &name);
        let what = format!("create {kind} {name}");
        // In a task of its own: an interrupt ends the waiting, not the call, so that release can wait
        // for what the server makes of it.
        let task = tokio::spawn(async move {
            let made = call(what, api.create(&PostParams::default(), &object)).await;
            under_way.end(made.as_ref());
            made
        });
        let made = task.await.map_err(|source| {
            ControlError::new(format!("creating {kind} {name} ended unexpectedly"))
                .with_source(source)
        })?;
        let made = made.map_err(CallError::of_control)?;
        if made.labels().get(SCAN_LABEL).map(String::as_str) != Some(self.plan().scan_id.as_str()) {
            self.ledger().note_otherwise(&kind, &name);
            return Err(
                ControlError::new(format!("{kind} {name} came without the scan's label"))
                    .with_remedy(Remedy::advice(
                        "an admission webhook removes labels; exempt what secure-scan makes",
                    )),
            );
        }
        // An owner that was added would keep the object when the lease is gone.
        if !asked.iter().map(String::as_str).eq(owners(&made)) {
            self.ledger().note_otherwise(&kind, &name);
            return Err(ControlError::new(format!(
                "{kind} {name} came with other owners than asked for: the lease would not remove it"
            ))
            .with_remedy(Remedy::advice(
                "an admission policy changes owners; exempt what secure-scan makes",
            )));
        }
        Ok(made)
    }
}
