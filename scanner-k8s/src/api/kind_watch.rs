//! One watch of all objects of a kind that a selector takes, by their metadata alone.

use std::{
    fmt::Debug,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, StreamExt as _};
use kube::{
    Api, Resource,
    api::{ListParams, ObjectMeta, PartialObjectMeta, WatchEvent, WatchParams},
};
use serde::de::DeserializeOwned;

use crate::api::call::{CallError, call_with_retry};

type Events<K> = Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<PartialObjectMeta<K>>>> + Send>>;

/// Pause before a watch that ended is taken up again.
const PAUSE: Duration = Duration::from_millis(500);

/// A watch that is open.
pub(crate) struct KindWatch<K> {
    api: Api<K>,
    what: &'static str,
    fields: String,
    version: String,
    events: Events<K>,
    /// What was there when the watch had to be begun anew.
    found: Vec<ObjectMeta>,
    /// Whether the watch had to begin anew: what came and went before that was not seen.
    anew: bool,
}

impl<K> KindWatch<K>
where
    K: Clone + DeserializeOwned + Debug + Resource + Send + 'static,
{
    /// Opens the watch of what `fields` selects, from resource version `since` on. `since` is that of an object of any kind
    /// that was just written, so that nothing later is missed. A server that keeps kinds in several stores may not know
    /// that version; the watch then begins with a list.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses the watch.
    pub(crate) async fn begin(
        api: Api<K>,
        what: &'static str,
        fields: &str,
        since: &str,
    ) -> Result<Self, CallError> {
        let (mut version, mut found, mut anew) = (since.to_owned(), Vec::new(), false);
        let events = match Self::open(&api, what, fields, &version).await {
            Ok(events) => events,
            Err(error) if error.is_forbidden() => return Err(error),
            Err(_) => {
                anew = true;
                (version, found) = Self::list(&api, what, fields).await?;
                Self::open(&api, what, fields, &version).await?
            }
        };
        Ok(Self {
            api,
            what,
            fields: fields.to_owned(),
            version,
            events,
            found,
            anew,
        })
    }

    /// Whether it began with a list, and not with the version that was asked for.
    pub(crate) fn began_anew(&self) -> bool {
        self.anew
    }

    async fn open(
        api: &Api<K>,
        what: &'static str,
        fields: &str,
        version: &str,
    ) -> Result<Events<K>, CallError> {
        let params = WatchParams::default().fields(fields);
        let watch = call_with_retry(what.into(), || api.watch_metadata(&params, version));
        Ok(Box::pin(watch.await?))
    }

    /// Everything that is there now, with the version of the list.
    ///
    /// # Errors
    ///
    /// Fails when the server does not answer.
    pub(crate) async fn list(
        api: &Api<K>,
        what: &'static str,
        fields: &str,
    ) -> Result<(String, Vec<ObjectMeta>), CallError> {
        let params = ListParams::default().fields(fields);
        let list = call_with_retry(what.into(), || api.list_metadata(&params)).await?;
        let version = list.metadata.resource_version.unwrap_or_default();
        let found = list.items.into_iter().map(|item| item.metadata);
        Ok((version, found.collect()))
    }

    /// Calls `see` with each object that is there, that is added or that changes, until the future is dropped. A watch that
    /// ends is resumed where it ended, and `ended` is set: the last changes may not have been seen.
    pub(crate) async fn each(mut self, ended: Arc<AtomicBool>, see: impl Fn(&ObjectMeta) + Send) {
        for object in std::mem::take(&mut self.found) {
            see(&object);
        }
        loop {
            match self.events.next().await {
                Some(Ok(
                    WatchEvent::Added(object)
                    | WatchEvent::Modified(object)
                    | WatchEvent::Deleted(object),
                )) => {
                    self.note(&object.metadata);
                    see(&object.metadata);
                }
                Some(Ok(WatchEvent::Bookmark(mark))) => {
                    self.version = mark.metadata.resource_version;
                }
                Some(Ok(WatchEvent::Error(_))) => {
                    ended.store(true, Ordering::Relaxed);
                    self.again(true, &see).await;
                }
                Some(Err(_)) | None => {
                    ended.store(true, Ordering::Relaxed);
                    self.again(false, &see).await;
                }
            }
        }
    }

    fn note(&mut self, seen: &ObjectMeta) {
        if let Some(version) = &seen.resource_version {
            self.version.clone_from(version);
        }
    }

    /// Takes the watch up again; from a list where the version is not known any more.
    async fn again(&mut self, mut anew: bool, see: &(impl Fn(&ObjectMeta) + Send)) {
        loop {
            tokio::time::sleep(PAUSE).await;
            if anew {
                match Self::list(&self.api, self.what, &self.fields).await {
                    Ok((version, found)) => {
                        self.version = version;
                        found.iter().for_each(see);
                    }
                    Err(_) => continue,
                }
            }
            match Self::open(&self.api, self.what, &self.fields, &self.version).await {
                Ok(events) => {
                    self.events = events;
                    return;
                }
                Err(_) => anew = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{Arc, Mutex},
    };

    use http::{Request, Response};
    use k8s_openapi::api::core::v1::Secret;
    use kube::{Client, client::Body};

    use super::*;

    /// A server that answers each call with the next of `answers` and its status, then with nothing.
    fn server(answers: &[(u16, &str)]) -> (Api<Secret>, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let mut rest: Vec<(u16, String)> = answers
            .iter()
            .map(|(code, text)| (*code, (*text).to_owned()))
            .collect();
        rest.reverse();
        let rest = Arc::new(Mutex::new(rest));
        let service = tower::service_fn(move |request: Request<Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            heard.lock().expect("lock").push(query);
            let (code, text) = rest
                .lock()
                .expect("lock")
                .pop()
                .unwrap_or((200, String::new()));
            let answer = Response::builder()
                .status(code)
                .body(Body::from(text.into_bytes()));
            async move { Ok::<_, Infallible>(answer.expect("an answer")) }
        });
        (
            Api::namespaced(Client::new(service, "default"), "default"),
            asked,
        )
    }

    async fn names(answers: &[(u16, &str)]) -> (Vec<String>, Vec<String>) {
        let (api, asked) = server(answers);
        let watch = KindWatch::begin(api, "watch", "type=t", "5")
            .await
            .expect("a watch");
        assert_eq!(watch.began_anew(), answers[0].0 != 200);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let saw = Arc::clone(&seen);
        let ended = Arc::new(AtomicBool::new(false));
        let all = watch.each(Arc::clone(&ended), move |meta| {
            saw.lock()
                .expect("lock")
                .push(meta.name.clone().unwrap_or_default());
        });
        assert!(
            tokio::time::timeout(Duration::from_secs(2), all)
                .await
                .is_err()
        );
        assert!(ended.load(Ordering::Relaxed), "it ended meanwhile");
        let asked = asked.lock().expect("lock").clone();
        (seen.lock().expect("lock").clone(), asked)
    }

    fn event(kind: &str, name: &str, version: &str) -> String {
        format!(
            r#"{{"type": "{kind}", "object": {{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {{"name": "{name}", "resourceVersion": "{version}"}}}}}}"#
        )
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_missed_when_a_watch_ends() {
        let (a, b) = (event("ADDED", "a", "7"), event("DELETED", "b", "9"));
        let (seen, asked) = names(&[(200, &a), (200, &b)]).await;
        assert_eq!(seen, ["a", "b"]);
        assert!(asked[0].contains("resourceVersion=5"), "{asked:?}");
        assert!(asked[1].contains("resourceVersion=7"), "{asked:?}");
        assert!(asked[2].contains("resourceVersion=9"), "{asked:?}");
        assert!(
            asked.iter().all(|query| query.contains("type%3Dt")),
            "{asked:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_that_the_server_does_not_know_is_replaced_by_a_list() {
        let gone = r#"{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "too old", "reason": "Expired", "code": 410}"#;
        let list = r#"{"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "20"}, "items": [{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "there"}}]}"#;
        let (seen, asked) = names(&[(410, gone), (200, list)]).await;
        assert_eq!(seen, ["there"]);
        assert!(asked[2].contains("resourceVersion=20"), "{asked:?}");
        let error = format!(r#"{{"type": "ERROR", "object": {gone}}}"#);
        let (seen, asked) = names(&[(200, &error), (200, list)]).await;
        assert_eq!(seen, ["there"]);
        assert!(asked[2].contains("resourceVersion=20"), "{asked:?}");
    }
}
