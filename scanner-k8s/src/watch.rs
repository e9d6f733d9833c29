//! Waiting for a state of one object.

use std::{fmt::Debug, pin::pin, time::Duration};

use futures_util::StreamExt as _;
use kube::{
    Api, Resource,
    api::{WatchEvent, WatchParams},
};
use serde::de::DeserializeOwned;

use crate::error::{CallError, insist};

/// Pause before a watch that ended is taken up again.
const PAUSE: Duration = Duration::from_millis(500);

/// Watches the object `name` from resource version `from` on until `done` gives an answer, at most `limit`.
///
/// A server or a proxy may end a watch at any time: it is taken up again where it ended. `None` when no
/// answer came in time or the object was deleted.
///
/// # Errors
///
/// Fails when the server refuses the watch, or goes on failing.
pub(crate) async fn until<K, T>(
    api: &Api<K>,
    what: &str,
    (name, from): (&str, &str),
    limit: Duration,
    done: impl Fn(&K) -> Option<T>,
) -> Result<Option<T>, CallError>
where
    K: Clone + DeserializeOwned + Debug + Resource,
{
    // The server's own end comes after ours: what is told is that the time is over.
    let seconds = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX);
    let params = WatchParams::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(seconds.saturating_add(10));
    let look = async {
        let mut version = from.to_owned();
        loop {
            let watch = insist(what.into(), || api.watch(&params, &version)).await?;
            let mut events = pin!(watch);
            while let Some(Ok(event)) = events.next().await {
                match event {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                        if let Some(answer) = done(&object) {
                            return Ok(Some(answer));
                        }
                        version = object.meta().resource_version.clone().unwrap_or(version);
                    }
                    WatchEvent::Bookmark(mark) => version = mark.metadata.resource_version,
                    WatchEvent::Deleted(_) => return Ok(None),
                    WatchEvent::Error(_) => break,
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(limit, look).await.unwrap_or(Ok(None))
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{Arc, Mutex},
    };

    use http::{Request, Response};
    use k8s_openapi::api::batch::v1::Job;
    use kube::{Client, client::Body};

    use super::*;

    /// A server that answers each watch with the next of `answers`, then with nothing, and keeps what it was asked.
    fn server(answers: &[&str]) -> (Api<Job>, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let mut rest = answers.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>();
        rest.reverse();
        let rest = Arc::new(Mutex::new(rest));
        let service = tower::service_fn(move |request: Request<Body>| {
            heard
                .lock()
                .expect("lock")
                .push(request.uri().query().unwrap_or_default().to_owned());
            let answer = rest.lock().expect("lock").pop().unwrap_or_default();
            async move { Ok::<_, Infallible>(Response::new(Body::from(answer.into_bytes()))) }
        });
        (
            Api::namespaced(Client::new(service, "default"), "default"),
            asked,
        )
    }

    fn started(job: &Job) -> Option<i32> {
        job.status.as_ref()?.ready
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_the_server_ends_is_taken_up_where_it_ended() {
        let mark = r#"{"type": "BOOKMARK", "object": {"kind": "Job", "apiVersion": "batch/v1",
            "metadata": {"resourceVersion": "7"}}}"#
            .replace('\n', "");
        let created = r#"{"type": "ADDED", "object": {"metadata": {"name": "a"}}}"#;
        let job = r#"{"type": "MODIFIED", "object": {"metadata": {"name": "a"}, "status": {"ready": 8}}}"#;
        let (api, asked) = server(&[&mark, "", &[created, job].join("\n")]);
        let seen = until(&api, "watch", ("a", "5"), Duration::from_secs(20), started).await;
        assert_eq!(seen.expect("watch"), Some(8));
        let asked = asked.lock().expect("lock").clone();
        let versions: Vec<_> = asked
            .iter()
            .map(|query| query.rsplit("resourceVersion=").next().unwrap_or_default())
            .collect();
        assert_eq!(versions, ["5", "7", "7"], "{asked:?}");
        assert!(asked[0].contains("timeoutSeconds=30"), "{asked:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_and_what_is_deleted_is_no_answer() {
        let deleted = r#"{"type": "DELETED", "object": {"metadata": {"name": "a"}}}"#;
        let gone = r#"{"type": "ERROR", "object": {"status": "Failure", "message": "too old", "reason": "Expired", "code": 410}}"#;
        for (answers, most) in [(&[][..], 50), (&[deleted], 1), (&[gone, gone, deleted], 3)] {
            let (api, asked) = server(answers);
            let seen = until(&api, "watch", ("a", "5"), Duration::from_secs(20), started).await;
            assert_eq!(seen.expect("watch"), None);
            let asked = asked.lock().expect("lock").len();
            assert!(asked <= most, "{asked} watches");
        }
    }
}
