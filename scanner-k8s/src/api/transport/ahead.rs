//! A connection that is opened before somebody needs it, so that its handshake costs nobody a round trip.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::Uri;
use tokio::task::JoinHandle;
use tower::Service;

/// Longest time that an unused connection is kept: servers close silent ones.
const FRESH: Duration = Duration::from_secs(5);

type Opening<C> = JoinHandle<Result<<C as Service<Uri>>::Response, <C as Service<Uri>>::Error>>;
/// A connection that is being opened, and since when.
type Held<C> = Option<(Instant, Opening<C>)>;

/// Connects as `C` does, and hands out first what was opened ahead.
pub(super) struct Ahead<C: Service<Uri>> {
    connector: C,
    opening: Arc<Mutex<Held<C>>>,
}

impl<C: Service<Uri> + Clone> Clone for Ahead<C> {
    fn clone(&self) -> Self {
        Self {
            connector: self.connector.clone(),
            opening: Arc::clone(&self.opening),
        }
    }
}

impl<C> Ahead<C>
where
    C: Service<Uri, Future: Send + 'static, Response: Send + 'static, Error: Send + 'static>
        + Clone,
{
    pub(super) fn new(connector: C) -> Self {
        Self {
            connector,
            opening: Arc::default(),
        }
    }

    /// Begins to open a connection, which the next call takes. Must be called within a runtime.
    pub(super) fn open(&self, uri: Uri) {
        let opening = tokio::spawn(self.connector.clone().call(uri));
        self.put(Some((Instant::now(), opening)));
    }

    fn put(&self, next: Held<C>) -> Option<Opening<C>> {
        let mut held = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, opening) = std::mem::replace(&mut *held, next)?;
        if begun.elapsed() < FRESH {
            return Some(opening);
        }
        opening.abort();
        None
    }
}

impl<C> Service<Uri> for Ahead<C>
where
    C: Service<Uri, Future: Send + 'static, Response: Send + 'static, Error: Send + 'static>
        + Clone
        + Send
        + 'static,
{
    type Response = C::Response;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let opening = self.put(None);
        let mut connector = self.connector.clone();
        Box::pin(async move {
            if let Some(opening) = opening
                && let Ok(Ok(opened)) = opening.await
            {
                return Ok(opened);
            }
            connector.call(uri).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        future::{Ready, ready},
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// Numbers its connections.
    #[derive(Clone, Default)]
    struct Numbered(Arc<AtomicUsize>);

    impl Service<Uri> for Numbered {
        type Response = usize;
        type Error = Infallible;
        type Future = Ready<Result<usize, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Uri) -> Self::Future {
            ready(Ok(self.0.fetch_add(1, Ordering::Relaxed)))
        }
    }

    #[tokio::test]
    async fn what_was_opened_ahead_is_handed_out_once() {
        let made = Numbered::default();
        let mut ahead = Ahead::new(made.clone());
        let uri = || Uri::from_static("https://192.0.2.1");
        ahead.open(uri());
        assert_eq!(ahead.clone().call(uri()).await, Ok(0));
        assert_eq!(made.0.load(Ordering::Relaxed), 1, "nothing else was opened");
        assert_eq!(ahead.call(uri()).await, Ok(1));
    }

    #[tokio::test]
    async fn one_that_waited_for_long_is_not_handed_out() {
        let mut ahead = Ahead::new(Numbered::default());
        let uri = || Uri::from_static("https://192.0.2.1");
        ahead.open(uri());
        tokio::task::yield_now().await;
        if let Some((begun, _)) = ahead.opening.lock().unwrap().as_mut() {
            *begun = begun.checked_sub(FRESH).expect("a time before now");
        }
        assert_eq!(ahead.call(uri()).await, Ok(1));
    }
}
