//! `secure-scan explain` on a real API server: its audit log has nothing but reads and reviews of that operator.

use std::fs;

use scanner_tests::{
    TestNamespace,
    audit_log::apiserver_log,
    eventually,
    program::{ProgramOutput, probe_image, program},
};
use serde_json::Value;

async fn run(args: &[&str]) -> ProgramOutput {
    program(args).output().await.expect("it starts").into()
}

/// Verb and resource of each request of that user, as the API server logged it.
fn requests_of(log: &str, user: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(log).expect("the audit log");
    // The last line may not be whole yet.
    let lines = text
        .lines()
        .filter(|line| line.contains(user))
        .filter_map(|line| serde_json::from_str(line).ok());
    let own = lines.filter(|event: &Value| event["user"]["username"] == user);
    own.map(|event| {
        let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (part(&event["verb"]), part(&event["objectRef"]["resource"]))
    })
    .collect()
}

#[tokio::test]
async fn explaining_leaves_reads_and_reviews_in_the_servers_audit_log() {
    let Some(log) = apiserver_log() else {
        return;
    };
    let site = TestNamespace::new("explain").await;
    // It may do all that a scan does, so that no missing right keeps it from writing.
    let all = [
        ("", "*", "*"),
        ("batch", "*", "*"),
        ("rbac.authorization.k8s.io", "*", "*"),
        ("networking.k8s.io", "*", "*"),
    ];
    site.allow("default", &all).await;
    let file = crate::bad_input::with_token(&site.token("default").await);
    let path = file.path().to_str().unwrap();
    let probe = probe_image();
    let arguments = [
        "explain",
        "web",
        "-n",
        &site.namespace,
        "--kubeconfig",
        path,
        "--probe-image",
        &probe,
    ];
    let explained = run(&arguments).await;
    assert_eq!(explained.code, 0, "{explained:?}");
    for words in [
        "Strategy container",
        "Strategy image",
        "Level strict",
        "whoever may create",
    ] {
        assert!(explained.out.contains(words), "{words}: {explained:?}");
    }
    let as_json = run(&[&arguments[..], &["--format", "json"]].concat()).await;
    let as_json = as_json.json();
    let command = as_json["levels"][0]["command"].as_str().unwrap();
    assert!(command.starts_with("secure-scan scan web "), "{command}");
    let user = format!("system:serviceaccount:{}:default", site.namespace);
    // The server writes its log a moment later; each run asks for reviews.
    let requests = eventually("the audit log", async || {
        let requests = requests_of(&log, &user);
        let reviews = requests
            .iter()
            .filter(|(_, on)| on == "selfsubjectrulesreviews");
        (reviews.count() >= 14).then_some(requests)
    })
    .await;
    for (verb, resource) in &requests {
        let reads = matches!(verb.as_str(), "get" | "list" | "watch");
        let asks = verb == "create" && resource.ends_with("reviews");
        assert!(reads || asks, "{verb} {resource}: {requests:?}");
    }
    // What the command of a level does is no read.
    let scan = [
        "container",
        "web",
        "-n",
        &site.namespace,
        "--kubeconfig",
        path,
        "-p",
        "sbom",
        "-q",
    ];
    run(&scan).await;
    eventually("the scan in the audit log", async || {
        let requests = requests_of(&log, &user);
        let created = requests
            .iter()
            .any(|(verb, on)| verb == "create" && on == "jobs");
        created.then_some(())
    })
    .await;
    site.remove().await;
}
