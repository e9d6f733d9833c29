//! The admission guard on a real API server: attacked from a real scan identity, with it and without.

use scanner_tests::{
    Site,
    guarded::Guarded,
    lab_only,
    program::{Said, probe_image, program},
};
use serde_json::json;

#[tokio::test]
async fn the_guard_refuses_what_was_not_planned_and_scans_go_on() {
    if lab_only() {
        return;
    }
    let site = Site::new("guarded").await;
    site.pod_of("bare", "lab.local/distroless:1", "Running")
        .await;
    let guard = Guarded::install(&site).await;
    let attack = ["test", "web", "-n", &site.namespace];
    let state = ["status", "--name", &guard.name];
    let (attack, scan, probe, status) = tokio::join!(
        site.guard(&attack),
        site.run(&["web", "-o", "json"]),
        site.probe(&["bare", "-o", "json"]),
        site.guard(&state),
    );
    // Changed so that it fails open: seen at once.
    guard
        .change(&site, &json!({"spec": {"failurePolicy": "Ignore"}}))
        .await;
    let changed = site.guard(&["status", "--name", &guard.name]).await;
    guard.remove(&site).await;
    let gone = site.guard(&["status", "--name", &guard.name]).await;
    assert_eq!(attack.code, 0, "{}{}", attack.out, attack.err);
    let held = attack.out.lines().filter(|l| l.starts_with("held")).count();
    assert!(held >= 40, "{held} attempts");
    for (what, said) in [("container", &scan), ("distroless", &probe)] {
        assert_eq!(said.code, 1, "{what}: {said:?}");
        assert!(
            said.out.contains("admission-guard: installed"),
            "{what}: {}",
            said.out
        );
    }
    assert_eq!(status.code, 0, "{status:?}");
    assert!(
        status.out.contains(&site.namespace),
        "what it covers: {status:?}"
    );
    assert_eq!(changed.code, 1, "{changed:?}");
    assert!(
        changed.out.contains("CHANGED at spec.failurePolicy"),
        "{changed:?}"
    );
    assert_eq!(gone.code, 1, "{gone:?}");
    assert!(
        gone.out.contains("MISSING") && gone.err.contains("hint: "),
        "{gone:?}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

async fn with_context(site: &Site, args: &[&str], tool: &[&str]) -> Said {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let mut all = args.to_vec();
    all.extend(["-n", &site.namespace, "--context", &context]);
    if !tool.is_empty() {
        all.push("--");
        all.extend(tool);
    }
    program(&all).output().await.expect("it starts").into()
}

#[tokio::test]
async fn under_the_guard_clones_are_scanned_and_credentials_are_lent_only_when_told() {
    if lab_only() {
        return;
    }
    let site = Site::new("guardlend").await;
    let guard = Guarded::install(&site).await;
    let image = probe_image();
    let lend = ["credential", "exec", "--pod", "web", "--allow", "get-pod"];
    let any = [&lend[..], &["--allow", "any-command"]].concat();
    let echo = ["kubectl", "exec", "web", "--", "echo", "looked"];
    let refused = with_context(&site, &lend, &echo).await;
    // It is refused before anything is created.
    let left = site.leftovers().await;
    let probe = ["--probe-image", &image, "-o", "json"];
    let clone = [&["sidecar", "web"][..], &probe].concat();
    let inert = [&["sidecar", "web", "--inert"][..], &probe].concat();
    let (ran, terminal, copied, clone, inert) = tokio::join!(
        with_context(&site, &any, &echo),
        with_context(&site, &any, &["kubectl", "attach", "web"]),
        with_context(
            &site,
            &any,
            &["kubectl", "exec", "web", "-c", "other", "--", "echo"]
        ),
        with_context(&site, &clone, &[]),
        with_context(&site, &inert, &[]),
    );
    guard.remove(&site).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.err.contains("--allow any-command"), "{refused:?}");
    assert!(!refused.err.contains("Job"), "{refused:?}");
    assert_eq!(left, Vec::<String>::new());
    assert_eq!((ran.code, ran.out.trim()), (0, "looked"), "{ran:?}");
    assert_eq!(terminal.code, 1, "{terminal:?}");
    assert_eq!(copied.code, 1, "{copied:?}");
    // An attach is refused by RBAC already; the other container by the guard alone.
    assert!(terminal.err.contains("pods/attach"), "{terminal:?}");
    assert!(
        copied.err.contains("were not planned by the scan"),
        "{copied:?}"
    );
    for said in [&clone, &inert] {
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.out.contains("admission-guard: installed"), "{said:?}");
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn without_the_guard_its_test_fails_and_a_scan_says_so() {
    let site = Site::new("unguarded").await;
    let attack = ["test", "web", "-n", &site.namespace];
    let (attack, scan) = tokio::join!(site.guard(&attack), site.run(&["web", "-o", "json"]),);
    assert_eq!(attack.code, 1, "{attack:?}");
    assert!(attack.err.contains("has no admission guard"), "{attack:?}");
    assert!(attack.err.contains("guard render"), "{attack:?}");
    assert_eq!(attack.out, "", "said once");
    assert!(
        scan.out.contains("admission-guard: not installed"),
        "{}",
        scan.out
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
