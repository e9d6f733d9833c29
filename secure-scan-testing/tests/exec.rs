//! Execs: streams, their ends, scripted targets, and the probe beside a target.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Resource as _,
    api::{AttachParams, Patch, PatchParams, Request},
    client::Connection,
};
use scanner_inventory::{InventoryRequest, Section, parse};
use secure_scan_testing::{Exit, FakeCluster, Script, Target, samples};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

fn cluster(target: impl Into<Target>) -> FakeCluster {
    FakeCluster::new()
        .pod(json!({
            "metadata": {"namespace": "shop", "name": "web-0"},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        }))
        .answers(target)
}

async fn connect(client: &Client, container: &str, command: &[&str]) -> kube::Result<Connection> {
    let params = AttachParams::default()
        .container(container)
        .stdin(true)
        .stdout(true)
        .stderr(true);
    let request = Request::new(Pod::url_path(&(), Some("shop")));
    let request = request
        .exec("web-0", command.iter().copied(), &params)
        .expect("a request");
    client.connect(request).await
}

/// Standard output, standard error, and the status.
async fn run(connection: Connection, input: &[u8]) -> (Vec<u8>, Vec<u8>, Option<Value>) {
    let mut stream = connection.into_stream();
    let message = |channel: u8, data: &[u8]| Message::Binary([&[channel], data].concat().into());
    for chunk in input.chunks(1000) {
        let _ = stream.send(message(0, chunk)).await;
    }
    let _ = stream.send(message(255, &[0])).await;
    let (mut out, mut err, mut status) = (Vec::new(), Vec::new(), None);
    while let Some(Ok(received)) = stream.next().await {
        let Message::Binary(received) = received else {
            continue;
        };
        match received.split_first() {
            Some((1, data)) => out.extend_from_slice(data),
            Some((2, data)) => err.extend_from_slice(data),
            Some((3, data)) => status = serde_json::from_slice(data).ok(),
            _ => {}
        }
    }
    (out, err, status)
}

async fn shell(cluster: &FakeCluster, input: &[u8]) -> (Vec<u8>, Vec<u8>, Option<Value>) {
    let client = cluster.client().expect("a client");
    run(
        connect(&client, "web", &["/bin/sh", "-s"])
            .await
            .expect("an exec"),
        input,
    )
    .await
}

#[tokio::test(start_paused = true)]
async fn a_function_reads_standard_input_to_its_end_and_answers() {
    let echo = Target::custom(|mut exec| async move {
        let input = exec.stdin_to_end().await;
        exec.print(&input).await;
        exec.print_error(exec.container().to_owned().as_bytes())
            .await;
        Exit::Code(if exec.command() == ["/bin/sh", "-s"] {
            0
        } else {
            9
        })
    });
    let input = vec![b'a'; 100_000];
    let (out, err, status) = shell(&cluster(echo), &input).await;
    assert_eq!((out.len(), err.as_slice()), (input.len(), &b"web"[..]));
    assert_eq!(status.expect("a status")["status"], "Success");
}

#[tokio::test(start_paused = true)]
async fn scripts_cut_fail_and_exit() {
    let script = Script::new()
        .after_stdin()
        .print("half an ans")
        .wait(Duration::from_mins(10))
        .cut();
    let (out, _, status) = shell(&cluster(script), b"x").await;
    assert_eq!((out.as_slice(), status), (&b"half an ans"[..], None));
    let (_, err, status) = shell(&cluster(Script::new().print_error("oh").exit(3)), b"").await;
    let status = status.expect("a status");
    assert_eq!(
        (err.as_slice(), &status["reason"]),
        (&b"oh"[..], &json!("NonZeroExitCode"))
    );
    assert_eq!(status["details"]["causes"][0]["message"], "3");
    let (out, ..) = shell(&cluster(Script::new().flood(1 << 20)), b"").await;
    assert_eq!(out.len(), 1 << 20);
    let (.., status) = shell(&cluster(Target::distroless(samples::healthy())), b"exit").await;
    let message = status.expect("a status")["message"].to_string();
    assert!(
        message.contains("stat /bin/sh: no such file or directory"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_shell_of_this_machine_runs_what_it_is_given_while_time_stands_still() {
    let cluster = cluster(Target::shell_of_this_machine());
    let (out, _, status) = shell(&cluster, b"echo $((20 + 3)); exit 0\n").await;
    assert_eq!(out, b"23\n");
    assert_eq!(status.expect("a status")["status"], "Success");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_entered_is_refused_as_a_server_refuses_it() {
    let cluster = cluster(samples::healthy());
    let client = cluster.client().expect("a client");
    let refused = async |container: &str| match connect(&client, container, &["/bin/sh"]).await {
        Err(kube::Error::Api(status)) => (status.code, status.message.clone()),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    };
    assert_eq!(
        refused("other").await,
        (400, "container other is not valid for pod web-0".into())
    );
    cluster.edit("pods", "shop", "web-0", |pod| {
        pod["status"]["containerStatuses"][0]["state"] =
            json!({"waiting": {"reason": "CrashLoopBackOff"}});
    });
    let (code, message) = refused("web").await;
    assert!(
        code == 500 && message.contains("container not found"),
        "{message}"
    );
    let request = Request::new(Pod::url_path(&(), Some("shop")));
    let request = request
        .exec("web-0", ["sh"], &AttachParams::default().stderr(true))
        .expect("a request");
    let plain = client.request_text(request).await;
    assert!(
        matches!(plain, Err(kube::Error::Api(status)) if status.code == 400 && status.message.contains("Upgrade"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_beside_a_target_answers_with_its_inventory_and_ends() {
    let cluster = cluster(Target::distroless(samples::alarming()));
    let client = cluster.client().expect("a client");
    let pods: Api<Pod> = Api::namespaced(client.clone(), "shop");
    let probe = json!({
        "name": "probe", "image": "probe:1", "command": ["/secure-scan-probe", "wait", "60"],
        "targetContainerName": "web",
    });
    let patch = json!({"spec": {"ephemeralContainers": [probe]}});
    let added = pods
        .patch_ephemeral_containers("web-0", &PatchParams::default(), &Patch::Strategic(&patch))
        .await;
    assert_eq!(added.expect("added").metadata.generation, Some(2));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let pod = cluster.get("pods", "shop", "web-0").expect("the pod");
    assert!(
        pod["status"]["ephemeralContainerStatuses"][0]["state"]["running"].is_object(),
        "{pod}"
    );
    let id = pod["status"]["containerStatuses"][0]["containerID"]
        .as_str()
        .expect("an id")
        .to_owned();
    let id = id.rsplit('/').next().expect("an id");
    let request = InventoryRequest {
        sections: [Section::Users, Section::Env].into(),
        ..InventoryRequest::default()
    };
    let input = serde_json::to_vec(&request).expect("JSON");
    let command = ["/secure-scan-probe", "collect", id, "nonce", "60"];
    let (out, _, status) = run(
        connect(&client, "probe", &command).await.expect("an exec"),
        &input,
    )
    .await;
    assert_eq!(status.expect("a status")["status"], "Success");
    let read = parse::inventory("probe", &out, "nonce", &request).expect("an answer");
    assert_eq!(read.env, samples::alarming().env);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let pod = cluster.get("pods", "shop", "web-0").expect("the pod");
    assert_eq!(
        pod["status"]["ephemeralContainerStatuses"][0]["state"]["terminated"]["exitCode"], 0,
        "{pod}"
    );
    // What is there cannot be taken away.
    let none = json!({"spec": {"ephemeralContainers": null}});
    let taken = pods
        .patch_ephemeral_containers("web-0", &PatchParams::default(), &Patch::Merge(&none))
        .await;
    assert!(matches!(taken, Err(kube::Error::Api(status)) if status.code == 422));
}

#[tokio::test(start_paused = true)]
async fn an_exec_ends_when_its_pod_does() {
    let cluster = cluster(Script::new().hang());
    let client = cluster.client().expect("a client");
    let connection = connect(&client, "web", &["/bin/sh", "-s"])
        .await
        .expect("an exec");
    let other = cluster.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(100)).await;
        other.delete("pods", "shop", "web-0");
    });
    let (.., status) = run(connection, b"").await;
    assert_eq!(
        status.expect("a status")["details"]["causes"][0]["message"],
        "137"
    );
}
