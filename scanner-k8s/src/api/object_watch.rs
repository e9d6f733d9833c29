//! One watch of one object, from when it was seen first to its end.

use std::{collections::BTreeMap, fmt::Debug, pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, WatchEvent, WatchParams},
};
use serde::de::DeserializeOwned;

use crate::api::call::{CallError, call_with_retry};

type Events<K> = Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<K>>> + Send>>;

/// Says what is wrong with a version of an object.
type Check<K> = Box<dyn Fn(&K) -> Option<String> + Send>;

/// Pause before a watch that ended is taken up again.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a watch that only saves a round trip may take to open, and to begin.
const EARLY: Duration = Duration::from_secs(5);
/// After how many seconds a watch without bookmarks ends, to be taken up by a version that the server still knows: it keeps at
/// least 75 s (`eventFreshDuration` of its watch cache).
const UNMARKED: u32 = 60;

/// Labels that the API server itself copies from a node to the pods that it binds there, from Kubernetes 1.35.
pub(crate) const PLACE_LABELS: [&str; 2] = [
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// An object as it was last seen, and what comes after.
///
/// A server or a proxy may end a watch at any time: it is taken up again where it ended.
pub(crate) struct Watched<K> {
    api: Api<K>,
    what: &'static str,
    pub(crate) last: K,
    pub(crate) gone: bool,
    /// Whether it was ever seen with other labels than it had first, [`PLACE_LABELS`] aside.
    pub(crate) relabelled: bool,
    /// What `check` found first.
    pub(crate) found: Option<String>,
    check: Option<Check<K>>,
    labels: BTreeMap<String, String>,
    version: String,
    events: Option<Events<K>>,
    /// A watch that was opened while the object was made, of which nothing was read yet.
    early: Option<Events<K>>,
}

impl<K> Watched<K>
where
    K: Clone + DeserializeOwned + Debug + Resource + Send + 'static,
{
    /// `what` says in an error what was tried; the watch begins with the first wait.
    pub(crate) fn new(api: Api<K>, what: &'static str, first: K) -> Self {
        Self {
            api,
            what,
            gone: false,
            relabelled: false,
            found: None,
            check: None,
            labels: placeless(&first),
            version: first.resource_version().unwrap_or_default(),
            events: None,
            early: None,
            last: first,
        }
    }

    /// As [`Watched::new`] of the object that `creation` makes, with the watch opened meanwhile, which saves a round trip.
    ///
    /// # Errors
    ///
    /// Fails when `creation` does. Whether the watch opened shows with the first wait, which opens another where it did not.
    pub(crate) async fn while_made<E>(
        api: Api<K>,
        what: &'static str,
        name: &str,
        creation: impl Future<Output = Result<K, E>>,
    ) -> Result<Self, E> {
        // Without bookmarks: with them, a watch from "0" needs a storage feature that not every etcd has.
        let params = WatchParams::default()
            .fields(&format!("metadata.name={name}"))
            .disable_bookmarks()
            .timeout(UNMARKED);
        // Sent first, so that it begins before the object is there.
        let (early, made) = tokio::join!(
            tokio::time::timeout(EARLY, api.watch(&params, "0")),
            creation
        );
        let early: Option<Events<K>> = match early {
            Ok(Ok(events)) => Some(Box::pin(events)),
            _ => None,
        };
        Ok(Self {
            early,
            ..Self::new(api, what, made?)
        })
    }

    /// Takes up the watch that was opened early, if it begins with the object as it was made: one that began later may have
    /// missed a version.
    async fn take_up_early(&mut self) {
        let Some(mut early) = self.early.take() else {
            return;
        };
        let first = tokio::time::timeout(EARLY, early.next()).await;
        if let Ok(Some(Ok(WatchEvent::Added(object)))) = first
            && object.uid() == self.last.uid()
            && object.resource_version().as_ref() == Some(&self.version)
        {
            self.events = Some(early);
        }
    }

    /// From now on each version of the object goes through `check`, which says what is wrong with it.
    pub(crate) fn check(&mut self, check: impl Fn(&K) -> Option<String> + Send + 'static) {
        self.check = Some(Box::new(check));
    }

    /// Waits until `done` gives an answer; `None` when the object is gone or the time is up.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses the watch, or goes on failing.
    pub(crate) async fn until<T>(
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
                self.changed().await?;
            }
        };
        tokio::time::timeout(limit, look).await.unwrap_or(Ok(None))
    }

    /// Waits for the next event of the watch.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses the watch, or goes on failing.
    pub(crate) async fn changed(&mut self) -> Result<(), CallError> {
        let name = self.last.name_any();
        self.take_up_early().await;
        let events = if let Some(events) = &mut self.events {
            events
        } else {
            let params = WatchParams::default().fields(&format!("metadata.name={name}"));
            let watch =
                call_with_retry(self.what.into(), || self.api.watch(&params, &self.version));
            self.events.insert(Box::pin(watch.await?))
        };
        match events.next().await {
            Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => self.see(object),
            Some(Ok(WatchEvent::Deleted(object))) => {
                self.see(object);
                self.gone = true;
            }
            Some(Ok(WatchEvent::Bookmark(mark))) => self.version = mark.metadata.resource_version,
            Some(Ok(WatchEvent::Error(_))) => {
                // The version is too old to go on from.
                self.pause().await;
                // A list, for which the operator needs no right that a watch does not come with.
                let params = ListParams::default().fields(&format!("metadata.name={name}"));
                let list = call_with_retry(self.what.into(), || self.api.list(&params)).await?;
                match list
                    .items
                    .into_iter()
                    .find(|object| object.name_any() == name && object.uid() == self.last.uid())
                {
                    Some(object) => self.see(object),
                    None => self.gone = true,
                }
            }
            Some(Err(_)) | None => self.pause().await,
        }
        Ok(())
    }

    async fn pause(&mut self) {
        self.events = None;
        tokio::time::sleep(PAUSE).await;
    }

    fn see(&mut self, object: K) {
        self.version = object.resource_version().unwrap_or_default();
        self.relabelled |= placeless(&object) != self.labels;
        if let (None, Some(check)) = (&self.found, &self.check) {
            self.found = check(&object);
        }
        self.last = object;
    }
}

fn placeless(object: &impl Resource) -> BTreeMap<String, String> {
    let mut labels = object.labels().clone();
    labels.retain(|key, _| !PLACE_LABELS.contains(&key.as_str()));
    labels
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

    fn started(seen: &Watched<Job>) -> Option<i32> {
        seen.last.status.as_ref()?.ready
    }

    fn job() -> Job {
        let metadata =
            serde_json::json!({"name": "a", "resourceVersion": "5", "labels": {"a": "b"}});
        serde_json::from_value(serde_json::json!({"metadata": metadata})).expect("a Job")
    }

    fn versions(asked: &Mutex<Vec<String>>) -> Vec<String> {
        let asked = asked.lock().expect("lock").clone();
        let version = |query: &String| query.rsplit("resourceVersion=").next().map(str::to_owned);
        asked.iter().filter_map(version).collect()
    }

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_the_server_ends_is_taken_up_where_it_ended() {
        let mark = r#"{"type": "BOOKMARK", "object": {"kind": "Job", "apiVersion": "batch/v1", "metadata": {"resourceVersion": "7"}}}"#;
        let other =
            r#"{"type": "ADDED", "object": {"metadata": {"name": "a", "resourceVersion": "8"}}}"#;
        let ready = r#"{"type": "MODIFIED", "object": {"metadata": {"name": "a", "labels": {"a": "b"}}, "status": {"ready": 8}}}"#;
        let (api, asked) = server(&[mark, "", &[other, ready].join("\n")]);
        let mut watched = Watched::new(api, "watch", job());
        let seen = watched.until(SOON, started).await;
        assert_eq!(seen.expect("watch"), Some(8));
        assert_eq!(versions(&asked), ["5", "7", "7"]);
        assert!(watched.relabelled, "for a moment it had no label");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_was_opened_early_goes_on_only_if_it_begins_with_what_was_made() {
        let event = |what: &str, uid: &str, version: u32| {
            format!(
                r#"{{"type": "{what}", "object": {{"metadata": {{"name": "a", "uid": "{uid}", "resourceVersion": "{version}"}}, "status": {{"ready": {version}}}}}}}"#
            )
        };
        let ready = event("MODIFIED", "u", 8);
        let refused = r#"{"type": "ERROR", "object": {"status": "Failure", "message": "no", "reason": "InternalError", "code": 500}}"#;
        for (early, versions_asked) in [
            (
                [event("ADDED", "u", 5), ready.clone()].join("\n"),
                &["0"][..],
            ),
            // A version between was not seen.
            (
                [event("ADDED", "u", 7), ready.clone()].join("\n"),
                &["0", "5"],
            ),
            // Another object of that name.
            (
                [event("ADDED", "other", 5), ready.clone()].join("\n"),
                &["0", "5"],
            ),
            (refused.to_owned(), &["0", "5"]),
            (String::new(), &["0", "5"]),
        ] {
            let (api, asked) = server(&[&early, &ready]);
            let made = async {
                let mut made = job();
                made.metadata.uid = Some("u".into());
                Ok::<_, Infallible>(made)
            };
            let watched = Watched::while_made(api, "watch", "a", made).await;
            let mut watched = watched.expect("made");
            let until_ready = |seen: &Watched<Job>| started(seen).filter(|ready| *ready == 8);
            let seen = watched.until(SOON, until_ready).await;
            assert_eq!(seen.expect("watch"), Some(8));
            let first = asked.lock().expect("lock")[0].clone();
            assert!(!first.contains("Bookmarks"), "{first}");
            assert_eq!(versions(&asked), versions_asked, "{early}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_that_is_too_old_is_read_anew() {
        let old = r#"{"type": "ERROR", "object": {"status": "Failure", "message": "too old", "reason": "Expired", "code": 410}}"#;
        let now = r#"{"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "a", "labels": {"a": "b", "topology.kubernetes.io/zone": "z"}}, "status": {"ready": 8}}]}"#;
        let (api, asked) = server(&[old, now]);
        let mut watched = Watched::new(api, "watch", job());
        assert_eq!(watched.until(SOON, started).await.expect("watch"), Some(8));
        assert_eq!(versions(&asked), ["5", "&fieldSelector=metadata.name%3Da"]);
        assert!(!watched.relabelled);
        // Another object took the name meanwhile.
        let other = now.replace(r#"{"name": "a","#, r#"{"name": "a", "uid": "other","#);
        let (api, _) = server(&[old, &other]);
        let mut watched = Watched::new(api, "watch", job());
        assert_eq!(watched.until(SOON, started).await.expect("watch"), None);
        assert!(watched.gone);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_and_what_is_deleted_is_no_answer() {
        let deleted = r#"{"type": "DELETED", "object": {"metadata": {"name": "a"}}}"#;
        for (answers, most, gone) in [(&[][..], 50, false), (&["", deleted], 2, true)] {
            let (api, asked) = server(answers);
            let mut watched = Watched::new(api, "watch", job());
            assert_eq!(watched.until(SOON, started).await.expect("watch"), None);
            assert_eq!(watched.gone, gone);
            assert!(versions(&asked).len() <= most, "{asked:?}");
        }
    }
}
