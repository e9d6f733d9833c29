//! Shows that what a scan made is gone: by its label, and by its name.

use std::fmt::Write as _;

use kube::{
    Api,
    api::{ListParams, PartialObjectMeta},
};
use scanner_core::{ControlError, Remedy};
use serde::de::DeserializeOwned;

use crate::{
    api::call::{CALL_TIMEOUT, CallError, call_with_retry},
    names::SCAN_LABEL,
    run::{ledger::Scope, owned::Owned, scope::ScanScope},
};

impl ScanScope {
    /// Shows that no object of that kind carries the scan's label, in the namespaces of the scan or, where that is asked
    /// for, in all, and that what the scan made is gone by its name.
    pub(crate) async fn gone<K: Owned>(&self) -> Result<String, ControlError> {
        let unlabelled = self.unlabelled::<K>().await?;
        self.gone_by_name::<K>().await?;
        Ok(unlabelled)
    }

    /// Shows that no object of that kind carries the scan's label. Whoever takes the label off an object
    /// hides it from this.
    pub(crate) async fn unlabelled<K: Owned>(&self) -> Result<String, ControlError> {
        let kind = K::kind(&()).into_owned();
        self.ledger().settle(CALL_TIMEOUT).await;
        if !self.ledger().may_exist(&kind) {
            return Ok(format!("{kind} was never created"));
        }
        let (left, scope) = self.labelled::<K>().await?;
        let Some(first) = left.first() else {
            self.ledger().note_absent(&kind, scope);
            let place = match scope {
                Scope::Everywhere => "in any namespace".to_owned(),
                Scope::Namespaces => {
                    format!("in namespace {}", self.places_of(&kind).join(" and "))
                }
            };
            return Ok(format!(
                "no {kind} {place} carries {SCAN_LABEL}={}",
                self.plan().scan_id
            ));
        };
        let uid = first.metadata.uid.clone().unwrap_or_default();
        let ours = self.ledger().made().iter().any(|made| made.uid == uid);
        if ours {
            return Err(self.still_there(first));
        }
        let name = first.metadata.name.clone().unwrap_or_default();
        let namespace = first.metadata.namespace.clone().unwrap_or_default();
        Err(ControlError::new(format!(
            "{kind} {name} in namespace {namespace} carries the scan's label and is not its own"
        ))
        .with_remedy(Remedy::advice(
            "somebody else put the label there; find out who",
        )))
    }

    /// Looks by name, and only for what the server did not confirm to have removed. A list, for which the
    /// operator needs no right that a scan does not need anyway.
    async fn gone_by_name<K: Owned>(&self) -> Result<(), ControlError> {
        let kind = K::kind(&()).into_owned();
        for (name, uid) in self.ledger().unconfirmed(&kind) {
            let api = self.operator_api_for::<K>(&name);
            let params = ListParams::default().fields(&format!("metadata.name={name}"));
            let what = format!("look for {kind} {name}");
            let found = call_with_retry(what, || api.list_metadata(&params)).await;
            let found = found.map_err(CallError::of_control)?.items;
            // Without a known UID, every object with a name of this scan counts as its own.
            let same = |meta: &PartialObjectMeta<K>| {
                let known = uid.is_none() || meta.metadata.uid == uid;
                meta.metadata.name.as_ref() == Some(&name) && known
            };
            if let Some(left) = found.iter().find(|meta| same(meta)) {
                return Err(self.still_there(left));
            }
            self.ledger().note_gone(&kind, &name);
        }
        Ok(())
    }

    /// An object of the scan that is left.
    fn still_there<K: Owned>(&self, left: &PartialObjectMeta<K>) -> ControlError {
        let (kind, meta) = (K::kind(&()), &left.metadata);
        let name = meta.name.as_deref().unwrap_or_default();
        let labels = meta.labels.as_ref();
        let label = labels.and_then(|labels| labels.get(SCAN_LABEL));
        let mut message = format!("{kind} {name} still exists");
        if label.map(String::as_str) != Some(self.plan().scan_id.as_str()) {
            message.push_str(", and somebody took the scan's label off it");
        }
        let finalizers = meta.finalizers.as_deref().unwrap_or_default();
        let remedy = if finalizers.is_empty() {
            Remedy::CheckObject {
                resource: K::plural(&()).into_owned(),
                namespace: self.namespace_of(&kind, name).to_owned(),
                name: name.to_owned(),
                lease_seconds: self.plan().lease_seconds,
            }
        } else {
            let _ = write!(message, ", held by finalizers: {}", finalizers.join(", "));
            Remedy::advice("whoever put the finalizers there must remove them")
        };
        ControlError::new(message).with_remedy(remedy)
    }

    /// Objects of that kind with the scan's label.
    async fn labelled<K: Owned>(&self) -> Result<(Vec<PartialObjectMeta<K>>, Scope), ControlError> {
        let kind = K::kind(&());
        let operator = self.segment().operator();
        let places = self.places_of(&kind);
        let here: Vec<Api<K>> = places.iter().map(|place| operator.api(place)).collect();
        self.labelled_in(&kind, &operator.everywhere(), &here).await
    }

    /// The same for a kind that may be known only at run time: everywhere where that is asked for and allowed, else in the
    /// namespaces of the scan.
    pub(crate) async fn labelled_in<K: Clone + std::fmt::Debug + DeserializeOwned>(
        &self,
        kind: &str,
        everywhere: &Api<K>,
        here: &[Api<K>],
    ) -> Result<(Vec<PartialObjectMeta<K>>, Scope), ControlError> {
        let params = ListParams::default().labels(&format!("{SCAN_LABEL}={}", self.plan().scan_id));
        if self.proves_everywhere() && self.ledger().may_list_everywhere() {
            let what = format!("list {kind} objects of this scan in all namespaces");
            match call_with_retry(what, || everywhere.list_metadata(&params)).await {
                Ok(left) => return Ok((left.items, Scope::Everywhere)),
                // This operator has rights in one namespace only: the other kinds need not be tried.
                Err(error) if error.is_forbidden() => self.ledger().only_here(),
                Err(error) => return Err(error.of_control()),
            }
        }
        let mut left = Vec::new();
        for api in here {
            let what = format!("list {kind} objects of this scan");
            let found = call_with_retry(what, || api.list_metadata(&params)).await;
            left.extend(found.map_err(CallError::of_control)?.items);
        }
        Ok((left, Scope::Namespaces))
    }
}
