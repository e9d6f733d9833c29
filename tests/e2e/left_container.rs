//! Processes that leave their container to show an agent a root of their own: none is read in its place, and each is named.

use scanner_tests::{
    TestNamespace, eventually, lab_only,
    program::{ProgramOutput, probe_image},
    shell::run_in,
};
use serde_json::{Value, json};

/// Makes a root of its own in memory, with a shell and an account that no image has, and lives there.
const FAKE: &str = "\
    mkdir -p /tmp/r && exec unshare -U -r -m sh -c '\
    mount -t tmpfs r /tmp/r && cd /tmp/r && mkdir bin dev etc proc tmp root old && \
    cp /bin/busybox bin/busybox && \
    for tool in sh cat chmod cp cut date dd echo env expr find grep head id kill ls mkdir mv printf ps pwd readlink rm \
    sed sleep sort stat tail tar test touch tr true uname uniq wc awk cksum; do ln -s busybox bin/$tool; done && \
    echo root:x:0:0:root:/root:/sbin/nologin >etc/passwd && echo root:x:0: >etc/group && \
    mount --rbind /proc proc && mount --rbind /dev dev && pivot_root . old && umount -l /old && exec sleep 3600'";

/// A pod of one busybox container that runs `script` as that user.
fn running(script: &str, uid: i64) -> Value {
    json!({
        "terminationGracePeriodSeconds": 0,
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [{
            "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/busybox", "sh", "-c", script],
            "securityContext": {
                "runAsUser": uid, "runAsGroup": uid, "seccompProfile": {"type": "Unconfined"},
            },
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        }],
    })
}

/// The same, once so many of its processes sleep where they went.
async fn pod(site: &TestNamespace, name: &str, script: &str, uid: i64, sleeping: usize) {
    let more = running(script, uid);
    site.pod_like(name, "", "Running", &more, &json!({})).await;
    let target = site.target(name).await;
    // Whole command lines: that of a script ends in the same words.
    let count = "n=0; for file in /proc/[0-9]*/cmdline; do line=$(tr '\\0' ' ' <$file 2>/dev/null); \
        case $line in 'sleep 3600 '|'/bin/busybox sleep 3600 ') n=$((n+1));; esac; done; echo $n";
    eventually("processes that are where they go", async || {
        let count = ["/bin/busybox", "sh", "-c", count];
        let count = run_in(&site.client, &target, &count, b"").await.ok()?;
        let count: Option<usize> = String::from_utf8_lossy(&count).trim().parse().ok();
        count.filter(|count| *count == sleeping)
    })
    .await;
}

async fn probed(site: &TestNamespace, name: &str) -> ProgramOutput {
    site.probe_of(&probe_image(), &[name, "-o", "json", "--fail-on", "low"])
        .await
}

/// Whether a report raises that alert and has no findings.
fn alerts(output: &ProgramOutput, id: &str) -> bool {
    let report = output.json();
    let mut alerts = report["alerts"].as_array().into_iter().flatten();
    output.code == 4
        && report["verdict"] == "security_alert"
        && report["findings"] == json!([])
        && alerts.any(|alert| alert["id"] == id)
}

#[tokio::test]
async fn a_target_that_shows_a_root_of_its_own_is_an_alert_and_never_read() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("left-all").await;
    for (name, uid) in [("user", 1000), ("root", 0)] {
        pod(&site, name, FAKE, uid, 1).await;
        let probe = probed(&site, name).await;
        assert!(alerts(&probe, "target-left-its-container"), "{probe:?}");
        assert!(probe.out.contains("user namespace"), "{probe:?}");
        // An exec joins the mount namespace of the first process, and so reads what that made.
        let exec = site.run(&[name, "-o", "json"]).await;
        let report = exec.json();
        assert_eq!(
            (exec.code, &report["findings"]),
            (4, &json!([])),
            "{exec:?}"
        );
        let ids = report["alerts"].to_string();
        assert!(
            ids.contains("contradicts-root") || ids.contains("target-left-its-container"),
            "{exec:?}"
        );
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_process_that_left_is_named_and_another_one_is_read() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("left-one").await;
    // The faker is the lower process: the one that stays is started by it.
    let stays = format!("sleep 3600 & {FAKE}");
    let leaves = format!("({FAKE}) & exec sleep 3600");
    for (name, script) in [("stays", stays.as_str()), ("leaves", &leaves)] {
        pod(&site, name, script, 1000, 2).await;
        let output = probed(&site, name).await;
        assert!([1, 3].contains(&output.code), "{output:?}");
        let report = output.json();
        let controls = report["controls"].as_array().into_iter().flatten();
        let control = controls.into_iter().find(|c| c["id"] == "target-agrees");
        let shown = control.expect("control")["release_verified"].to_string();
        assert!(shown.contains("left the container's namespaces"), "{shown}");
        // What was read is the root of the image, which has more than one account or none.
        assert_ne!(report["findings"], json!([]), "{output:?}");
        assert!(report["alerts"].is_null(), "{output:?}");
    }
    site.remove().await;
}

#[tokio::test]
async fn a_root_below_a_volume_or_a_folder_is_never_taken_for_the_containers() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("left-volume").await;
    // A mount at the new root makes it look like the root of a mount namespace.
    for (name, place) in [("volume", "/tmp"), ("folder", "/jail")] {
        let script = format!(
            "mkdir -p {place}/bin && cp /bin/busybox {place}/bin/ && exec chroot {place} /bin/busybox sleep 3600"
        );
        pod(&site, name, &script, 0, 1).await;
        let output = probed(&site, name).await;
        assert!([3, 4].contains(&output.code), "{output:?}");
        assert_eq!(output.json()["findings"], json!([]), "{output:?}");
    }
    site.remove().await;
}
