//! `secure-scan rights`: the Role that it prints is enough on a real API server, and its check names what is missing.

use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use scanner_tests::{
    TestNamespace,
    program::{ProgramOutput, probe_image, program},
};
use serde_json::json;

async fn run(args: &[&str]) -> ProgramOutput {
    program(args).output().await.expect("it starts").into()
}

/// Applies the Role of each strategy in turn, and scans with it as the account of that kubeconfig.
async fn every_strategy_scans(site: &TestNamespace, path: &str) {
    let probe = probe_image();
    let completed = [
        "container",
        "web",
        "--complete-from-image",
        "--probe-image",
        &probe,
    ];
    for (strategy, command) in [
        (&["container"][..], &["container", "web"][..]),
        (&["container", "--complete-from-image"], &completed),
        (
            &["distroless"],
            &["distroless", "web", "--probe-image", &probe],
        ),
        (
            &["sidecar"],
            &["sidecar", "web", "--inert", "--probe-image", &probe],
        ),
    ] {
        let needed = [
            &["rights", "-n", &site.namespace, "--strategy"][..],
            strategy,
        ]
        .concat();
        let strategy = strategy.join(" ");
        let printed = run(&needed).await;
        assert_eq!(printed.code, 0, "{printed:?}");
        let role: Role = serde_saphyr::from_str(&printed.out).expect("a Role in YAML");
        let roles = site.api::<Role>();
        let _ = roles
            .delete("secure-scan-operator", &DeleteParams::default())
            .await;
        roles
            .create(&PostParams::default(), &role)
            .await
            .expect("create Role");
        let check = [&needed[..], &["--check", "--kubeconfig", path]].concat();
        // The server's authorizer hears of a Role a little later; that of the strategy before is not enough for this one.
        scanner_tests::eventually("the rights of the Role", async || {
            (run(&check).await.code == 0).then_some(())
        })
        .await;
        let scan = [
            command,
            &[
                "-n",
                &site.namespace,
                "--kubeconfig",
                path,
                "-p",
                "sbom",
                "-o",
                "json",
            ],
        ]
        .concat();
        let output = run(&scan).await;
        let report = output.json();
        assert!(report["failure"].is_null(), "{strategy}: {output:?}");
        assert_eq!(
            report["post_scan"]["verified"], true,
            "{strategy}: {output:?}"
        );
    }
}

#[tokio::test]
async fn an_operator_with_the_printed_role_can_scan_and_without_a_part_of_it_cannot() {
    let site = TestNamespace::new("rights").await;
    let namespace = site.namespace.clone();
    let file = crate::bad_input::with_token(&site.token("default").await);
    let path = file.path().to_str().unwrap();
    let binding = json!({
        "metadata": {"name": "operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "secure-scan-operator"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    });
    let binding: RoleBinding = serde_json::from_value(binding).unwrap();
    let made = site
        .api::<RoleBinding>()
        .create(&PostParams::default(), &binding)
        .await;
    made.expect("create binding");
    every_strategy_scans(&site, path).await;
    let mut rules = site
        .api::<Role>()
        .get("secure-scan-operator")
        .await
        .unwrap()
        .rules
        .unwrap();
    for rule in &mut rules {
        let jobs = rule
            .resources
            .as_ref()
            .is_some_and(|all| all.contains(&"jobs".to_owned()));
        if jobs {
            rule.verbs.retain(|verb| verb != "delete");
        }
    }
    let less = Patch::Merge(json!({"rules": rules}));
    let changed = site
        .api::<Role>()
        .patch("secure-scan-operator", &PatchParams::default(), &less)
        .await;
    changed.expect("patch");
    scanner_tests::eventually("a right that is gone", async || {
        let check = [
            "rights",
            "--strategy",
            "sidecar",
            "-n",
            &namespace,
            "--check",
            "--kubeconfig",
            path,
        ];
        let output = run(&check).await;
        (output.code == 1 && output.out.contains("delete on jobs.batch")).then_some(())
    })
    .await;
    let plan = [
        "container",
        "web",
        "-n",
        &namespace,
        "--kubeconfig",
        path,
        "--dry-run",
    ];
    let output = run(&plan).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output.out.contains("delete on jobs.batch, in namespace"),
        "{output:?}"
    );
    let output = run(&plan[..plan.len() - 1]).await;
    assert!(
        output.code == 3 && output.err.contains("delete on jobs.batch"),
        "{output:?}"
    );
    let words = [
        "--strategy container -n ",
        &namespace,
        "note: a scan would be refused",
    ];
    let output = run(&plan).await;
    assert!(
        words.iter().all(|word| output.err.contains(word)),
        "{output:?}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn the_namespace_of_the_context_is_not_the_identity_namespace_either() {
    let site = TestNamespace::new("rights-context").await;
    let token = site.token("default").await;
    let file = crate::bad_input::with_token_in(&token, Some(&site.namespace));
    let path = file.path().to_str().unwrap();
    let same = ["rights", "--identity-namespace", &site.namespace];
    for more in [
        &["--kubeconfig", path][..],
        &["--check", "--kubeconfig", path],
        &["-n", &site.namespace],
    ] {
        let output = run(&[&same[..], more].concat()).await;
        assert_eq!(output.code, 2, "{more:?}: {output:?}");
        assert!(output.err.contains("identity namespace"), "{output:?}");
        assert!(output.out.is_empty(), "{output:?}");
    }
    site.remove().await;
}
