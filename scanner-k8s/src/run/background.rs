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

    /// Ends the task, and waits until it is gone, because it may hold a credential.
    pub(crate) async fn stop(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Arc};

    use super::*;

    #[tokio::test]
    async fn nothing_of_a_task_is_left_once_it_was_stopped() {
        let held = Arc::new(());
        let inside = Arc::clone(&held);
        let task = Background::spawn(async move {
            pending::<()>().await;
            drop(inside);
        });
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&held), 2);
        task.stop().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
