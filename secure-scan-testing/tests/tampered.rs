//! Somebody changes what a scan made while it runs, and covers it up: the scan says so.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

use std::time::Duration;

use async_trait::async_trait;
use scanner_core::{
    ControlScope, Evidence, SecurityControl,
    control::{ControlError, Phase, VerifyError},
    plan::{PlannedControl, PlannedObject},
};
use secure_scan::{
    Profile, Scan, ScanReport, TargetSelector, Verdict,
    engines::Inline,
    strategy::{self, Strategy},
};
use secure_scan_testing::{FakeCluster, Fault, Script, Target, samples};
use serde_json::{Value, json};

/// What somebody does to an object.
type Change = fn(&mut Value);

const PROBE: &str = "registry.example/probe:1";

fn fake() -> FakeCluster {
    FakeCluster::new()
        .pod(json!({
            "metadata": {"namespace": "shop", "name": "web-0"},
            "spec": {
                "securityContext": {"runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": true},
                "containers": [{"name": "web", "image": "registry.example/web:1", "securityContext": {
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
            },
        }))
        .answers(samples::healthy())
        .image(
            "registry.example/web:1",
            Target::distroless(samples::healthy()),
        )
}

fn template(strategy: impl Into<Strategy>) -> Scan {
    let profile = Profile::shipped("sbom").expect("a profile");
    // In a thread of its own, an engine would work while the paused clock runs ahead.
    Scan::template()
        .host(Inline)
        .engine(profile)
        .strategy(strategy)
}

async fn scan(fake: &FakeCluster, template: Scan) -> ScanReport {
    let cluster = fake.cluster().expect("a cluster");
    let web = TargetSelector::pod("shop", "web-0");
    let prepared = template.prepare(&cluster, web).await;
    let report = prepared
        .unwrap_or_else(|error| panic!("{error:?}"))
        .run()
        .await;
    assert!(fake.left().is_empty(), "{:?}", fake.left());
    report
}

fn alerts(report: &ScanReport) -> Vec<&str> {
    report
        .alerts
        .iter()
        .map(|alert| alert.id.as_str())
        .collect()
}

/// Changes the object of that kind which a scan made in the namespace of the target.
fn edit(fake: &FakeCluster, kind: &str, change: impl FnOnce(&mut Value)) {
    let left = fake.left().into_iter().find(|object| object.kind == kind);
    let left = left.unwrap_or_else(|| panic!("no {kind}"));
    assert!(fake.edit(kind, &left.namespace, &left.name, change));
}

/// Changes it, and puts back what it said.
fn toggle(fake: &FakeCluster, kind: &str, change: impl FnOnce(&mut Value)) {
    let mut before = Value::Null;
    edit(fake, kind, |object| {
        before = object.clone();
        change(object);
    });
    edit(fake, kind, |object| *object = before);
}

#[tokio::test(start_paused = true)]
async fn what_is_changed_while_the_exec_opens_and_put_back_is_an_alert() {
    let changes: [(&str, Change); 4] = [
        ("Role", |role| role["rules"][0]["verbs"] = json!(["*"])),
        ("RoleBinding", |binding| {
            let subject =
                json!({"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"});
            binding["subjects"]
                .as_array_mut()
                .expect("subjects")
                .push(subject);
        }),
        ("ServiceAccount", |account| {
            account["metadata"]["ownerReferences"] = json!([]);
        }),
        ("Secret", |secret| {
            secret["metadata"]["finalizers"] = json!(["example.com/hold"]);
        }),
    ];
    for (kind, change) in changes {
        let meanwhile = Fault::on("*", "pods/exec").nth(1);
        let fake = fake().fault(meanwhile.doing(move |fake| toggle(fake, kind, change)));
        let report = scan(&fake, template(strategy::container())).await;
        assert_eq!(report.verdict, Verdict::SecurityAlert, "{kind}");
        assert_eq!(alerts(&report), ["scan-object-changed"], "{kind}");
        let intact = report.controls.iter().find(|c| c.id == "lease-intact");
        let said = serde_json::to_string(&intact).expect("JSON");
        assert!(
            !said.contains("or took an object from it"),
            "{kind}: {said}"
        );
    }
    // A controller that adds an annotation is no news.
    let fake = fake().fault(Fault::on("*", "pods/exec").nth(1).doing(|fake| {
        edit(fake, "Role", |role| {
            role["metadata"]["annotations"]["a"] = json!("b");
        });
    }));
    let report = scan(&fake, template(strategy::container())).await;
    assert_eq!(alerts(&report), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_the_scan_that_is_taken_from_its_lease_is_an_alert() {
    let changes: [(Change, &str); 3] = [
        (
            |pod| pod["metadata"]["ownerReferences"] = Value::Null,
            "lease-disarmed",
        ),
        (
            |pod| pod["metadata"]["finalizers"] = json!(["example.com/hold"]),
            "lease-disarmed",
        ),
        (
            |pod| {
                let labels = pod["metadata"]["labels"].as_object_mut().expect("labels");
                labels.remove("secure-scan.io/scan");
            },
            "scan-object-changed",
        ),
    ];
    for (change, id) in changes {
        for strategy in [
            Strategy::from(strategy::sidecar(PROBE).inert(true)),
            strategy::distroless(PROBE),
        ] {
            // Before the scan deletes the pod itself.
            let meanwhile = Fault::on("delete", "pods").nth(1);
            let fake = fake().fault(meanwhile.doing(move |fake| toggle(fake, "Pod", change)));
            let report = scan(&fake, template(strategy)).await;
            assert_eq!(
                report.verdict,
                Verdict::SecurityAlert,
                "{id} {:?}",
                report.plan.strategy
            );
            assert!(alerts(&report).contains(&id), "{:?}", report.alerts);
        }
    }
}

/// Makes a `ConfigMap`.
struct Marker;

#[async_trait]
impl SecurityControl for Marker {
    fn id(&self) -> &'static str {
        "acme-marker"
    }

    fn phase(&self) -> Phase {
        Phase::BeforeIdentity
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(self.id(), "A marker")
    }

    fn objects(&self) -> Vec<PlannedObject> {
        vec![PlannedObject::new(
            "v1",
            "ConfigMap",
            "shop",
            "acme",
            "marks",
        )]
    }

    async fn enforce(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let marker = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "acme"}});
        scope.create(marker).await?;
        Ok(Evidence::none())
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::none())
    }
}

#[tokio::test]
async fn an_object_of_a_control_that_somebody_else_deletes_is_gone_by_an_unknown_hand() {
    let of = async |meanwhile: fn(&FakeCluster)| {
        let exec = Fault::on("*", "pods/exec").nth(1);
        let fake = fake().fault(exec.doing(meanwhile));
        scan(&fake, template(strategy::container()).control(Marker)).await
    };
    let said = |report: &ScanReport| serde_json::to_string(&report.post_scan).expect("JSON");
    let gone = "who deleted it is not known";
    let report = of(|fake| assert!(fake.delete("ConfigMap", "shop", "acme"))).await;
    assert!(said(&report).contains(gone), "{}", said(&report));
    let report = of(|_| ()).await;
    assert!(!said(&report).contains(gone), "{}", said(&report));
    assert_eq!(alerts(&report), Vec::<&str>::new());
    // Its control may change what it says, and nobody who owns it.
    let report = of(|fake| edit(fake, "ConfigMap", |map| map["data"] = json!({"a": "b"}))).await;
    assert_eq!(alerts(&report), Vec::<&str>::new());
    let report = of(|fake| {
        edit(fake, "ConfigMap", |map| {
            map["metadata"]["ownerReferences"] = json!([]);
        });
    })
    .await;
    assert_eq!(alerts(&report), ["lease-disarmed"]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ended_and_is_being_deleted_is_no_alert_and_an_earlier_deletion_is() {
    for (silence, verdict) in [
        (Duration::ZERO, Verdict::SecurityAlert),
        (Duration::from_secs(29), Verdict::Failed),
    ] {
        // As the cluster deletes a Job whose time is over: it stays until what it owns is gone.
        let deletes = Fault::on("delete", "jobs").nth(1).doing(|fake| {
            edit(fake, "Job", |job| {
                job["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            });
        });
        let agent = Script::new().wait(silence).exit(1);
        let fake = fake().answers(agent).fault(deletes);
        let template = template(strategy::container()).lease(Duration::from_secs(30));
        let report = scan(&fake, template).await;
        assert_eq!(report.verdict, verdict, "{:?}", report.alerts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_puts_right_what_admission_made_otherwise_is_no_alert() {
    let stranger = json!({"apiVersion": "v1", "kind": "Namespace", "name": "x", "uid": "x"});
    for (kind, resource) in [
        ("ServiceAccount", "serviceaccounts"),
        ("ConfigMap", "configmaps"),
    ] {
        let stranger = stranger.clone();
        // As the garbage collector removes an owner that does not exist.
        let meanwhile = Fault::on("delete", resource).nth(1).doing(move |fake| {
            edit(fake, kind, |object| {
                let owners = object["metadata"]["ownerReferences"].as_array_mut();
                owners.expect("owners").retain(|owner| owner["uid"] != "x");
            });
        });
        let fake = fake().fault(meanwhile).admission(move |_, object| {
            if object["kind"] == kind {
                let owners = object["metadata"]["ownerReferences"].as_array_mut();
                owners.expect("owners").push(stranger.clone());
            }
            Ok(())
        });
        let report = scan(&fake, template(strategy::container()).control(Marker)).await;
        assert_eq!(report.verdict, Verdict::Failed, "{kind}");
        assert_eq!(alerts(&report), Vec::<&str>::new(), "{kind}");
        let failure = report.failure.expect("a failure").message.to_string();
        assert!(failure.contains("came with other owners"), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_there_before_the_scan_is_somebody_elses_and_a_later_one_may_be_its_own()
{
    let beside = async |created: Option<&str>| {
        let marker = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"namespace": "shop", "name": "acme", "creationTimestamp": created},
        });
        let fake = fake().object(marker);
        let report = scan(&fake, template(strategy::container()).control(Marker)).await;
        assert!(fake.get("configmaps", "shop", "acme").is_some());
        report.verdict
    };
    assert_eq!(beside(None).await, Verdict::Failed);
    // Refused with 409, as where something on the way sent the request twice: whose it is nobody can know.
    let later = beside(Some("2999-01-01T00:00:00Z")).await;
    assert_eq!(later, Verdict::CleanupUnverified);
}
