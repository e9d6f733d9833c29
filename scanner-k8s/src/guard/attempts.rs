//! What a stolen scan identity would try, as requests. None of them, allowed or not, changes or runs
//! anything: an exec comes without the headers of its upgrade, all else is a dry run.

mod others;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, ServiceAccount};
use kube::{
    Resource,
    api::{AttachParams, DeleteParams, Patch, PatchParams, PostParams, Request},
};
use scanner_core::{
    Target,
    plan::{PlannedCommand, PlannedRule},
};
use serde_json::{Value, json};

use crate::plan::limits::exec_request;

type Http = http::Request<Vec<u8>>;

/// What is planned for a trial: one command and one probe.
pub(super) struct Planned {
    pub(super) target: Target,
    pub(super) account: String,
    pub(super) command: PlannedCommand,
    pub(super) probe: Value,
    /// A volume that the pod has.
    pub(super) volume: String,
}

/// One request and what it is.
pub(super) struct Attempt {
    pub(super) what: &'static str,
    pub(super) request: kube::Result<Http>,
}

fn attempt(what: &'static str, request: kube::Result<Http>) -> Attempt {
    Attempt { what, request }
}

fn at<K: Resource<DynamicType = ()>>(target: &Target) -> Request {
    Request::new(K::url_path(&(), Some(target.namespace.as_str())))
}

fn built(request: Result<Http, kube::core::request::Error>) -> kube::Result<Http> {
    request.map_err(kube::Error::BuildRequest)
}

const DRY: PostParams = PostParams {
    dry_run: true,
    field_manager: None,
};

fn create<K: Resource<DynamicType = ()>>(target: &Target, object: &Value) -> kube::Result<Http> {
    built(at::<K>(target).create(&DRY, object.to_string().into_bytes()))
}

impl Planned {
    fn argv(&self) -> Vec<&str> {
        self.command.argv.iter().map(String::as_str).collect()
    }

    fn exec(&self, container: &str, argv: &[&str]) -> kube::Result<Http> {
        exec_request(&self.target, container, argv, false)
    }

    fn ephemeral(&self, entries: &[Value]) -> kube::Result<Http> {
        let patch = json!({"spec": {"ephemeralContainers": entries}});
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        let request = at::<Pod>(&self.target);
        let pod = self.target.pod.as_str();
        built(request.patch_subresource(
            "ephemeralcontainers",
            pod,
            &params,
            &Patch::Strategic(patch),
        ))
    }

    /// The planned probe with another value at `pointer`.
    fn other(&self, pointer: &[&str], value: Value) -> kube::Result<Http> {
        let mut probe = self.probe.clone();
        let mut place = &mut probe;
        for key in pointer {
            place = &mut place[*key];
        }
        *place = value;
        self.ephemeral(&[probe])
    }

    /// What must be allowed.
    pub(super) fn allowed(&self) -> [Attempt; 2] {
        [
            attempt(
                "the planned command",
                self.exec(&self.command.container, &self.argv()),
            ),
            attempt(
                "the planned probe",
                self.ephemeral(std::slice::from_ref(&self.probe)),
            ),
        ]
    }

    /// Execs that were not planned.
    pub(super) fn execs(&self) -> Vec<Attempt> {
        let (own, argv) = (self.command.container.as_str(), self.argv());
        let with = |more: &'static str| [&argv[..], &[more]].concat();
        let joined = argv.join(" ");
        vec![
            attempt("exec: another command", self.exec(own, &["/bin/sh"])),
            attempt("exec: one argument more", self.exec(own, &with("-c"))),
            attempt("exec: an empty argument more", self.exec(own, &with(""))),
            attempt("exec: one argument less", self.exec(own, &argv[..1])),
            attempt("exec: no command", self.exec(own, &[])),
            attempt("exec: an empty command", self.exec(own, &[""])),
            attempt("exec: all words in one", self.exec(own, &[&joined])),
            attempt(
                "exec: words split at slashes",
                self.exec(
                    own,
                    &self.command.argv[0]
                        .split('/')
                        .chain([argv[1]])
                        .collect::<Vec<_>>(),
                ),
            ),
            attempt(
                "exec: another container",
                self.exec("secure-scan-other", &argv),
            ),
            attempt(
                "exec: the container that the server picks",
                self.exec("", &argv),
            ),
            attempt(
                "exec: a command hidden in the container's name",
                self.exec(&format!("{own}/~1secure-scan-guard-test"), &argv[1..]),
            ),
            attempt(
                "exec: with a terminal",
                exec_request(&self.target, own, &argv, true),
            ),
        ]
    }

    /// Other ways into a pod.
    pub(super) fn ways(&self) -> Vec<Attempt> {
        let pod = self.target.pod.as_str();
        let attach = AttachParams::default();
        vec![
            attempt(
                "attach",
                built(at::<Pod>(&self.target).attach(pod, &attach)),
            ),
            attempt(
                "port forward",
                built(at::<Pod>(&self.target).portforward(pod, &[80])),
            ),
            attempt("proxy", self.proxy()),
        ]
    }

    /// To a pod that does not exist: admission comes before the pod is looked up, and a proxy that the guard lets pass
    /// would reach the target, whose answer could pose as the server's.
    fn proxy(&self) -> kube::Result<Http> {
        let path = Pod::url_path(&(), Some(self.target.namespace.as_str()));
        let uri = format!("{path}/{}/proxy/", self.account);
        let request = http::Request::get(uri).body(Vec::new());
        request.map_err(kube::Error::HttpError)
    }

    /// Ephemeral containers that were not planned.
    pub(super) fn probes(&self) -> Vec<Attempt> {
        let context = "securityContext";
        let caps = [context, "capabilities", "add"];
        let second = {
            let mut probe = self.probe.clone();
            probe["name"] = "second".into();
            probe
        };
        let host = json!([{"name": self.volume, "mountPath": "/v"}]);
        let privileged = {
            let mut all = self.probe[context].clone();
            all["privileged"] = true.into();
            all["allowPrivilegeEscalation"] = true.into();
            all
        };
        let secret = json!([{"secretRef": {"name": "any"}}]);
        let env = json!([{"name": "A", "value": "b"}]);
        vec![
            attempt(
                "probe: another name",
                self.ephemeral(std::slice::from_ref(&second)),
            ),
            attempt(
                "probe: a second one",
                self.ephemeral(&[self.probe.clone(), second]),
            ),
            attempt("probe: none, the pod as it is", self.ephemeral(&[])),
            attempt(
                "probe: another image",
                self.other(&["image"], "lab.local/other:1".into()),
            ),
            attempt(
                "probe: another command",
                self.other(&["command"], json!(["/bin/sh"])),
            ),
            attempt("probe: arguments", self.other(&["args"], json!(["x"]))),
            attempt(
                "probe: another target",
                self.other(&["targetContainerName"], Value::Null),
            ),
            attempt("probe: environment", self.other(&["env"], env)),
            attempt("probe: standard input", self.other(&["stdin"], true.into())),
            attempt(
                "probe: a volume of the pod",
                self.other(&["volumeMounts"], host),
            ),
            attempt("probe: privileged", self.other(&[context], privileged)),
            attempt(
                "probe: the variables of a Secret",
                self.other(&["envFrom"], secret),
            ),
            attempt(
                "probe: privilege escalation",
                self.other(&[context, "allowPrivilegeEscalation"], true.into()),
            ),
            attempt(
                "probe: a writable root",
                self.other(&[context, "readOnlyRootFilesystem"], false.into()),
            ),
            attempt("probe: SYS_ADMIN", self.other(&caps, json!(["SYS_ADMIN"]))),
            attempt(
                "probe: SYS_PTRACE that was not planned",
                self.other(&caps, json!(["SYS_PTRACE"])),
            ),
            attempt(
                "probe: another user",
                self.other(&[context, "runAsUser"], 1.into()),
            ),
            attempt(
                "probe: another group",
                self.other(&[context, "runAsGroup"], 1.into()),
            ),
            attempt(
                "probe: unconfined seccomp",
                self.other(&[context, "seccompProfile"], json!({"type": "Unconfined"})),
            ),
            attempt(
                "probe: no security context",
                self.other(&[context], Value::Null),
            ),
        ]
    }

    /// Writes of any other kind, though a role allowed them.
    pub(super) fn writes(&self) -> Vec<Attempt> {
        let target = &self.target;
        let token = json!({"spec": {"audiences": []}}).to_string();
        let object = json!({"metadata": {"name": "secure-scan-guard-test"}});
        let labels = json!({"metadata": {"annotations": {"a": "b"}}});
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        let delete = DeleteParams {
            dry_run: true,
            ..DeleteParams::default()
        };
        let pod = target.pod.as_str();
        let account = at::<ServiceAccount>(target);
        vec![
            attempt("create a ConfigMap", create::<ConfigMap>(target, &object)),
            attempt("create a Secret", create::<Secret>(target, &object)),
            attempt("create a pod", create::<Pod>(target, &pod_as(None))),
            attempt(
                "annotate the pod",
                built(at::<Pod>(target).patch(pod, &params, &Patch::Merge(labels))),
            ),
            attempt(
                "delete the pod",
                built(at::<Pod>(target).delete(pod, &delete)),
            ),
            attempt(
                "a token for itself",
                built(account.create_subresource("token", &self.account, &DRY, token.into_bytes())),
            ),
        ]
    }
}

fn pod_as(account: Option<&str>) -> Value {
    let mut pod = json!({
        "metadata": {"name": "secure-scan-guard-test"},
        "spec": {"containers": [{"name": "c", "image": "registry.invalid/none:1"}]},
    });
    if let Some(account) = account {
        pod["spec"]["serviceAccountName"] = account.into();
    }
    pod
}

/// What the identity of a trial may do, so that the guard alone refuses.
pub(super) fn rules(target: &Target, account: &str) -> Vec<PlannedRule> {
    let rule = |resources: &[&str], name: Option<&str>, verbs: &[&str]| {
        PlannedRule::of(
            vec![String::new()],
            resources.iter().map(ToString::to_string).collect(),
            name.into_iter().map(str::to_owned).collect(),
            verbs.iter().map(ToString::to_string).collect(),
        )
    };
    let pod = Some(target.pod.as_str());
    let ways = ["pods/exec", "pods/attach", "pods/portforward"];
    vec![
        rule(&ways, pod, &["create", "get"]),
        rule(&["pods/proxy"], Some(account), &["create", "get"]),
        rule(&["pods/ephemeralcontainers"], pod, &["patch"]),
        rule(&["pods"], pod, &["patch", "delete"]),
        rule(&["pods", "configmaps", "secrets"], None, &["create"]),
        rule(&["serviceaccounts/token"], Some(account), &["create"]),
    ]
}
