//! Fills a fake cluster, and decides how it behaves.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    FakeCluster, Fault, Pace, Target, clock, facts::OPERATOR, identity::User, kinds::Kind, kubelet,
    rbac::Rule,
};

/// Age of an object that does not say when it was created.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl FakeCluster {
    /// Adds a running pod, as `kubectl get pod -o json` shows it or with as little as a name, a container and its image:
    /// values that an API server, a scheduler and a node would set are filled in. Its namespace is created if it does not
    /// exist.
    ///
    /// Until [`FakeCluster::answers`] says otherwise, its containers have a shell and answer with a small, healthy
    /// inventory.
    ///
    /// # Panics
    ///
    /// Panics where `pod` has no name or no container.
    #[must_use]
    pub fn pod(self, pod: Value) -> Self {
        {
            let mut state = self.state();
            let state = &mut *state;
            let mut pod = pod;
            pod["kind"] = json!("Pod");
            pod["apiVersion"] = json!("v1");
            let containers = pod["spec"]["containers"].as_array();
            assert!(
                containers.is_some_and(|c| !c.is_empty()),
                "a pod has a container"
            );
            let key = state.give(pod);
            let pod = state
                .store
                .get(&key)
                .map(|pod| (**pod).clone())
                .unwrap_or_default();
            let pod = kubelet::running(state, pod);
            state.store.put(key.clone(), pod);
            state.last = Some((key.namespace, key.name));
        }
        self
    }

    /// Adds any other object; see [`FakeCluster::pod`] for pods. One that does not say when it was created was created
    /// an hour ago.
    ///
    /// # Panics
    ///
    /// Panics where it is of no known kind, or has no name.
    #[must_use]
    pub fn object(self, mut object: Value) -> Self {
        {
            let mut state = self.state();
            let created = &mut object["metadata"]["creationTimestamp"];
            if created.is_null() {
                *created = json!(clock::stamp(state.clock.now() - HOUR));
            }
            state.give(object);
        }
        self
    }

    /// Adds a namespace with these labels, such as `pod-security.kubernetes.io/enforce`.
    #[must_use]
    pub fn namespace(self, name: &str, labels: &Value) -> Self {
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
        });
        self.object(object)
    }

    /// Adds a kind of objects, as a custom resource definition does.
    #[must_use]
    pub fn kind(
        self,
        group: &str,
        version: &str,
        kind: &str,
        plural: &str,
        namespaced: bool,
    ) -> Self {
        self.state().kinds.add(Kind {
            group: group.into(),
            version: version.into(),
            plural: plural.into(),
            kind: kind.into(),
            namespaced,
        });
        self
    }

    /// What answers in every container of the pod that was added last: an inventory, or any [`Target`].
    ///
    /// # Panics
    ///
    /// Panics where no pod was added yet.
    #[must_use]
    pub fn answers(self, target: impl Into<Target>) -> Self {
        self.answers_in("", target)
    }

    /// The same in one container of it.
    ///
    /// # Panics
    ///
    /// Panics where no pod was added yet.
    #[must_use]
    pub fn answers_in(self, container: &str, target: impl Into<Target>) -> Self {
        {
            let mut state = self.state();
            let last = state.last.clone();
            assert!(last.is_some(), "answers belong to a pod: add one first");
            if let Some((namespace, name)) = last {
                let place = (namespace, name, container.to_owned());
                state.targets.insert(place, target.into());
            }
        }
        self
    }

    /// What answers in containers of this image where the pod says nothing: in the copies that a scan starts, and
    /// for an image that runs nowhere.
    #[must_use]
    pub fn image(self, image: &str, target: impl Into<Target>) -> Self {
        self.state().images.insert(image.into(), target.into());
        self
    }

    /// An image that no node can pull.
    #[must_use]
    pub fn unpullable(self, image: &str) -> Self {
        self.state().unpullable.insert(image.into());
        self
    }

    /// An image that nodes pull only for pods with a pull secret, whichever that is.
    #[must_use]
    pub fn private(self, image: &str) -> Self {
        self.state().private.insert(image.into());
        self
    }

    /// The rights of the operator, as rules of a Role, in every namespace; until then it may do everything.
    #[must_use]
    pub fn operator_may(self, rules: &Value) -> Self {
        self.operator(OPERATOR, None, rules)
    }

    /// Makes the server list no rights of operators, as if an authorizer beside RBAC decided: its answer is empty and says
    /// that it is incomplete. Reviews of a single access are answered.
    #[must_use]
    pub fn lists_no_rights(self) -> Self {
        self.state().lists_no_rights = true;
        self
    }

    /// Another operator, or more rights of one that there is: rules of a Role, in one namespace or in all.
    #[must_use]
    pub fn operator(self, name: &str, namespace: Option<&str>, rules: &Value) -> Self {
        {
            let mut state = self.state();
            let rules = rules.as_array().into_iter().flatten().map(Rule::read);
            let rules = rules.map(|rule| (namespace.map(str::to_owned), rule));
            let known = state
                .identities
                .fixed(name)
                .map(|(_, user)| user.rules.clone());
            // The operator of every fake has everything until a program grants it less.
            let mut all = known
                .filter(|_| name != OPERATOR || namespace.is_some())
                .unwrap_or_default();
            let everything = Rule::all();
            all.retain(|(_, rule)| !everything.contains(rule));
            all.extend(rules);
            state
                .identities
                .fix(&format!("fake-{name}"), User::operator(name, all));
        }
        self
    }

    /// An authorizer beside RBAC, as managed clusters have as a webhook: it allows every account these rules of a Role, in each
    /// namespace, and lists none of them, so that the server calls its lists of rights incomplete.
    #[must_use]
    pub fn unlisted_rights(self, rules: &Value) -> Self {
        let rules = rules.as_array().into_iter().flatten().map(Rule::read);
        self.state().store.unlisted = Some(rules.collect());
        self
    }

    /// Adds a fault. If several match the same call, the one that was added first strikes.
    #[must_use]
    pub fn fault(self, fault: Fault) -> Self {
        self.add_fault(fault);
        self
    }

    /// Adds a fault to a cluster that is already in use.
    pub fn add_fault(&self, fault: Fault) {
        self.state().faults.push(fault.striker());
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// An admission webhook: it gets the name of the caller and the object, with `kind` and `apiVersion`, may change
    /// it, and refuses it with an error, which the client sees as the server words it.
    #[must_use]
    pub fn admission(
        self,
        hook: impl Fn(&str, &mut Value) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.state().hooks.push(Arc::new(hook));
        self
    }

    /// Remembers this many calls for [`FakeCluster::calls`] and tokens for [`FakeCluster::tokens`], in place of 50,000 of
    /// each: for tests of many scans that measure the memory of this process. A token that it has forgotten is accepted and
    /// refused as before.
    #[must_use]
    pub fn remembering(self, most: usize) -> Self {
        {
            let mut state = self.state();
            state.remembered = most;
            state.identities.remember(most);
        }
        self
    }

    /// How long the cluster's own parts take.
    #[must_use]
    pub fn pace(self, pace: Pace) -> Self {
        self.state().pace = pace;
        self
    }
}
