//! Everything of this crate in scans that need no cluster: on a fake one in virtual time, or on a directory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use secure_scan::{
    AccessError, ControlScope, EnforcedControls, Evaluation, Evidence, FailureKind, LocalScan,
    OpenContext, PrepareError, PrepareErrorKind, Profile, Scan, ScanEngine, ScanReport,
    ScanStrategy, SecurityControl, StrategyError, Subject, TargetAccess, TargetSelector, Verdict,
    async_trait,
    control::VerifyError,
    engines::Inline,
    finding::{CheckResult, CheckStatus, EngineRef, Findings, Severity},
    inventory::{
        Collected, FileSelector, Inventory, InventoryRequest, Section, Selection,
        sink::InventorySink,
    },
    plan::PlannedControl,
    report::LocalReport,
    strategy,
};
use secure_scan_testing::{Call, FakeCluster, Fault, Target, samples};
use serde_json::{Value, json};
use third_party::{Csv, Directory, JsonLines, Marker, SetuidPrograms, WorldWritable};

fn cluster(target: impl Into<Target>) -> FakeCluster {
    let web = json!({
        "metadata": {"namespace": "shop", "name": "web-0"},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    });
    FakeCluster::new().pod(web).answers(target)
}

fn web() -> TargetSelector {
    TargetSelector::pod("shop", "web-0")
}

/// Engines run in the task of the scan: virtual time does not wait for threads.
fn template() -> Scan {
    Scan::template()
        .host(Inline)
        .engine(SetuidPrograms::at_most(0))
        .control(Marker::of_pod("shop", "web-0"))
}

async fn scan(cluster: &FakeCluster, template: Scan) -> ScanReport {
    let prepared = template.prepare(&cluster.cluster().unwrap(), web()).await;
    prepared.unwrap().run().await
}

/// The results of one engine, by the identifiers of its checks.
fn status(findings: &[Findings], check: &str) -> CheckStatus {
    let mut all = findings.iter().flat_map(|found| &found.results);
    all.find(|result| result.id == check).unwrap().status
}

#[tokio::test(start_paused = true)]
async fn the_marker_is_planned_created_verified_and_removed() {
    let cluster = cluster(samples::healthy());
    let prepared = template().prepare(&cluster.cluster().unwrap(), web()).await;
    let prepared = prepared.unwrap();
    let planned = prepared.plan().objects.iter();
    assert!(
        planned
            .clone()
            .any(|object| object.name == "acme-scans-web-0")
    );
    assert!(cluster.left().is_empty(), "a plan creates nothing");
    let audit = prepared.audit();
    let report = prepared.run().await;
    assert_eq!(report.verdict, Verdict::Passed, "{:#?}", report.failure);
    // Beside the shipped controls nothing of the report is lost.
    let checks = &report.post_scan.as_ref().unwrap().checks;
    assert!(checks.iter().any(|check| check.id == "side-effects"));
    assert!(
        report
            .controls
            .iter()
            .all(|control| !control.planned.is_empty())
    );
    assert_eq!(
        report.api_calls.operator + report.api_calls.scan,
        cluster.call_count()
    );
    let engines: Vec<String> = report
        .findings
        .iter()
        .map(|one| one.engine.to_string())
        .collect();
    assert_eq!(report.plan.profile, engines.join(", "));
    assert!(audit.holds() && audit.text().contains("acme-scans-web-0"));
    let created = |call: &&Call| call.verb == "create" && call.resource == "configmaps";
    assert_eq!(cluster.calls().iter().filter(created).count(), 1);
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());
    let control = report
        .controls
        .iter()
        .find(|control| control.id == "acme-marker")
        .unwrap();
    let evidence = serde_json::to_string(control).unwrap();
    for proof in ["created", "names this scan", "is gone"] {
        assert!(evidence.contains(proof), "{evidence}");
    }
}

/// A scan whose marker somebody spoils between its creation and its verification.
async fn spoilt(spoil: impl Fn(&FakeCluster) + Send + Sync + 'static) -> ScanReport {
    let fault = Fault::on("get", "configmaps").nth(1).doing(spoil);
    let cluster = cluster(samples::healthy()).fault(fault);
    let report = scan(&cluster, template()).await;
    assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
    let failure = report.failure.as_ref().unwrap();
    let id = third_party::marker::ID.to_owned();
    assert_eq!(failure.kind, FailureKind::ControlNotHeld { id });
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());
    let touched = |call: &Call| call.resource == "pods/exec";
    assert!(
        !cluster.calls().iter().any(touched),
        "the target was touched"
    );
    report
}

#[tokio::test(start_paused = true)]
async fn a_marker_that_is_deleted_behind_the_controls_back_fails_the_scan() {
    let report = spoilt(|cluster| {
        assert!(cluster.delete("configmaps", "shop", "acme-scans-web-0"));
    });
    let failure = report.await.failure.unwrap();
    assert!(
        failure.message.raw().contains("is gone"),
        "{}",
        failure.message
    );
}

#[tokio::test(start_paused = true)]
async fn a_marker_that_is_changed_behind_the_controls_back_fails_the_scan() {
    let report = spoilt(|cluster| {
        let change = |object: &mut Value| object["data"]["scan"] = json!("another");
        assert!(cluster.edit("configmaps", "shop", "acme-scans-web-0", change));
    });
    let failure = report.await.failure.unwrap();
    assert!(
        failure.message.raw().contains("another scan"),
        "{}",
        failure.message
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_scan_of_the_pod_is_refused_while_one_runs() {
    let marker = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "shop", "name": "acme-scans-web-0"},
    });
    let cluster = cluster(samples::healthy()).object(marker);
    let report = scan(&cluster, template()).await;
    assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());
    let other = cluster.get("configmaps", "shop", "acme-scans-web-0");
    assert!(other.is_some(), "the marker of the other scan was removed");
}

#[tokio::test(start_paused = true)]
async fn a_marker_whose_creation_nobody_confirmed_is_not_forgotten() {
    let lost = Fault::on("create", "configmaps").nth(1).lose_answer();
    let cluster = cluster(samples::healthy()).fault(lost);
    let report = scan(&cluster, template()).await;
    assert!(report.failure.is_some(), "{report:#?}");
    let listed = |call: &Call| call.verb == "list" && call.resource == "configmaps";
    assert!(cluster.calls().iter().any(listed), "nobody looked for it");
    let gone = cluster.left().is_empty();
    assert!(
        gone || report.verdict == Verdict::CleanupUnverified,
        "{:?}",
        cluster.left()
    );
    // The lease owns it, so the cluster removes it.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());
}

/// Poses as a shipped control.
struct Impostor;

#[async_trait]
impl SecurityControl for Impostor {
    fn id(&self) -> &'static str {
        "credential"
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new("credential", "Nothing")
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::none())
    }
}

#[tokio::test(start_paused = true)]
async fn a_control_that_poses_as_a_shipped_one_is_refused_before_anything_is_created() {
    let cluster = cluster(samples::healthy());
    for scan in [
        template().control(Impostor),
        template().control(Marker::of_pod("shop", "web-1")),
    ] {
        let refused = scan.prepare(&cluster.cluster().unwrap(), web()).await;
        let error = refused.unwrap_err();
        assert!(matches!(error, PrepareError::ControlId(_)), "{error:?}");
        assert_eq!(error.kind(), PrepareErrorKind::Usage);
    }
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());
}

#[tokio::test(start_paused = true)]
async fn the_engines_stand_beside_a_shipped_profile() {
    let profile = Arc::new(Profile::shipped("container-baseline").unwrap());
    let alone = Scan::template().host(Inline).engine(Arc::clone(&profile));
    let together = alone
        .clone()
        .engine(SetuidPrograms::at_most(0))
        .engine(WorldWritable::default());
    for (inventory, setuid) in [
        (samples::healthy(), CheckStatus::Pass),
        (samples::alarming(), CheckStatus::Fail),
    ] {
        let cluster = cluster(inventory);
        let alone = scan(&cluster, alone.clone()).await;
        let together = scan(&cluster, together.clone()).await;
        let engines = together
            .findings
            .iter()
            .map(|found| found.engine.name.as_str());
        let engines: Vec<&str> = engines.collect();
        assert_eq!(
            engines,
            ["container-baseline", "acme-setuid", "acme-directories"]
        );
        assert_eq!(status(&together.findings, "acme-setuid-count"), setuid);
        // The profile says the same with and without them.
        assert_eq!(alone.findings[0].results, together.findings[0].results);
    }
}

/// Panics, as an engine of anybody may.
struct Panics;

impl ScanEngine for Panics {
    fn reference(&self) -> EngineRef {
        EngineRef::new("acme-panics", "1")
    }

    fn request(&self) -> InventoryRequest {
        InventoryRequest::default()
    }

    fn evaluate(&self, _: &Inventory, _: &Evaluation) -> Findings {
        panic!("a bug of ACME")
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_panics_is_an_error_of_its_own() {
    let cluster = cluster(samples::healthy());
    let report = scan(&cluster, template().engine(Panics)).await;
    assert_eq!(report.verdict, Verdict::Incomplete, "{report:#?}");
    assert_eq!(
        status(&report.findings, "acme-setuid-count"),
        CheckStatus::Pass
    );
    let broken = &report.findings[1];
    assert_eq!(broken.engine.name, "acme-panics");
    assert!(
        broken.results[0].message.contains("a bug of ACME"),
        "{broken:?}"
    );
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());
}

/// A directory as a root filesystem with one setuid program, one open directory, and links that lead out of it.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    let mode = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in ["usr", "usr/bin", "srv", "tmp"] {
        fs::create_dir(path(name)).unwrap();
        mode(&path(name), 0o755);
    }
    fs::write(path("usr/bin/su"), "program").unwrap();
    mode(&path("usr/bin/su"), 0o4755);
    mode(&path("srv"), 0o777);
    mode(&path("tmp"), 0o1777);
    std::os::unix::fs::symlink("/etc", path("etc")).unwrap();
    root
}

async fn local(root: &Path, engine: impl ScanEngine + 'static) -> LocalReport {
    let path = root.display().to_string().into();
    let scan = LocalScan::builder(Subject::Directory { path })
        .strategy(Directory::new(root))
        .engine(engine);
    scan.run().await.unwrap()
}

#[tokio::test]
async fn a_directory_is_read_by_a_shell_in_a_child_process() {
    let root = root();
    let report = local(root.path(), SetuidPrograms::at_most(0)).await;
    assert_eq!(report.verdict, Verdict::Findings, "{report:#?}");
    assert_eq!(report.findings[0].results[0].evidence, ["/usr/bin/su"]);
    let report = local(root.path(), SetuidPrograms::at_most(1)).await;
    assert_eq!(report.verdict, Verdict::Passed, "{report:#?}");
    let report = local(root.path(), WorldWritable::default()).await;
    assert_eq!(
        report.findings[0].results[0].evidence,
        ["/srv"],
        "{report:#?}"
    );
    let report = local(root.path(), WorldWritable::default().under(&["/usr"])).await;
    assert_eq!(report.verdict, Verdict::Passed, "{report:#?}");
}

/// Passes where a file that is named is not there.
struct NoFile(&'static str);

impl NoFile {
    fn selector(&self) -> FileSelector {
        FileSelector {
            paths: vec![self.0.to_owned()],
            ..FileSelector::default()
        }
    }
}

impl ScanEngine for NoFile {
    fn reference(&self) -> EngineRef {
        EngineRef::new("acme-no-file", "1")
    }

    fn request(&self) -> InventoryRequest {
        InventoryRequest {
            sections: [Section::Files, Section::Users].into(),
            files: vec![self.selector()],
            ..InventoryRequest::default()
        }
    }

    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        assert!(matches!(inventory.users, Collected::Unavailable { .. }));
        let check = CheckResult::new("acme-no-file", "The file is not there", Severity::High);
        let result = match inventory.select(&self.selector()) {
            Selection::None => check.pass(),
            Selection::Found { .. } => check.fail(Vec::new()),
            other => check.error(format!("{other:?}")),
        };
        Findings::new(self.reference(), vec![result])
    }
}

#[tokio::test]
async fn no_link_leads_out_of_the_directory_and_none_hides_a_file() {
    let root = root();
    for (path, expected) in [
        ("/usr/bin/su", CheckStatus::Fail),
        ("/usr/bin/sudo", CheckStatus::Pass),
        // This machine has it, where the link leads to.
        ("/etc/passwd", CheckStatus::Error),
    ] {
        let report = local(root.path(), NoFile(path)).await;
        assert!(report.failure.is_none(), "{report:#?}");
        let result = &report.findings[0].results[0];
        assert_eq!(result.status, expected, "{path}: {result:?}");
    }
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_no_pass() {
    let report = local(Path::new("/nonexistent"), SetuidPrograms::at_most(0)).await;
    assert_eq!(report.verdict, Verdict::Failed);
    assert_eq!(report.failure.unwrap().kind, FailureKind::NotStarted);
}

/// Holds virtual time while a child process of this machine works: the clock of a test would run ahead of it.
struct RealTime<T>(T);

#[async_trait]
impl ScanStrategy for RealTime<Directory> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn trust(&self) -> &str {
        self.0.trust()
    }

    fn absent(&self) -> &[Section] {
        self.0.absent()
    }

    async fn open(
        &self,
        context: &OpenContext<'_>,
        controls: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        assert!(
            !controls.ids().is_empty(),
            "controls surround a scan of a cluster"
        );
        Ok(Box::new(RealTime(self.0.open(context, controls).await?)))
    }
}

#[async_trait]
impl TargetAccess for RealTime<Box<dyn TargetAccess>> {
    async fn stream(
        &mut self,
        request: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let held = tokio::task::spawn_blocking(move || wait.recv());
        let collected = self.0.stream(request, sink).await;
        drop(done);
        let _ = held.await;
        collected
    }

    async fn close(self: Box<Self>) {
        self.0.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_strategy_is_taken_where_the_target_has_no_shell() {
    let root = root();
    let way = || strategy::auto().then(RealTime(Directory::new(root.path())));
    let cluster = cluster(Target::distroless(samples::healthy()));
    let report = scan(&cluster, template().strategy(way())).await;
    assert_eq!(
        report.plan.strategy, "acme-directory",
        "{:#?}",
        report.failure
    );
    assert_eq!(report.verdict, Verdict::Findings, "{:#?}", report.failure);
    assert_eq!(report.findings[0].results[0].evidence, ["/usr/bin/su"]);
    assert!(
        report.trust.contains("tools of this machine"),
        "{}",
        report.trust
    );
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());

    let with_shell = self::cluster(samples::healthy());
    let report = scan(&with_shell, template().strategy(way())).await;
    assert_eq!(report.plan.strategy, "container");
}

/// What was written, for a look at it.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn every_event_is_a_line_of_json() {
    let written = Written::default();
    let (observer, thread) = JsonLines::to(written.clone()).unwrap();
    let cluster = cluster(samples::healthy());
    scan(&cluster, template().observer(observer)).await;
    // It ends, since the scan keeps no observer.
    thread.join().unwrap();
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    assert!(lines.iter().all(|line| line["lost"] == 0), "{text}");
    let verified = |line: &&Value| line["event"]["control_verified"]["id"] == "acme-marker";
    assert_eq!(lines.iter().filter(verified).count(), 1, "{text}");
    assert_eq!(
        lines.last().unwrap()["event"]["ended"]["verdict"],
        "passed",
        "{text}"
    );
}

#[tokio::test]
async fn no_text_of_a_target_acts_on_a_terminal_or_a_spreadsheet() {
    let root = tempfile::tempdir().unwrap();
    let name = root.path().join("=cmd\"\u{1b}[2J\u{202e}");
    fs::write(&name, "").unwrap();
    fs::set_permissions(&name, fs::Permissions::from_mode(0o4755)).unwrap();
    let report = local(root.path(), SetuidPrograms::at_most(0)).await;
    assert_eq!(report.verdict, Verdict::Findings, "{report:#?}");
    let mut table = Vec::new();
    report.write(&Csv, &mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    assert_eq!(table.matches("\r\n").count(), 2, "{table:?}");
    assert!(table.contains(r#"=cmd""\x1b[2J\xe2\x80\xae"#), "{table:?}");
    let rest = table.replace("\r\n", "");
    assert!(
        !rest.contains(char::is_control) && !rest.contains('\u{202e}'),
        "{table:?}"
    );
}
