//! Tasks that end with what started them.

use std::future::Future;

use tokio::task::JoinHandle;

/// A task that is ended when this is dropped.
pub(crate) struct Background(JoinHandle<()>);

impl Background {
    /// Starts a task.
    pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}
