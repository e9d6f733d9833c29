//! Every call of a scan goes wrong in every way, and the program is killed at every call: it never
//! passes falsely, its exit code is true, and nothing stays.
//!
//! A run takes some faults for each call in turn; `SECURE_SCAN_FAULTS=all` takes every one.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use scanner_tests::{
    Site,
    fault::{FAULTS, Fault, Proxy},
    lab_only,
    program::{Said, probe_image, program},
};

/// How many scans run at once.
const AT_ONCE: usize = 12;
/// Faults for each call in an ordinary run.
const FEW: usize = 3;
/// Longest that a scan may take whatever goes wrong: one silent call in each stage, and the
/// waiting for the token's end.
const LONGEST: Duration = Duration::from_mins(2);

struct Case<'a> {
    site: &'a Site,
    token: &'a str,
    strategy: &'static str,
    pod: String,
    call: usize,
    fault: Fault,
}

/// What a run came to: what it said, the call that was broken, how many calls there were.
struct Ran {
    said: Said,
    broken: Option<String>,
    calls: usize,
    took: Duration,
}

impl Case<'_> {
    async fn run(&self) -> Ran {
        let proxy = Proxy::start(self.call, self.fault).await;
        let kubeconfig = proxy.kubeconfig(self.token);
        let (file, image) = (kubeconfig.path().to_string_lossy(), probe_image());
        let mut args = vec![self.strategy, &self.pod, "-n", &self.site.namespace];
        args.extend(["--kubeconfig", &file, "-o", "json", "--lease", "30"]);
        if self.strategy == "distroless" {
            args.extend(["--probe-image", &image]);
        }
        let started = Instant::now();
        let child = program(&args).spawn().expect("the program starts");
        proxy.program(child.id().expect("it runs"));
        let output = tokio::time::timeout(LONGEST, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| unreachable!("{self} took too long"));
        Ran {
            said: output.expect("it ends").into(),
            broken: proxy.broken(),
            calls: proxy.calls(),
            took: started.elapsed(),
        }
    }
}

impl std::fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {:?} at call {}",
            self.strategy, self.fault, self.call
        )
    }
}

/// What a user must be able to rely on after any fault.
fn judge(case: &Case<'_>, ran: &Ran, clean: &Said) -> Vec<String> {
    let mut wrong = Vec::new();
    let said = &ran.said;
    let report = serde_json::from_str::<serde_json::Value>(&said.out).ok();
    let verdict = report.as_ref().map(|r| r["verdict"].clone());
    let expected = match said.code {
        1 => Some("findings"),
        3 => Some("failed"),
        5 => Some("cleanup_unverified"),
        _ => None,
    };
    match (&verdict, expected) {
        (_, None) => wrong.push(format!("exit code {}", said.code)),
        // It ended before there was anything to report.
        (None, Some("failed")) if said.err.contains("error: ") => {}
        (Some(verdict), Some(expected)) if verdict == expected => {}
        (verdict, _) => wrong.push(format!("code {} with verdict {verdict:?}", said.code)),
    }
    if said.code == 1 && statuses(said) != statuses(clean) {
        wrong.push("other findings than without a fault".into());
    }
    // How often the node's progress is seen varies by a call or two.
    if ran.broken.is_none() && said.code != clean.code {
        wrong.push("another exit code, and the call was never made".into());
    }
    if said.code == 3 && !format!("{}{}", said.out, said.err).contains("hint") {
        wrong.push("no hint".into());
    }
    wrong
        .iter()
        .map(|w| {
            format!(
                "{case} ({}): {w}: {}",
                ran.broken.as_deref().unwrap_or("-"),
                said.err
            )
        })
        .collect()
}

fn statuses(said: &Said) -> BTreeSet<(String, String)> {
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_default();
    let results = report["findings"]["results"].as_array().cloned();
    let pairs = results.unwrap_or_default().into_iter().map(|result| {
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        (text("id"), text("status"))
    });
    pairs.collect()
}

fn faults_at(call: usize) -> Vec<Fault> {
    if std::env::var("SECURE_SCAN_FAULTS").is_ok_and(|all| all == "all") {
        return FAULTS.to_vec();
    }
    (0..FEW)
        .map(|nth| FAULTS[(call + nth * 4) % FAULTS.len()])
        .collect()
}

/// A site whose operator has a token and everything in its namespace.
async fn prepared(test: &str, strategy: &str) -> (Site, String, &'static str) {
    let site = Site::new(test).await;
    site.allow("default", &[("*", "*", "*")]).await;
    let token = site.token("default").await;
    let image = if strategy == "distroless" {
        "lab.local/distroless:1"
    } else {
        "lab.local/busybox:1"
    };
    (site, token, image)
}

async fn every_call(strategy: &'static str) {
    if lab_only() {
        return;
    }
    let (site, token, image) = prepared(&format!("faults-{strategy}"), strategy).await;
    let case = |call: usize, fault: Fault| Case {
        site: &site,
        token: &token,
        strategy,
        // An ephemeral container stays in its pod: every scan with one gets a pod of its own.
        pod: format!(
            "target-{call}-{}",
            format!("{fault:?}").replace(['(', ')'], "").to_lowercase()
        ),
        call,
        fault,
    };
    let first = case(0, Fault::None);
    site.pod_of(&first.pod, image, "Running").await;
    let clean = first.run().await;
    assert_eq!(clean.said.code, 1, "{:?}", clean.said);
    assert!(
        clean.calls > 10,
        "{} calls went through the proxy",
        clean.calls
    );
    let cases = (1..=clean.calls)
        .flat_map(|call| faults_at(call).into_iter().map(move |fault| (call, fault)));
    let (here, clean, case) = (&site, &clean, &case);
    let outcomes: Vec<(Vec<String>, bool)> = stream::iter(cases)
        .map(|(call, fault)| async move {
            let case = case(call, fault);
            here.pod_of(&case.pod, image, "Running").await;
            let ran = case.run().await;
            here.remove_pod(&case.pod).await;
            let wrong = judge(&case, &ran, &clean.said);
            tell(&case, &ran);
            (wrong, ran.said.code == 5)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let wrong: Vec<&String> = outcomes.iter().flat_map(|o| &o.0).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // What could not be shown to be gone is what the lease removes.
    let unverified = outcomes.iter().any(|o| o.1);
    site.nothing_left(if unverified { 60 } else { 0 }).await;
    // Where nothing was ever left, code 5 would be a false alarm each time.
    assert!(outcomes.iter().filter(|o| o.1).count() * 4 < outcomes.len());
    site.remove().await;
}

#[expect(clippy::print_stderr, reason = "shown when the test fails")]
fn tell(case: &Case<'_>, ran: &Ran) {
    eprintln!(
        "{case} ({}): code {} after {:.1} s",
        ran.broken.as_deref().unwrap_or("-"),
        ran.said.code,
        ran.took.as_secs_f64()
    );
}

async fn killed_at_every_call(strategy: &'static str) {
    if lab_only() {
        return;
    }
    let (site, token, image) = prepared(&format!("kills-{strategy}"), strategy).await;
    let case = |call: usize, fault: Fault| Case {
        site: &site,
        token: &token,
        strategy,
        pod: format!("target-{call}-{}", format!("{fault:?}").to_lowercase()),
        call,
        fault,
    };
    let first = case(0, Fault::None);
    site.pod_of(&first.pod, image, "Running").await;
    let clean = first.run().await;
    assert_eq!(clean.said.code, 1, "{:?}", clean.said);
    let cases =
        (1..=clean.calls).flat_map(|call| [(call, Fault::KillBefore), (call, Fault::KillAfter)]);
    let (here, case) = (&site, &case);
    let outcomes: Vec<(String, i32, Option<String>)> = stream::iter(cases)
        .map(|(call, fault)| async move {
            let case = case(call, fault);
            here.pod_of(&case.pod, image, "Running").await;
            let ran = case.run().await;
            here.remove_pod(&case.pod).await;
            (case.to_string(), ran.said.code, ran.broken)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let alive: Vec<_> = outcomes
        .iter()
        .filter(|o| o.1 != -1 && o.2.is_some())
        .collect();
    assert!(alive.is_empty(), "not killed: {alive:?}");
    let killed = outcomes.iter().filter(|o| o.2.is_some()).count();
    assert!(killed + 4 >= outcomes.len(), "{killed} were killed");
    site.nothing_left(60).await;
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn container_survives_a_fault_at_every_call() {
    every_call("container").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn distroless_survives_a_fault_at_every_call() {
    every_call("distroless").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn container_killed_at_every_call_leaves_nothing_after_the_lease() {
    killed_at_every_call("container").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn distroless_killed_at_every_call_leaves_nothing_after_the_lease() {
    killed_at_every_call("distroless").await;
}
