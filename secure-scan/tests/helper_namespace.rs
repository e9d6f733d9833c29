//! The image of a container that completes its scan, read in another namespace than the container's.

mod common;

use common::{fake, template, web, web_pod};
use secure_scan::{
    CompletedScan, Policy, PrepareError, PrepareErrorKind, Remedy, ScanPolicy, TargetSelector,
    Verdict, engines::Inline,
};
use secure_scan_testing::{Call, FakeCluster, samples};
use serde_json::{Value, json};

const PROBE: &str = "registry.example/probe:1";
const LEVEL: &str = "pod-security.kubernetes.io/enforce";

/// A pod in a namespace that allows no root, beside a namespace that does.
fn cluster(pod: Value) -> FakeCluster {
    FakeCluster::new()
        .namespace("shop", &json!({LEVEL: "restricted"}))
        .namespace("helpers", &json!({LEVEL: "baseline"}))
        .pod(pod)
        .answers(samples::healthy())
        .image(&image(), samples::healthy())
}

/// The image that the pod runs, as its node calls it.
fn image() -> String {
    let fake = fake();
    let pod = fake.get("pods", "shop", "web-0").expect("the pod");
    let id = pod["status"]["containerStatuses"][0]["imageID"].as_str();
    id.expect("an image").to_owned()
}

fn private_pod() -> Value {
    let mut pod = web_pod();
    pod["spec"]["imagePullSecrets"] = json!([{"name": "registry"}]);
    pod
}

fn completed() -> CompletedScan {
    template().host(Inline).complete_from_image(PROBE)
}

fn helped() -> CompletedScan {
    completed().helper_namespace("helpers")
}

/// What was created in a namespace, but for events.
fn created(fake: &FakeCluster, namespace: &str) -> Vec<String> {
    let is_object = |call: &Call| {
        let kept = !call.resource.ends_with("reviews") && call.resource != "events";
        call.verb == "create" && call.namespace == namespace && kept
    };
    let calls = fake.calls().into_iter().filter(is_object);
    calls.map(|call| call.resource).collect()
}

async fn refusal(fake: &FakeCluster, scan: &CompletedScan) -> PrepareError {
    let connected = fake.cluster().expect("a cluster");
    let prepared = scan.prepare(&connected, web()).await;
    let error = prepared.err().expect("it is refused");
    let planned = scan.plan_in(connected.begin(), web()).await;
    let planned = planned.err().map(|error| error.to_string());
    assert_eq!(planned.as_ref(), Some(&error.to_string()));
    for namespace in ["shop", "helpers"] {
        assert_eq!(created(fake, namespace), Vec::<String>::new());
    }
    assert!(fake.left().is_empty());
    error
}

#[tokio::test(start_paused = true)]
async fn all_of_the_scan_of_the_image_is_in_the_helper_namespace_and_nothing_of_it_in_the_targets()
{
    let mut pod = web_pod();
    let taint = json!([{"key": "only-mine", "operator": "Exists"}]);
    pod["spec"]["tolerations"] = taint.clone();
    let fake = cluster(pod);
    let connected = fake.cluster().expect("a cluster");
    let refused = refusal(&fake, &completed()).await;
    assert_eq!(refused.remedy(), Some(Remedy::UseHelperNamespace));
    let prepared = helped().prepare(&connected, web()).await.expect("planned");
    let [of_image, of_container] = prepared.plans();
    assert_eq!(of_image.strategy, "sidecar-inert");
    assert_eq!(of_image.image_of.as_deref(), Some(&of_container.target));
    assert_eq!(of_image.target.image_id, image());
    for object in &of_image.objects {
        assert_eq!(object.namespace, "helpers", "{object:?}");
    }
    for object in &of_container.objects {
        assert_eq!(object.namespace, "shop", "{object:?}");
    }
    let pod = of_image.objects.iter().find(|object| object.kind == "Pod");
    let spec = pod.and_then(|pod| pod.spec.as_ref()).expect("a pod");
    assert_eq!(spec["volumes"][0]["image"]["reference"], image().as_str());
    assert_eq!(spec["volumes"][0]["image"]["pullPolicy"], "IfNotPresent");
    let tolerated = spec["tolerations"].as_array().expect("tolerations");
    assert!(tolerated.contains(&taint[0]), "{spec}");
    let node = of_container.target.node.as_str();
    assert!(spec["affinity"].to_string().contains(node), "{spec}");
    assert!(spec["nodeName"].is_null(), "the scheduler places it");
    let security = &spec["containers"][0]["securityContext"];
    assert_eq!(security["runAsUser"], 0);
    assert_eq!(security["capabilities"]["add"], json!(["DAC_OVERRIDE"]));
    let before = fake.calls().len();
    let report = prepared.run().await;
    let image_scan = report.image_scan.as_ref().expect("a scan of the image");
    assert_eq!(image_scan.verdict, Verdict::Passed, "{image_scan:#?}");
    assert!(
        matches!(report.verdict, Verdict::Passed | Verdict::Findings),
        "{report:#?}"
    );
    for audit in [&report.post_scan, &image_scan.post_scan] {
        assert!(audit.as_ref().is_some_and(|audit| audit.verified));
    }
    assert_eq!(fake.left(), Vec::new());
    let once = ["jobs", "serviceaccounts", "roles", "rolebindings"];
    for namespace in ["shop", "helpers"] {
        let made = created(&fake, namespace);
        for resource in once {
            let count = made.iter().filter(|one| *one == resource).count();
            assert_eq!(count, 1, "{resource} in {namespace}: {made:?}");
        }
    }
    assert!(!created(&fake, "shop").contains(&"pods".to_owned()));
    // Until the image was read, nothing touches the namespace of the target but reads.
    let first = image_scan.plan.scan_id.to_string();
    let calls = fake.calls().split_off(before);
    let mut of_first = calls.iter().filter(|call| call.name.contains(&first));
    assert!(of_first.all(|call| call.namespace != "shop"));
}

#[tokio::test(start_paused = true)]
async fn the_namespace_is_that_of_the_option_else_of_the_policy_and_the_targets_own_is_none() {
    let fake = cluster(web_pod()).namespace("others", &json!({LEVEL: "baseline"}));
    let connected = fake.cluster().expect("a cluster");
    let text = "name: p\nversion: \"1\"\ntitle: T\nhelper_namespace: others\n";
    let policy = || ScanPolicy::from(Policy::parse(text, "p.yaml", None).expect("a policy"));
    let of_policy = || template().policy(policy()).complete_from_image(PROBE);
    for (scan, namespace) in [
        (of_policy(), "others"),
        (of_policy().helper_namespace("helpers"), "helpers"),
    ] {
        let plans = scan.plan_in(connected.begin(), web()).await;
        let [of_image, _] = plans.expect("planned");
        assert_eq!(of_image.target.namespace.as_str(), namespace);
    }
    let own = refusal(&fake, &completed().helper_namespace("shop")).await;
    assert_eq!(own.remedy(), Some(Remedy::UseHelperNamespace), "{own}");
    let free = FakeCluster::new()
        .pod(web_pod())
        .answers(samples::healthy());
    let connected = free.cluster().expect("a cluster");
    let own = completed().helper_namespace("shop");
    let [of_image, _] = own.plan_in(connected.begin(), web()).await.expect("plans");
    assert_eq!(of_image.image_of, None);
}

#[tokio::test(start_paused = true)]
async fn the_alert_of_a_gate_is_on_the_container_whose_image_it_refuses() {
    let fake = cluster(web_pod());
    let connected = fake.cluster().expect("a cluster");
    let text = "name: p\nversion: \"1\"\ntitle: T\nregistries: []\n";
    let policy = Policy::parse(text, "p.yaml", None).expect("a policy");
    let scan = template().policy(policy).complete_from_image(PROBE);
    let scan = scan.helper_namespace("helpers");
    let prepared = scan.prepare(&connected, web()).await.expect("planned");
    assert!(prepared.plans()[0].refusal().is_some());
    assert!(prepared.refusal().is_some());
    let report = prepared.run().await;
    assert_eq!(report.verdict, Verdict::GateAborted);
    assert_eq!(report.plan.strategy, "container");
    let alert = report.gate_alert.expect("an alert");
    assert!(alert.contains("on pod web-0 in namespace shop"), "{alert}");
    for namespace in ["shop", "helpers"] {
        assert_eq!(created(&fake, namespace), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_cannot_be_is_refused_before_anything_is_made() {
    let fake = cluster(web_pod()).namespace("tight", &json!({LEVEL: "restricted"}));
    let missing = refusal(&fake, &completed().helper_namespace("helper")).await;
    assert_eq!(missing.to_string(), "helper namespace helper not found");
    assert!(missing.is_unknown_name());
    let names = match missing.remedy() {
        Some(Remedy::DidYouMean { names, .. }) => names,
        other => panic!("{other:?}"),
    };
    assert_eq!(names, ["helpers"]);
    let tight = refusal(&fake, &completed().helper_namespace("tight")).await;
    assert!(tight.to_string().contains("tight enforces"), "{tight}");
    assert_eq!(tight.remedy(), Some(Remedy::NameHelperNamespace));
    assert_eq!(tight.kind(), PrepareErrorKind::Strategy);
    let apart = template().identity_namespace("helpers");
    let apart = apart.complete_from_image(PROBE).helper_namespace("helpers");
    let identity = refusal(&fake, &apart).await;
    assert!(identity.to_string().contains("identity"), "{identity}");
    let odd = refusal(&fake, &completed().helper_namespace("No Namespace")).await;
    assert_eq!(odd.kind(), PrepareErrorKind::Usage, "{odd}");
    let connected = fake.cluster().expect("a cluster");
    let nowhere = TargetSelector::image("shop", "registry.example/web:1");
    let sidecar = secure_scan::strategy::sidecar(PROBE).inert(true);
    let scan = template().strategy(sidecar.helper_namespace("helpers"));
    let refused = scan.prepare(&connected, nowhere).await.err();
    let refused = refused.expect("it runs nowhere").to_string();
    assert!(refused.contains("of a running container"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_private_image_without_a_pull_secret_in_the_helper_namespace_is_refused() {
    let fake = cluster(private_pod()).private(&image());
    let refused = refusal(&fake, &helped()).await;
    let said = refused.to_string();
    let words = "image may be private: its pod has a pull secret (registry),";
    assert!(said.contains(words), "{said}");
    assert!(said.contains("helper namespace helpers"), "{said}");
    let add = Some(Remedy::AddPullSecret {
        namespace: "helpers".into(),
    });
    assert_eq!(refused.remedy(), add);
    // Nobody read a Secret.
    let reads = |call: &Call| call.resource == "secrets" && call.verb == "get";
    assert!(!fake.calls().iter().any(reads));
    assert!(
        fake.edit("ServiceAccount", "helpers", "default", |account| {
            account["imagePullSecrets"] = json!([{"name": "of-helpers"}]);
        })
    );
    let connected = fake.cluster().expect("a cluster");
    let prepared = helped().prepare(&connected, web()).await.expect("planned");
    let objects = &prepared.plans()[0].objects;
    let pod = objects.iter().find(|object| object.kind == "Pod");
    let spec = pod.and_then(|pod| pod.spec.as_ref()).expect("a pod");
    // Names of the target's Secrets mean nothing there.
    assert!(spec["imagePullSecrets"].is_null(), "{spec}");
    let report = prepared.run().await;
    assert_eq!(report.failure, None);
    let image_scan = report.image_scan.as_ref().expect("a scan of the image");
    assert_eq!(image_scan.verdict, Verdict::Passed, "{image_scan:#?}");
    assert_eq!(fake.left(), Vec::new());
}

#[tokio::test(start_paused = true)]
async fn what_only_the_node_knows_of_a_private_image_ends_the_scan_with_the_same_reason() {
    // The pod names no secret: its node has the credentials, or somebody removed them.
    let fake = cluster(web_pod()).private(&image());
    let connected = fake.cluster().expect("a cluster");
    let prepared = helped().prepare(&connected, web()).await.expect("planned");
    let before = fake.now();
    let report = prepared.run().await;
    let failure = report.failure.as_ref().expect("it fails");
    let said = failure.message.raw();
    assert!(said.contains("image is private"), "{said}");
    assert!(said.contains("helper namespace helpers"), "{said}");
    assert!(said.contains("401 Unauthorized"), "{said}");
    let add = Remedy::AddPullSecret {
        namespace: "helpers".into(),
    };
    assert_eq!(failure.remedy.as_ref(), Some(&add));
    assert!(
        report
            .post_scan
            .as_ref()
            .is_some_and(|audit| audit.verified)
    );
    assert!(fake.now().duration_since(before).as_secs() < 60);
    assert_eq!(fake.left(), Vec::new());
    assert_eq!(created(&fake, "shop"), Vec::<String>::new());
    let execs = |call: &Call| call.resource == "pods/exec" && call.namespace == "shop";
    assert!(!fake.calls().iter().any(execs), "the container was touched");
}
