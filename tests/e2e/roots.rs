//! Which of a container's files an agent looks at: mounts where a program may hide, and a root that is not its own.

use scanner_tests::{TestNamespace, eventually, lab_only, program::ProgramOutput, shell::run_in};
use serde_json::json;

fn status(output: &ProgramOutput, check: &str) -> String {
    let report = output.json();
    let results = report["findings"][0]["results"].as_array();
    let found = results.into_iter().flatten().find(|r| r["id"] == check);
    found
        .and_then(|r| r["status"].as_str())
        .unwrap_or("absent")
        .to_owned()
}

#[tokio::test]
async fn a_program_in_a_volume_on_a_temporary_directory_is_found_by_every_agent() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("roots-tmp").await;
    let script =
        "mkdir -p /tmp/a/b && cp /bin/busybox /tmp/a/b/xmrig && touch /tmp/.x && exec sleep 600";
    let more = json!({"volumes": [{"name": "tmp", "emptyDir": {}}], "containers": [{
        "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }]});
    site.pod_like("odd", "", "Running", &more, &json!({})).await;
    let target = site.target("odd").await;
    eventually("what the script makes", async || {
        let made = ["test", "-e", "/tmp/.x"];
        run_in(&site.client, &target, &made, b"").await.ok()
    })
    .await;
    let args = ["odd", "-o", "json"];
    let (shell, probe) = tokio::join!(site.run(&args), site.probe(&args));
    for output in [&shell, &probe] {
        for check in ["temporary-executables", "hidden-temporary-files"] {
            assert_eq!(status(output, check), "fail", "{check}: {output:?}");
        }
    }
    site.remove().await;
}

#[tokio::test]
async fn a_process_that_chose_another_root_is_not_taken_for_its_container() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("roots-chroot").await;
    let script = "mkdir /jail && cp /bin/busybox /jail/ && exec chroot /jail /busybox sleep 600";
    let more = json!({"containers": [{
        "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
    }]});
    site.pod_like("odd", "", "Running", &more, &json!({})).await;
    // One after the other: the exec of the first is a process with the root that the second looks for.
    let shell = site.run(&["odd", "-o", "json"]).await;
    let probe = site.probe(&["odd", "-o", "json"]).await;
    // An exec joins the container's own root, and so looks past the jail.
    assert!(shell.json()["findings"][0].is_object(), "{shell:?}");
    assert_eq!(probe.code, 3, "{probe:?}");
    let failure = probe.json()["failure"].to_string();
    assert!(failure.contains("chroot"), "{probe:?}");
    assert_eq!(probe.json()["findings"], json!([]), "{probe:?}");
    site.remove().await;
}
