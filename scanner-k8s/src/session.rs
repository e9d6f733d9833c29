//! What one scan knows of itself while it runs: names, lease, token, and its two clients.

mod ledger;

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, PartialObjectMeta, PostParams, Preconditions},
    core::ObjectList,
};
use scanner_core::{
    ControlError, ScanPlan, Target,
    control::ControlEffect,
    inventory::{Changes, Collected},
};
use secrecy::SecretString;
use serde::{Serialize, de::DeserializeOwned};

pub use ledger::Made;
pub(crate) use ledger::{Ledger, Scope};

use crate::{
    CallError, Connection,
    aftermath::PodSnapshot,
    error::{CALL_TIMEOUT, call, insist},
    exec::{self, ExecStream},
    manifest::{SCAN_LABEL, object_name},
};

/// What an ephemeral container is called in the list of what was attempted; it is no object.
const PROBE: &str = "ephemeral container";

/// A client with the scan's own token and nothing else.
#[derive(Clone)]
pub(crate) struct ScanClient(
    pub(crate) Client,
    #[expect(dead_code, reason = "its token is looked for as long as it is held")]
    pub(crate)  Arc<SecretString>,
);

/// One scan, shared by its controls and its strategy.
pub struct Session {
    pub(crate) connection: Connection,
    pub(crate) plan: ScanPlan,
    pub(crate) lease_uid: OnceLock<String>,
    /// Version of the newest object that was created, from which to watch.
    pub(crate) version: Mutex<String>,
    pub(crate) scan_client: OnceLock<ScanClient>,
    /// When the server first accepted the token, which it may remember for up to 10 s.
    pub(crate) token_used: OnceLock<Instant>,
    pub(crate) started: Instant,
    /// Set once the server was seen to refuse the token.
    pub(crate) token_refused: OnceLock<()>,
    /// The pod as it was resolved, and as it was after the scan.
    pub(crate) before: OnceLock<PodSnapshot>,
    pub(crate) after: OnceLock<PodSnapshot>,
    /// What changed in the target while it was read.
    pub(crate) changes: OnceLock<Collected<Changes>>,
    /// The token, where it is lent to a program; nowhere else is it kept.
    lent: Mutex<Option<SecretString>>,
    ledger: Arc<Ledger>,
}

impl Session {
    /// A session for one planned scan.
    pub fn new(connection: Connection, plan: ScanPlan) -> Arc<Self> {
        Arc::new(Self {
            connection,
            plan,
            lease_uid: OnceLock::new(),
            version: Mutex::new(String::new()),
            scan_client: OnceLock::new(),
            token_used: OnceLock::new(),
            started: Instant::now(),
            token_refused: OnceLock::new(),
            before: OnceLock::new(),
            after: OnceLock::new(),
            changes: OnceLock::new(),
            lent: Mutex::default(),
            ledger: Arc::default(),
        })
    }

    /// What was planned.
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// Opens an exec as the scan's own identity, once the credential control has made one.
    ///
    /// # Errors
    ///
    /// Fails when there is no credential, or the server refuses the exec.
    pub async fn exec(
        &self,
        target: &Target,
        command: &[&str],
    ) -> Result<ExecStream, ControlError> {
        exec::open(self.scan_client()?, target, command)
            .await
            .map_err(crate::CallError::of_control)
    }

    /// Every object that the scan created, in order.
    pub fn ledger(&self) -> Vec<Made> {
        self.ledger.made()
    }

    /// What was shown of them since.
    pub(crate) fn shown(&self) -> &Ledger {
        &self.ledger
    }

    /// Keeps the token for the program that it is lent to, if there is one.
    pub(crate) fn lend(&self, token: &SecretString) {
        if self.plan.strategy == crate::lend::STRATEGY {
            let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
            *lent = Some(token.clone());
        }
    }

    /// The token that is lent, once.
    pub(crate) fn take_lent(&self) -> Option<SecretString> {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        lent.take()
    }

    /// Makes one call as the scan's own identity, and gives the status code of the answer: to try
    /// what must be refused.
    ///
    /// # Errors
    ///
    /// Fails when there is no credential, or no answer.
    pub async fn try_call(&self, verb: &str, path: &str, body: &[u8]) -> Result<u16, ControlError> {
        let kind = match verb {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let client = self.scan_client()?;
        let send = async {
            let request = http::Request::builder().method(verb).uri(path);
            let request = request.header(http::header::CONTENT_TYPE, kind);
            let request = request.body(body.to_vec().into());
            let request = request.map_err(kube::Error::HttpError)?;
            client.send(request).await
        };
        let answer = call(format!("{verb} {path}"), send).await;
        let answer = answer.map_err(crate::CallError::of_control)?;
        Ok(answer.status().as_u16())
    }

    pub(crate) fn name(&self) -> String {
        object_name(&self.plan.scan_id)
    }

    /// User name of the scan's identity at the server.
    pub(crate) fn account(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace(), self.name())
    }

    pub(crate) fn namespace(&self) -> &str {
        self.plan.target.namespace.as_str()
    }

    pub(crate) fn lease_uid(&self) -> Result<&str, ControlError> {
        let uid = self.lease_uid.get().map(String::as_str);
        uid.ok_or_else(|| not_held("the lease does not exist"))
    }

    pub(crate) fn scan_client(&self) -> Result<&Client, ControlError> {
        let client = self.scan_client.get().map(|c| &c.0);
        client.ok_or_else(|| not_held("the scan has no credential"))
    }

    pub(crate) fn operator_api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.connection.operator.clone(), self.namespace())
    }

    /// Creates an object as the operator, writes it into the ledger, and gives its UID.
    pub(crate) async fn create<K>(
        &self,
        manifest: serde_json::Value,
    ) -> Result<String, ControlError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + Serialize
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let made = self.create_object::<K>(manifest).await?;
        Ok(made.uid().unwrap_or_default())
    }

    /// The same, and gives the object as the server made it.
    pub(crate) async fn create_object<K>(
        &self,
        manifest: serde_json::Value,
    ) -> Result<K, ControlError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + Serialize
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let kind = K::kind(&()).into_owned();
        let object: K = serde_json::from_value(manifest).map_err(|source| ControlError {
            message: format!("the manifest of {kind} is not valid"),
            hint: None,
            effect: ControlEffect::NotHeld,
            source: Some(Box::new(source)),
        })?;
        let name = object.name_any();
        let api = self.operator_api::<K>();
        // Before the call: an interrupt while it is under way must not forget the object.
        let under_way = Ledger::attempt(&self.ledger, &kind, &name);
        let what = format!("create {kind} {name}");
        // In a task of its own: an interrupt ends the waiting, not the call, so that release can wait
        // for what the server makes of it.
        let task = tokio::spawn(async move {
            let made = call(what, api.create(&PostParams::default(), &object)).await;
            under_way.end(made.as_ref());
            made
        });
        let made = task.await.map_err(|source| ControlError {
            source: Some(Box::new(source)),
            ..not_held(format!("creating {kind} {name} ended unexpectedly"))
        })?;
        let made = made.map_err(CallError::of_control)?;
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) =
            made.resource_version().unwrap_or_default();
        if made.labels().get(SCAN_LABEL).map(String::as_str) != Some(self.plan.scan_id.as_str()) {
            return Err(ControlError {
                hint: Some(
                    "an admission webhook removes labels; exempt what secure-scan makes".into(),
                ),
                ..not_held(format!("{kind} {name} came without the scan's label"))
            });
        }
        Ok(made)
    }

    /// The server is now asked to add the probe's ephemeral container.
    pub(crate) fn probe_attempted(&self) {
        // The watch of its start and end is what waits for it.
        drop(Ledger::attempt(&self.ledger, PROBE, &self.name()));
    }

    /// The server clearly refused it.
    pub(crate) fn probe_refused(&self) {
        self.ledger.refused(PROBE, &self.name());
    }

    pub(crate) fn probe_may_exist(&self) -> bool {
        self.may_exist(PROBE)
    }

    /// Whether something of that kind was asked for and not clearly refused.
    pub(crate) fn may_exist(&self, kind: &str) -> bool {
        self.ledger.attempted().iter().any(|(k, _)| k == kind)
    }

    /// UID of an object that the scan created.
    pub(crate) fn uid_of(&self, kind: &str, name: &str) -> Option<String> {
        let made = self.ledger.made().into_iter();
        made.filter(|made| (made.kind.as_str(), made.name.as_str()) == (kind, name))
            .map(|made| made.uid)
            .next()
    }

    /// Deletes the scan's object of that kind; it may never have existed.
    pub(crate) async fn delete<K>(&self) -> Result<String, ControlError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        self.delete_named::<K>(&self.name()).await
    }

    /// The same for an object with a name of its own.
    pub(crate) async fn delete_named<K>(&self, name: &str) -> Result<String, ControlError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let kind = K::kind(&()).into_owned();
        self.ledger.settle(CALL_TIMEOUT).await;
        let this = (kind.clone(), name.to_owned());
        if !self.ledger.attempted().contains(&this) {
            return Ok(format!("{kind} was never created"));
        }
        if self.ledger.deleted(&kind, name) {
            return Ok(format!("{kind} was deleted before"));
        }
        let uid = self.uid_of(&kind, name);
        let params = DeleteParams {
            // Never another object that took the name.
            preconditions: uid.map(|uid| Preconditions {
                uid: Some(uid),
                resource_version: None,
            }),
            ..DeleteParams::background()
        };
        let what = format!("delete {kind} {name}");
        let api = self.operator_api::<K>();
        match insist(what, || api.delete(name, &params)).await {
            Ok(answer) => {
                // With the object in it, the answer means that a finalizer still holds it.
                let removed = answer.right().map(|status| {
                    status
                        .details
                        .map(|details| details.uid)
                        .unwrap_or_default()
                });
                self.ledger.note_deleted(&kind, name, removed);
                Ok(format!("{kind} {name} deleted"))
            }
            Err(error) if error.code() == Some(404) => {
                self.ledger.note_deleted(&kind, name, Some(String::new()));
                Ok(format!("{kind} was already gone"))
            }
            Err(error) if error.code() == Some(409) => {
                self.ledger.note_deleted(&kind, name, Some(String::new()));
                Ok(format!(
                    "{kind} was already gone; {name} is another object now and was left alone"
                ))
            }
            Err(error) => Err(error.of_control()),
        }
    }

    /// Shows that no object of that kind carries the scan's label, in any namespace that the operator
    /// may list.
    pub(crate) async fn gone<K>(&self) -> Result<String, ControlError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let kind = K::kind(&()).into_owned();
        self.ledger.settle(CALL_TIMEOUT).await;
        if !self.may_exist(&kind) {
            return Ok(format!("{kind} was never created"));
        }
        let (left, scope) = self.labelled::<K>().await?;
        let Some(first) = left.items.first() else {
            self.ledger.note_absent(&kind, scope);
            let place = match scope {
                Scope::Everywhere => "in any namespace".to_owned(),
                Scope::Namespace => format!("in namespace {}", self.namespace()),
            };
            return Ok(format!(
                "no {kind} {place} carries {SCAN_LABEL}={}",
                self.plan.scan_id
            ));
        };
        let uid = first.metadata.uid.clone().unwrap_or_default();
        let ours = self.ledger.made().iter().any(|made| made.uid == uid);
        let name = first.metadata.name.clone().unwrap_or_default();
        let namespace = first.metadata.namespace.clone().unwrap_or_default();
        let finalizers = first.metadata.finalizers.clone().unwrap_or_default();
        let what = if ours && !finalizers.is_empty() {
            let held = finalizers.join(", ");
            format!("{kind} {name} still exists, held by finalizers: {held}")
        } else if ours {
            format!("{kind} {name} still exists")
        } else {
            format!(
                "{kind} {name} in namespace {namespace} carries the scan's label and is not its own"
            )
        };
        let mut hint = format!(
            "the lease removes it within {} s; check with: kubectl get {} -A -l {SCAN_LABEL}={}",
            self.plan.lease_seconds,
            K::plural(&()),
            self.plan.scan_id
        );
        if !finalizers.is_empty() {
            "whoever put the finalizers there must remove them".clone_into(&mut hint);
        } else if !ours {
            "somebody else put the label there; find out who".clone_into(&mut hint);
        }
        Err(ControlError {
            message: what,
            hint: Some(hint),
            effect: ControlEffect::NotHeld,
            source: None,
        })
    }

    /// Objects of that kind with the scan's label: everywhere, or where that is refused, here.
    async fn labelled<K>(&self) -> Result<(ObjectList<PartialObjectMeta<K>>, Scope), ControlError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let kind = K::kind(&());
        let params = ListParams::default().labels(&format!("{SCAN_LABEL}={}", self.plan.scan_id));
        if self.ledger.may_list_everywhere() {
            let all = Api::<K>::all(self.connection.operator.clone());
            let what = format!("list {kind} objects of this scan in all namespaces");
            match insist(what, || all.list_metadata(&params)).await {
                Ok(left) => return Ok((left, Scope::Everywhere)),
                // An operator of one namespace: the other kinds need not be tried.
                Err(error) if error.code() == Some(403) => self.ledger.only_here(),
                Err(error) => return Err(error.of_control()),
            }
        }
        let what = format!("list {kind} objects of this scan");
        let here = self.operator_api::<K>();
        let left = insist(what, || here.list_metadata(&params)).await;
        Ok((left.map_err(CallError::of_control)?, Scope::Namespace))
    }
}

pub(crate) fn not_held(message: impl Into<String>) -> ControlError {
    ControlError {
        message: message.into(),
        hint: None,
        effect: ControlEffect::NotHeld,
        source: None,
    }
}
