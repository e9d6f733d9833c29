//! The scan's own pod where its node will not let go of it: nothing of its isolation goes before it.

use std::time::Duration;

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod, networking::v1::NetworkPolicy};
use kube::{
    ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scanner_tests::{
    TestNamespace, lab_only,
    program::{ProgramOutput, probe_image, program},
};
use serde_json::json;
use tokio::{net::TcpListener, time::sleep};

use crate::sidecar::{nothing_left, run};

#[tokio::test]
async fn an_interrupt_while_a_node_pulls_leaves_nothing() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-pulls").await;
    // A registry that takes the call and never answers: the node is busy for as long as this test wants.
    let registry = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = registry.local_addr().expect("address").port();
    let (image, probe) = (format!("localhost:{port}/slow:1"), probe_image());
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let args = [
        "image",
        &image,
        "-n",
        &site.namespace,
        "--context",
        &context,
    ];
    let mut all = args.to_vec();
    all.extend(["--probe-image", &probe, "-o", "json", "--lease", "120"]);
    let child = program(&all).spawn().expect("it starts");
    let (held, _) = registry.accept().await.expect("the node asks");
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    kill(Pid::from_raw(pid.expect("it runs")), Signal::SIGINT).expect("signal");
    let output = ProgramOutput::from(child.wait_with_output().await.expect("ends"));
    nothing_left(&site).await;
    drop(held);
    assert_eq!(output.code, 3, "{output:?}");
    assert!(
        output.out.contains("without waiting for its node"),
        "{output:?}"
    );
    site.remove().await;
}

#[tokio::test]
async fn the_isolation_stays_as_long_as_the_pod() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-held").await;
    let ours = ListParams::default().labels("secure-scan.io/scan");
    let (pods, params) = (site.api::<Pod>(), PatchParams::default());
    let hold = async {
        let held = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold"]}}));
        loop {
            if let Some(pod) = pods.list(&ours).await.expect("pods").items.pop() {
                let name = pod.name_any();
                pods.patch(&name, &params, &held).await.expect("held");
                return name;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let args = ["image", "lab.local/busybox:1", "--lease", "120"];
    let (output, name) = tokio::join!(run(&site, &args), hold);
    assert_eq!(output.code, 5, "{output:?}");
    assert!(output.out.contains("its isolation stays"), "{output:?}");
    let policy = site.api::<NetworkPolicy>().get(&name).await;
    policy.expect("the pod is there, and so is its isolation");
    let lease = site.api::<Job>().get(&name).await;
    lease.expect("the lease ends them");
    let free = json!({"metadata": {"finalizers": null}});
    let freed = pods.patch(&name, &params, &Patch::Merge(&free)).await;
    freed.expect("freed");
    for _ in 0..480 {
        if site.leftovers().await.is_empty() {
            return site.remove().await;
        }
        sleep(Duration::from_millis(500)).await;
    }
    unreachable!("after the lease: {:?}", site.leftovers().await);
}
