//! `secure-scan drift` of a hardened pod: what its user cannot read is its image where nobody can have changed it, and is named
//! where somebody can.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use scanner_tests::{
    TestNamespace, lab_only,
    program::{ProgramOutput, probe_image, program},
};
use serde_json::{Value, json};

use crate::hardened::{pod, site};

const COMMAND: &str = "exec sleep 3600";

async fn drift(site: &TestNamespace, args: &[&str]) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let image = probe_image();
    let mut all = vec!["drift", "-n", &site.namespace, "--context", &context];
    all.extend(["--probe-image", &image, "-o", "json"]);
    all.extend(args);
    program(&all).output().await.expect("it starts").into()
}

fn writable(spec: &mut Value) {
    spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = false.into();
}

fn result<'a>(report: &'a Value, id: &str) -> &'a Value {
    let results = report["findings"][0]["results"].as_array();
    let mut results = results.expect("results").iter();
    results.find(|r| r["id"] == id).expect("the check")
}

/// As which user the image was read.
fn reader(report: &Value) -> &Value {
    let objects = report["image_scan"]["plan"]["objects"].as_array();
    let mut objects = objects.expect("objects").iter();
    let pod = objects.find(|object| object["kind"] == "Pod");
    &pod.expect("the scan's pod")["spec"]["containers"][0]["securityContext"]["runAsUser"]
}

async fn nothing_left(site: &TestNamespace, pods: usize) {
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let all = site.api::<Pod>().list(&ListParams::default()).await;
    assert_eq!(all.expect("pods").items.len(), pods + 1, "no pod is left");
}

#[tokio::test]
async fn what_the_user_of_a_fixed_pod_cannot_read_is_its_image() {
    if lab_only() {
        return;
    }
    let site = site("drift-fixed").await;
    pod(&site, "hard", COMMAND, |_| {}).await;
    // As root with what it needs, as root without, and as a user of no account.
    for (level, user) in [("privileged", 0), ("baseline", 0), ("restricted", 65532)] {
        site.enforce(level).await;
        let output = drift(&site, &["hard", "--require-complete"]).await;
        assert_eq!(output.code, 0, "{level}: {output:?}");
        let report = output.json();
        assert_eq!(report["verdict"], "passed", "{level}");
        assert_eq!(*reader(&report), json!(user), "{level}");
        let unseen = result(&report, "drift-unseen");
        assert_eq!(unseen["status"], "pass", "{level}: {unseen}");
        let limits = unseen["limits"].to_string();
        for words in [
            "cannot differ: read-only root filesystem",
            "/root",
            "/etc/app",
            "/tmp",
        ] {
            assert!(limits.contains(words), "{level} {words}: {limits}");
        }
        assert!(!output.err.contains("hint:"), "{output:?}");
    }
    site.enforce("privileged").await;
    let nobody = drift(&site, &["hard", "--as-nobody"]).await;
    assert_eq!(nobody.code, 0, "{nobody:?}");
    assert_eq!(*reader(&nobody.json()), json!(65532));
    nothing_left(&site, 1).await;
    site.remove().await;
}

#[tokio::test]
async fn where_somebody_can_write_what_is_unseen_is_named_with_why_and_what_is_seen_is_found() {
    if lab_only() {
        return;
    }
    let site = site("drift-loose").await;
    let plant = "cp /bin/sh /var/tmp/tool; exec sleep 3600";
    pod(&site, "loose", plant, writable).await;
    // Another container that may mount what this one sees.
    pod(&site, "beside", COMMAND, |spec| {
        spec["shareProcessNamespace"] = true.into();
        let mut other = spec["containers"][0].clone();
        other["name"] = "other".into();
        other["securityContext"] =
            json!({"runAsNonRoot": false, "runAsUser": 0, "privileged": true});
        spec["containers"]
            .as_array_mut()
            .expect("containers")
            .push(other);
    })
    .await;
    // All of it can be read.
    pod(
        &site,
        "plain",
        "cp /bin/busybox /bin/tool; exec sleep 3600",
        |spec| {
            writable(spec);
            spec["securityContext"] = json!({"runAsUser": 0, "runAsGroup": 0});
            spec["containers"][0]["image"] = "lab.local/busybox:1".into();
        },
    )
    .await;
    let (loose, beside, plain) = tokio::join!(
        drift(&site, &["loose"]),
        drift(&site, &["beside", "-c", "web"]),
        drift(&site, &["plain"]),
    );
    for (output, why) in [
        (&loose, "may differ: readOnlyRootFilesystem is not set"),
        (
            &beside,
            "may differ: container other of the pod is privileged",
        ),
    ] {
        assert_eq!(output.code, 3, "{output:?}");
        let report = output.json();
        let unseen = result(&report, "drift-unseen");
        assert_eq!(unseen["status"], "error", "{unseen}");
        let message = unseen["message"].as_str().expect("a message");
        assert!(message.ends_with(why), "{message}");
        let evidence = unseen["evidence"].to_string();
        assert!(
            evidence.contains("container: /root: not searchable"),
            "{evidence}"
        );
        assert!(
            !unseen["limits"].to_string().contains("cannot differ"),
            "{unseen}"
        );
    }
    for (output, code, path) in [(&loose, 3, "/var/tmp/tool"), (&plain, 1, "/bin/tool")] {
        assert_eq!(output.code, code, "{output:?}");
        let report = output.json();
        let added = result(&report, "drift-executable-added");
        assert_eq!(added["status"], "fail", "{added}");
        assert!(added["evidence"].to_string().contains(path), "{added}");
    }
    nothing_left(&site, 3).await;
    site.remove().await;
}
