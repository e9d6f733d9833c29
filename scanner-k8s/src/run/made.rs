//! An object that a scan created, as the ledger records it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, Time};
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde_json::Value;

use crate::names::SCAN_LABEL;

/// An object that the scan created.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Kind, such as `Pod`.
    pub kind: String,
    /// Name in the namespace of the scan.
    pub name: String,
    /// UID.
    pub uid: String,
    /// Version as it was made, or as the scan last saw it.
    pub(super) version: String,
    /// The scan's label, if it came with one.
    pub(super) label: Option<String>,
    /// Finalizers that it came with.
    pub(super) finalizers: Vec<String>,
    /// When the server made it, to the second.
    pub(super) created: Option<Time>,
    /// All labels and annotations that it came with.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    /// How often its specification was written, where the server counts.
    pub(super) generation: Option<i64>,
    /// Who wrote which of its fields, as the server keeps it.
    pub(super) records: Vec<ManagedFieldsEntry>,
    /// The object without its metadata and status.
    pub(super) content: Value,
    /// When a lease started, once the scan has seen it.
    pub(super) lease_start: Option<Time>,
    /// Whether the server created it with other owners or labels than the scan asked for; it is not compared then.
    pub(super) came_otherwise: bool,
}

impl Made {
    pub(crate) fn of<K: Resource + Serialize>(kind: &str, name: &str, made: &K) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            uid: made.uid().unwrap_or_default(),
            version: made.resource_version().unwrap_or_default(),
            label: made.labels().get(SCAN_LABEL).cloned(),
            finalizers: made.finalizers().to_vec(),
            created: made.creation_timestamp(),
            labels: made.labels().clone(),
            annotations: made.annotations().clone(),
            generation: made.meta().generation,
            records: made.managed_fields().to_vec(),
            content: content(made),
            lease_start: None,
            came_otherwise: false,
        }
    }

    /// The version that its deletion requires; `None` if it is not compared.
    pub(crate) fn compared_version(&self) -> Option<String> {
        (!self.came_otherwise).then(|| self.version.clone())
    }

    /// Version as the scan last saw it.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The scan's label, if it came with one.
    pub(crate) fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Finalizers that it came with.
    pub(crate) fn finalizers(&self) -> &[String] {
        &self.finalizers
    }

    /// When a lease started, as a value; `None` where the scan has not seen it.
    pub(crate) fn lease_start(&self) -> Option<Value> {
        let start = self.lease_start.as_ref()?;
        serde_json::to_value(start).ok()
    }

    /// The object as it was made, without its metadata and status.
    pub(crate) fn content(&self) -> &Value {
        &self.content
    }
}

/// What an object says, without what the server keeps about it.
pub(crate) fn content(object: &impl Serialize) -> Value {
    let mut content = serde_json::to_value(object).unwrap_or_default();
    if let Some(map) = content.as_object_mut() {
        for key in ["metadata", "status", "apiVersion", "kind"] {
            map.remove(key);
        }
    }
    content
}

/// What shows that an object is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// The server named its UID in the answer to our deletion.
    ByUs,
    /// It was not there when we deleted it: by whom it was removed is unknown.
    BySomebody,
}
