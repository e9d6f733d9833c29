//! One watch of the scan's own pod, from its creation to its end.

use std::{collections::BTreeMap, pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{
    Api, ResourceExt as _,
    api::{WatchEvent, WatchParams},
};

use crate::{CallError, error::call};

type Events = Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<Pod>>> + Send>>;

/// The pod as it was last seen, and what comes after.
pub(super) struct PodWatch {
    api: Api<Pod>,
    pub(super) last: Pod,
    pub(super) gone: bool,
    /// Whether it was ever seen without the labels that it was created with.
    pub(super) relabelled: bool,
    labels: BTreeMap<String, String>,
    events: Option<Events>,
}

impl PodWatch {
    pub(super) fn new(api: Api<Pod>, created: Pod) -> Self {
        Self {
            api,
            labels: created.labels().clone(),
            last: created,
            gone: false,
            relabelled: false,
            events: None,
        }
    }

    /// Waits until `done` gives an answer; `None` when the pod is gone or the time is up.
    pub(super) async fn until<T>(
        &mut self,
        limit: Duration,
        done: impl Fn(&Self) -> Option<T>,
    ) -> Result<Option<T>, CallError> {
        let look = async {
            loop {
                if let Some(answer) = done(self) {
                    return Ok(Some(answer));
                }
                if self.gone {
                    return Ok(None);
                }
                self.next().await?;
            }
        };
        tokio::time::timeout(limit, look).await.unwrap_or(Ok(None))
    }

    async fn next(&mut self) -> Result<(), CallError> {
        let name = self.last.name_any();
        if self.events.is_none() {
            let params = WatchParams::default().fields(&format!("metadata.name={name}"));
            let version = self.last.resource_version().unwrap_or_default();
            let watch = call("watch the scan's pod", self.api.watch(&params, &version)).await?;
            self.events = Some(Box::pin(watch));
        }
        let event = match &mut self.events {
            Some(events) => events.next().await,
            None => None,
        };
        match event {
            Some(Ok(WatchEvent::Added(pod) | WatchEvent::Modified(pod))) => self.last = pod,
            Some(Ok(WatchEvent::Deleted(pod))) => {
                self.last = pod;
                self.gone = true;
            }
            Some(Ok(WatchEvent::Bookmark(_))) => {}
            Some(Ok(WatchEvent::Error(_)) | Err(_)) | None => {
                // The watch ended or its version is too old: look again.
                self.events = None;
                match call("get the scan's pod", self.api.get(&name)).await {
                    Ok(pod) => self.last = pod,
                    Err(error) if error.code() == Some(404) => self.gone = true,
                    Err(error) => return Err(error),
                }
            }
        }
        self.relabelled |= *self.last.labels() != self.labels;
        Ok(())
    }

    /// Status of a container or init container.
    pub(super) fn container(&self, name: &str) -> Option<&ContainerStatus> {
        let status = self.last.status.as_ref()?;
        let all = status.init_container_statuses.iter().flatten();
        all.chain(status.container_statuses.iter().flatten())
            .find(|status| status.name == name)
    }

    /// Whether any container of the pod runs.
    pub(super) fn any_runs(&self) -> bool {
        let status = self.last.status.as_ref();
        let all = status.into_iter().flat_map(|status| {
            let init = status.init_container_statuses.iter().flatten();
            init.chain(status.container_statuses.iter().flatten())
        });
        all.filter_map(|status| status.state.as_ref())
            .any(|state| state.running.is_some())
    }

    pub(super) fn runs(&self, name: &str) -> bool {
        let state = self.container(name).and_then(|s| s.state.as_ref());
        state.is_some_and(|state| state.running.is_some())
    }
}
