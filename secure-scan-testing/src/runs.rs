//! Containers that run: who came to them by exec, and how they end.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::store::Key;

/// The state of a container that runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ContainerState {
    /// Execs that are open.
    pub(crate) execs: usize,
    /// Whether there ever was one.
    pub(crate) came: bool,
    /// The code with which its program must end.
    pub(crate) ending: Option<i32>,
    /// Whether its pod ends.
    pub(crate) killed: bool,
}

/// One container that runs.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) life: watch::Sender<ContainerState>,
    pod: Key,
    container: String,
}

impl Run {
    /// An exec into it; it has ended when this is dropped.
    pub(crate) fn enter(&self) -> Entered {
        self.life.send_modify(|life| {
            life.execs += 1;
            life.came = true;
        });
        Entered(self.clone())
    }
}

/// An exec that is open.
pub(crate) struct Entered(Run);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0
            .life
            .send_modify(|life| life.execs = life.execs.saturating_sub(1));
    }
}

/// Every container that runs, by its id.
#[derive(Debug, Default)]
pub(crate) struct Runs(BTreeMap<String, Run>);

impl Runs {
    pub(crate) fn add(&mut self, id: &str, pod: &Key, container: &str) -> Run {
        let run = Run {
            life: watch::Sender::new(ContainerState::default()),
            pod: pod.clone(),
            container: container.to_owned(),
        };
        self.0.insert(id.to_owned(), run.clone());
        run
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    pub(crate) fn of(&self, pod: &Key, container: &str) -> Option<Run> {
        let mut all = self.0.values();
        all.find(|run| run.pod == *pod && run.container == container)
            .cloned()
    }

    /// Ends every container of a pod.
    pub(crate) fn end_pod(&mut self, pod: &Key) {
        self.0.retain(|_, run| {
            let of_pod = run.pod == *pod;
            if of_pod {
                run.life.send_modify(|life| life.killed = true);
            }
            !of_pod
        });
    }
}
