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
    TestNamespace, eventually,
    fault::{FAULTS, Fault, Proxy},
    lab_only,
    program::{ProgramOutput, probe_image, program},
    shell::processes,
};
use tokio::sync::Semaphore;

/// Longest that a scan may take whatever goes wrong: one silent call in each stage, and the
/// waiting for the token's end.
const LONGEST: Duration = Duration::from_mins(5);

/// What all scans of these tests may ask of the node at once: on a node that is too busy, scans fail of themselves.
static LOAD: Semaphore = Semaphore::const_new(16);

/// One way to scan, and how much of it an ordinary run breaks.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// What follows the program's name; `POD` stands for the pod.
    pub(crate) args: &'static [&'static str],
    /// Image of the pods that are scanned.
    pub(crate) image: &'static str,
    pub(crate) probe: bool,
    /// Whether every scan gets a pod of its own.
    pub(crate) own_pod: bool,
    /// Seconds of each scan's lease.
    pub(crate) lease: u32,
    /// How many scans run at once, at most.
    pub(crate) at_once: usize,
    /// The resources that one of them requests from the node, in [`LOAD`].
    pub(crate) load: u32,
    /// Faults for each call.
    pub(crate) few: usize,
    /// Kills for each call: before the server sees it, and after.
    pub(crate) kills: usize,
    /// Whether a call, of that number, verb and path, is broken.
    pub(crate) picks: fn(usize, &str) -> bool,
    /// Of a scan without a fault.
    pub(crate) verdict: &'static str,
}

const CONTAINER: Way = Way {
    verdict: "findings",
    name: "container",
    args: &["container", "POD"],
    image: "lab.local/busybox:1",
    probe: false,
    own_pod: true,
    lease: 30,
    at_once: 12,
    load: 1,
    few: 3,
    kills: 2,
    picks: |_, _| true,
};

const DISTROLESS: Way = Way {
    verdict: "findings",
    name: "distroless",
    args: &["distroless", "POD", "--fail-on", "low"],
    image: "lab.local/distroless:1",
    probe: true,
    // An ephemeral container stays in its pod.
    ..CONTAINER
};

struct Case<'a> {
    site: &'a TestNamespace,
    token: &'a str,
    way: &'a Way,
    call: usize,
    fault: Fault,
}

/// The result of a run: its output, the call that was broken, and the number of calls.
struct Ran {
    name: String,
    output: ProgramOutput,
    broken: Option<String>,
    calls: Vec<String>,
    took: Duration,
}

impl Case<'_> {
    fn pod(&self) -> String {
        if !self.way.own_pod {
            return "web".into();
        }
        let fault = format!("{:?}", self.fault).replace(['(', ')'], "");
        format!("target-{}-{}", self.call, fault.to_lowercase())
    }

    /// Scans a pod, and removes it where it was for this scan alone.
    async fn run(&self) -> Ran {
        let _room = LOAD.acquire_many(self.way.load).await.expect("open");
        let pod = self.pod();
        if self.way.own_pod {
            self.site.pod_of(&pod, self.way.image, "Running").await;
        }
        let before = eventually("processes that are counted", async || {
            Some(self.processes(&pod).await).filter(|count| *count != Some(usize::MAX))
        })
        .await;
        let ran = self.scan(&pod).await;
        if self.way.own_pod {
            let what = format!("{self}: no process of the scan in the target");
            eventually(&what, async || {
                (self.processes(&pod).await == before).then_some(())
            })
            .await;
            self.site.remove_pod(&pod).await;
        }
        ran
    }

    /// Processes in the target, where it has a shell that counts them. What the collector started ends with the scan or, if
    /// nobody can end it, at its deadline.
    async fn processes(&self, pod: &str) -> Option<usize> {
        if self.way.probe || !self.way.own_pod {
            return None;
        }
        let target = self.site.target(pod).await;
        let counted = processes(&self.site.client, &target).await;
        Some(counted.unwrap_or(usize::MAX))
    }

    async fn scan(&self, pod: &str) -> Ran {
        let proxy = Proxy::start(self.call, self.fault).await;
        let kubeconfig = proxy.kubeconfig(self.token);
        let (file, image) = (kubeconfig.path().to_string_lossy(), probe_image());
        let lease = self.way.lease.to_string();
        let way = self.way.args.iter();
        let mut args: Vec<&str> = way.map(|a| if *a == "POD" { pod } else { *a }).collect();
        args.extend(["-n", &self.site.namespace, "--kubeconfig", &file]);
        args.extend(["-o", "json", "--lease", &lease]);
        // Whether the image was tried before must not change the number of a call.
        if self.way.args[0] == "distroless" {
            args.push("--no-try-image");
        }
        if self.way.probe {
            args.extend(["--probe-image", &image]);
        }
        let started = Instant::now();
        let child = program(&args).spawn().expect("the program starts");
        proxy.program(child.id().expect("it runs"));
        let output = tokio::time::timeout(LONGEST, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| unreachable!("{self} took too long"));
        Ran {
            name: self.to_string(),
            output: output.expect("it ends").into(),
            broken: proxy.broken(),
            calls: proxy.calls(),
            took: started.elapsed(),
        }
    }
}

impl std::fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (way, fault, call) = (self.way.name, self.fault, self.call);
        write!(f, "{way}: {fault:?} at call {call}")
    }
}

/// Checks what a user must be able to rely on after any fault.
fn violations(ran: &Ran, clean: &ProgramOutput) -> impl Iterator<Item = String> {
    let mut wrong = Vec::new();
    let output = &ran.output;
    let report = serde_json::from_str::<serde_json::Value>(&output.out).ok();
    let verdict = report.as_ref().map(|r| r["verdict"].clone());
    let expected = match output.code {
        1 => Some("findings"),
        // What the probe's user may not read is missing in every scan of that way.
        3 if verdict.as_ref().is_some_and(|v| v == "incomplete") => Some("incomplete"),
        3 => Some("failed"),
        5 => Some("cleanup_unverified"),
        _ => None,
    };
    match (&verdict, expected) {
        (_, None) => wrong.push(format!("exit code {}", output.code)),
        // It ended before there was anything to report.
        (None, Some("failed")) if output.err.contains("error: ") => {}
        (Some(verdict), Some(expected)) if verdict == expected => {}
        (verdict, _) => wrong.push(format!("code {} with verdict {verdict:?}", output.code)),
    }
    let ended = |of: &str| verdict.as_ref().is_some_and(|v| v == of);
    if (ended("findings") || ended("incomplete")) && statuses(output) != statuses(clean) {
        wrong.push("other findings than without a fault".into());
    }
    // How often the node's progress is seen varies by a call or two.
    if ran.broken.is_none() && output.code != clean.code {
        wrong.push("another exit code, and the call was never made".into());
    }
    if ended("failed") && !format!("{}{}", output.out, output.err).contains("hint") {
        wrong.push("no hint".into());
    }
    let broken = ran.broken.as_deref().unwrap_or("-");
    let name = format!("{} ({broken})", ran.name);
    wrong
        .into_iter()
        .map(move |wrong| format!("{name}: {wrong}"))
}

fn statuses(output: &ProgramOutput) -> BTreeSet<(String, String)> {
    let report: serde_json::Value = serde_json::from_str(&output.out).unwrap_or_default();
    let results = report["findings"][0]["results"].as_array().cloned();
    let pairs = results.unwrap_or_default().into_iter().map(|result| {
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        (text("id"), text("status"))
    });
    pairs.collect()
}

fn all() -> bool {
    std::env::var("SECURE_SCAN_FAULTS").is_ok_and(|all| all == "all")
}

fn some(way: &Way, call: usize) -> Vec<Fault> {
    if all() {
        return FAULTS.to_vec();
    }
    (0..way.few)
        .map(|nth| FAULTS[(call + nth * 4) % FAULTS.len()])
        .collect()
}

fn kills(way: &Way, call: usize) -> Vec<Fault> {
    let both = [Fault::KillBefore, Fault::KillAfter];
    if way.kills == 2 || all() {
        both.to_vec()
    } else {
        vec![both[call % 2]]
    }
}

/// Scans once without a fault, and then with each of `faults` at every call of that.
///
/// The operator has a token and everything in its namespace.
async fn at_every_call(
    test: &str,
    way: &Way,
    faults: fn(&Way, usize) -> Vec<Fault>,
) -> (TestNamespace, Ran, Vec<Ran>) {
    let site = TestNamespace::new(&format!("{test}-{}", way.name)).await;
    site.allow("default", &[("*", "*", "*")]).await;
    let token = site.token("default").await;
    let case = |call: usize, fault: Fault| Case {
        site: &site,
        token: &token,
        way,
        call,
        fault,
    };
    let clean = case(0, Fault::None).run().await;
    assert_eq!(
        clean.output.json()["verdict"],
        way.verdict,
        "{:?}",
        clean.output
    );
    assert!(
        clean.calls.len() > 10,
        "{:?} went through the proxy",
        clean.calls
    );
    let calls = clean.calls.iter().zip(1..);
    let cases = calls
        .filter(|(what, call)| all() || (way.picks)(*call, what))
        .flat_map(|(_, call)| faults(way, call).into_iter().map(move |f| (call, f)))
        .map(|(call, fault)| case(call, fault));
    let outcomes = stream::iter(cases)
        .map(|case| async move {
            let ran = case.run().await;
            print(&ran);
            ran
        })
        .buffer_unordered(way.at_once)
        .collect()
        .await;
    (site, clean, outcomes)
}

#[expect(clippy::print_stderr, reason = "shown when the test fails")]
pub(crate) async fn every_call(way: &Way) {
    if lab_only() {
        return;
    }
    let (site, clean, outcomes) = at_every_call("faults", way, some).await;
    let wrong: Vec<(String, &ProgramOutput)> = outcomes
        .iter()
        .flat_map(|ran| violations(ran, &clean.output).map(|wrong| (wrong, &ran.output)))
        .collect();
    for (wrong, output) in &wrong {
        eprintln!("{wrong}: {output:?}");
    }
    // The long outputs come first, so that the log ends with what is wrong.
    let wrong: Vec<&String> = wrong.iter().map(|(wrong, _)| wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // What was not shown to be gone, the lease removes.
    let unverified = outcomes.iter().filter(|ran| ran.output.code == 5).count();
    let patience = if unverified > 0 { way.lease + 90 } else { 0 };
    site.nothing_left(patience).await;
    // Where nothing was ever left, code 5 would be a false alarm each time.
    assert!(unverified * 4 < outcomes.len());
    site.remove().await;
}

#[expect(clippy::print_stderr, reason = "shown when the test fails")]
fn print(ran: &Ran) {
    eprintln!(
        "{} ({}): code {} after {:.1} s",
        ran.name,
        ran.broken.as_deref().unwrap_or("-"),
        ran.output.code,
        ran.took.as_secs_f64()
    );
}

pub(crate) async fn killed_at_every_call(way: &Way) {
    if lab_only() {
        return;
    }
    let (site, _, outcomes) = at_every_call("kills", way, kills).await;
    let reached = outcomes.iter().filter(|ran| ran.broken.is_some());
    let alive: Vec<_> = reached
        .clone()
        .filter(|ran| ran.output.code != -1)
        .map(|ran| &ran.name)
        .collect();
    assert!(alive.is_empty(), "not killed: {alive:?}");
    let killed = reached.count();
    // A busy server was asked more often in the run that was counted.
    assert!(killed * 4 >= outcomes.len() * 3, "{killed} were killed");
    site.nothing_left(way.lease + 90).await;
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn container_survives_a_fault_at_every_call() {
    every_call(&CONTAINER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn distroless_survives_a_fault_at_every_call() {
    every_call(&DISTROLESS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn container_killed_at_every_call_leaves_nothing_after_the_lease() {
    killed_at_every_call(&CONTAINER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn distroless_killed_at_every_call_leaves_nothing_after_the_lease() {
    killed_at_every_call(&DISTROLESS).await;
}
