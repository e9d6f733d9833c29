//! What is seen of the containers of the scan's own pod.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::api::object_watch::Watched;

pub(super) type PodWatch = Watched<Pod>;

impl PodWatch {
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
