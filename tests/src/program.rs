//! Runs the real program as a user would, and reads what it says.

use std::{
    fmt,
    path::Path,
    process::{Output, Stdio},
    sync::LazyLock,
};

use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    authorization::v1::SubjectAccessReview,
    core::v1::ServiceAccount,
    rbac::v1::{Role, RoleBinding},
};
use kube::{Api, api::PostParams};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::{NamedTempFile, TempDir};
use tokio::process::{Child, Command};

use crate::{
    TestNamespace, eventually,
    fault::{Fault, Proxy},
};

/// Exit code of a scan with findings that did every check.
pub const COMPLETE: i32 = 1;
/// Exit code of a scan that could not do every check.
pub const IN_PART: i32 = 3;

/// The output of a run of the program, and how it ended.
pub struct ProgramOutput {
    /// Exit code; -1 when it was killed.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// What went wrong first, and only then the rest: a log may keep no more than the beginning.
impl fmt::Debug for ProgramOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit code {}, and wrote:\n{}", self.code, self.err)?;
        let Ok(report) = serde_json::from_str::<serde_json::Value>(&self.out) else {
            return f.write_str(&self.out);
        };
        writeln!(f, "failure: {}", report["failure"])?;
        for control in report["controls"].as_array().into_iter().flatten() {
            let stages = [
                "enforced",
                "verified",
                "granted",
                "revoked",
                "released",
                "release_verified",
            ];
            for stage in stages
                .iter()
                .map(|s| &control[s])
                .filter(|s| s["state"] != "done")
            {
                writeln!(f, "control {}: {stage}", control["id"])?;
            }
        }
        f.write_str(&self.out)
    }
}

impl From<Output> for ProgramOutput {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl ProgramOutput {
    /// Whether a scan found something and did every check ([`COMPLETE`]), or could not do every one ([`IN_PART`]): the
    /// probe's user may not read all of every image.
    pub fn has_findings(&self, code: i32) -> bool {
        let fails = ["\"status\": \"fail\"", "failed:", "\"level\""];
        self.code == code && fails.iter().any(|words| self.out.contains(words))
    }

    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).expect("standard output is JSON")
    }
}

/// The program with `args`, ready to start.
pub fn program(args: &[&str]) -> Command {
    let path = std::env::var("SCANNER_E2E_PROGRAM")
        .expect("SCANNER_E2E_PROGRAM is the program's path; run: cargo xtask test");
    let mut command = Command::new(path);
    command
        .args(args)
        // The tests must not use the options of whoever runs them.
        .env("SECURE_SCAN_CONFIG", "")
        .env("XDG_CACHE_HOME", cache())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A folder for the caches of the programs of this run, so that no run knows the trials of an earlier one.
fn cache() -> &'static Path {
    static FOLDER: LazyLock<TempDir> =
        LazyLock::new(|| tempfile::tempdir().expect("a folder for caches"));
    FOLDER.path()
}

/// Id of a child that runs.
pub fn pid(child: &Child) -> Pid {
    let id = child.id().expect("it runs");
    Pid::from_raw(i32::try_from(id).expect("an id"))
}

/// Runs a scan again, twice at most, if the node lost the status of a command that it could not start: a busy node may do that, see
/// docs/troubleshooting.md.
pub async fn with_status(run: impl AsyncFn() -> ProgramOutput) -> ProgramOutput {
    for _ in 0..2 {
        let output = run().await;
        if !output.out.contains("ended without a status") {
            return output;
        }
    }
    run().await
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

impl TestNamespace {
    /// Arguments of a scan in this test namespace.
    fn arguments<'a>(&'a self, context: &'a str, args: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec!["container", "-n", &self.namespace, "--context", context];
        all.extend(args);
        all
    }

    /// Runs `secure-scan container` in this test namespace to its end.
    pub async fn run(&self, args: &[&str]) -> ProgramOutput {
        let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
        let mut command = program(&self.arguments(&context, args));
        command.output().await.expect("the program starts").into()
    }

    /// Runs `secure-scan distroless` with the lab's probe in this test namespace to its end.
    pub async fn probe(&self, args: &[&str]) -> ProgramOutput {
        self.probe_of(&probe_image(), args).await
    }

    /// The same with another image of the probe.
    pub async fn probe_of(&self, image: &str, args: &[&str]) -> ProgramOutput {
        let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
        let mut all = self.arguments(&context, args);
        all[0] = "distroless";
        all.extend(["--probe-image", image]);
        program(&all).output().await.expect("it starts").into()
    }

    /// Runs `secure-scan scan`, which picks the strategy, in this test namespace to its end.
    pub async fn auto(&self, args: &[&str]) -> ProgramOutput {
        let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
        let mut all = self.arguments(&context, args);
        all[0] = "scan";
        with_status(async || program(&all).output().await.expect("it starts").into()).await
    }

    /// Starts the same by a proxy, as an operator of this namespace: what gives the scan's identity its rights comes ten
    /// seconds late, so that there is time to look at the program while it has its token. The proxy and the kubeconfig must
    /// be kept.
    pub async fn start_slowly(&self, args: &[&str]) -> (Child, Proxy, NamedTempFile) {
        self.allow("default", &[("*", "*", "*")]).await;
        let proxy = Proxy::start(0, Fault::None).await;
        proxy.delay("POST", "/rolebindings");
        let kubeconfig = proxy.kubeconfig(&self.token("default").await);
        let file = kubeconfig.path().to_str().expect("a path that is text");
        let mut all = vec!["container", "-n", &self.namespace, "--kubeconfig", file];
        all.extend(args);
        let child = program(&all).spawn().expect("the program starts");
        (child, proxy, kubeconfig)
    }

    /// `secure-scan credential exec` of `tool` with access to pod `web` of this test namespace.
    pub fn loan_command(&self, options: &[&str], tool: &[&str]) -> Command {
        let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
        let mut all = vec!["credential", "exec", "-n", &self.namespace];
        all.extend(["--pod", "web", "--context", &context]);
        all.extend(options);
        all.push("--");
        all.extend(tool);
        program(&all)
    }

    /// Runs it to its end.
    pub fn loan(
        &self,
        options: &[&str],
        tool: &[&str],
    ) -> impl Future<Output = ProgramOutput> + use<> {
        let mut command = self.loan_command(options, tool);
        async move { command.output().await.expect("it starts").into() }
    }

    /// Starts `secure-scan container` in this test namespace.
    pub fn start(&self, args: &[&str]) -> Child {
        let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
        let mut command = program(&self.arguments(&context, args));
        command.spawn().expect("the program starts")
    }
}

impl TestNamespace {
    /// Lets a service account of this namespace do (API group, resource, verb).
    pub async fn allow(&self, account: &str, rules: &[(&str, &str, &str)]) {
        let last = rules.last();
        let rules: Vec<_> = rules
            .iter()
            .map(|(group, resource, verb)| {
                json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]})
            })
            .collect();
        let role = json!({"metadata": {"name": "operator"}, "rules": rules});
        let role = serde_json::from_value(role).expect("role");
        let binding = json!({
            "metadata": {"name": "operator"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator"},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": self.namespace}],
        });
        let binding = serde_json::from_value(binding).expect("binding");
        let params = PostParams::default();
        let made = self.api::<Role>().create(&params, &role).await;
        made.expect("create role");
        let made = self.api::<RoleBinding>().create(&params, &binding).await;
        made.expect("create binding");
        if let Some((group, resource, verb)) = last {
            let may = json!({
                "namespace": self.namespace, "group": group, "resource": resource, "verb": verb,
            });
            self.granted(account, may).await;
        }
    }

    /// Waits until the server's authorizer knows that an account of this namespace may do that: it learns of
    /// a new binding a moment after it was written.
    pub async fn granted(&self, account: &str, may: serde_json::Value) {
        let user = format!("system:serviceaccount:{}:{account}", self.namespace);
        let review = json!({"spec": {"user": user, "resourceAttributes": may}});
        let review: SubjectAccessReview = serde_json::from_value(review).expect("review");
        let reviews = Api::<SubjectAccessReview>::all(self.client.clone());
        eventually("the operator's rights", async || {
            let answer = reviews
                .create(&PostParams::default(), &review)
                .await
                .expect("review");
            answer.status?.allowed.then_some(())
        })
        .await;
    }
}

impl TestNamespace {
    /// A token of a service account of this namespace.
    pub async fn token(&self, account: &str) -> String {
        let request = json!({"spec": {"audiences": []}});
        let request: TokenRequest = serde_json::from_value(request).expect("token request");
        let made = self
            .api::<ServiceAccount>()
            .create_token_request(account, &PostParams::default(), &request)
            .await;
        made.expect("token").status.expect("token").token
    }
}

/// The image of the probe: `SCANNER_E2E_PROBE`, or the lab's.
pub fn probe_image() -> String {
    std::env::var("SCANNER_E2E_PROBE").unwrap_or_else(|_| "lab.local/probe:1".into())
}

/// Whether this run is on a cluster without the lab's fixture images; says that a test is not run.
#[expect(clippy::print_stderr, reason = "a test that is not run is reported")]
pub fn lab_only() -> bool {
    let other = std::env::var("SCANNER_E2E_IMAGE").is_ok();
    if other {
        eprintln!("NOT RUN: it needs the lab's images, and another image was given");
    }
    other
}
