//! Targets that an intruder prepared: a scan of one ends in time, in bounded memory, and never as a
//! pass. Each target is the same image; what its first process does to it differs.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use scanner_tests::{TestNamespace, eventually, lab_only, program::ProgramOutput, shell::run_in};
use serde_json::json;

/// Replaces the shell; `exec /bin/busybox` still has every tool.
const SHELL: &str = "cat > /tmp/sh && chmod 755 /tmp/sh && mv /tmp/sh /bin/sh";

/// Name, and what stands in the new `/bin/sh`.
const SHELLS: [(&str, &str); 23] = [
    ("endless-output", "exec /bin/busybox yes @frame"),
    (
        "endless-line",
        "while :; do /bin/busybox printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
    ),
    ("endless-zeros", "exec /bin/busybox cat /dev/zero"),
    ("endless-complaints", "exec /bin/busybox yes complaint >&2"),
    ("says-nothing", "exit 0"),
    (
        "garbage",
        "/bin/busybox head -c 100000 /dev/urandom; exit 0",
    ),
    ("never-answers", "exec /bin/busybox sleep 600"),
    ("never-reads", "exec /bin/busybox sleep 600 <&- >/dev/null"),
    ("closes-output", "exec >&-; exec /bin/busybox sleep 600"),
    (
        "half-a-frame",
        "/bin/busybox cat >/dev/null; echo '@frame 1 100 1'; echo @begin; exit 0",
    ),
    (
        "only-a-trailer",
        "/bin/busybox cat >/dev/null; echo '@end 0 0'; exit 0",
    ),
    (
        "escape-codes",
        "/bin/busybox printf '\\033]0;owned\\007\\033[2Jpassed' >&2; exit 1",
    ),
    ("dies", "kill -9 $$"),
    (
        "no-nonce",
        "/bin/busybox cat >/dev/null; for i in 1 2 3; do echo \"@frame $i 4 0\"; echo abcd; done; echo '@end 3 0'",
    ),
    (
        "cut-off",
        "/bin/busybox sh -s | /bin/busybox head -c 2000; exit 0",
    ),
    (
        "answers-twice",
        "/bin/busybox cat > /tmp/s; /bin/busybox sh -s < /tmp/s; /bin/busybox sh -s < /tmp/s; exit 0",
    ),
    (
        "endless-header",
        "/bin/busybox cat >/dev/null; printf '@frame '; /bin/busybox head -c 9000000 /dev/zero | /bin/busybox tr '\\0' x; exit 0",
    ),
    (
        "huge-frame",
        "read -r n; n=${n#nonce=?}; /bin/busybox cat >/dev/null; echo \"@frame ${n%?} 0 99999999999999999999 1\"; exit 0",
    ),
    (
        "refuses-with-escapes",
        "read -r n; n=${n#nonce=?}; /bin/busybox cat >/dev/null; printf '@fail %s \\033]0;owned\\007 passed\\n' \"${n%?}\"; exit 0",
    ),
    (
        "leaves-sections-out",
        "/bin/busybox sed 's/for section in $sections/for section in os/' | /bin/busybox sh -s; exit 0",
    ),
    (
        "only-empty-sections",
        "/bin/busybox sed 's/^    \"section_$section\"/    echo \\!ok/' | /bin/busybox sh -s; exit 0",
    ),
    (
        "ends-a-section-early",
        "/bin/busybox sed 's/^    \"section_$section\"/    echo x/' | /bin/busybox sh -s; exit 0",
    ),
    (
        "changed-byte",
        "/bin/busybox sh -s | /bin/busybox sed 's/root/toor/'; exit 0",
    ),
];

/// Name, and the change to a target that keeps its shell: tools that lie or stall.
const TOOLS: [(&str, &str); 6] = [
    (
        "find-is-silent",
        "printf '#!/bin/busybox sh\\nexit 0\\n' > /tmp/find; chmod 755 /tmp/find; mv /tmp/find /bin/find; mv /tmp/find /usr/bin/find",
    ),
    (
        "cksum-lies",
        "printf '#!/bin/busybox sh\\necho 1 1\\n' > /tmp/c; chmod 755 /tmp/c; for d in /bin /usr/bin; do cp /tmp/c $d/cksum; done",
    ),
    (
        "cat-stalls",
        "printf '#!/bin/busybox sh\\nexec /bin/busybox sleep 600\\n' > /tmp/c; chmod 755 /tmp/c; for d in /bin /usr/bin; do cp /tmp/c $d/cat; cp /tmp/c $d/dd; cp /tmp/c $d/find; done",
    ),
    (
        "hostile-names",
        "mkdir -p '/etc/\u{1b}[2J' && printf x > \"$(printf '/etc/a\\nb\\033]0;owned\\007')\"; chmod 777 /etc/*",
    ),
    (
        "endless-passwd",
        "/bin/busybox yes 'x:x:0:0:x:/:/bin/sh' | /bin/busybox head -c 30000000 > /etc/passwd",
    ),
    (
        "many-processes",
        "i=0; while [ $i -lt 150 ]; do /bin/busybox sleep 3600 & i=$((i+1)); done",
    ),
];

/// Largest memory of a scan of a hostile target, in KiB: an answer is read to 16 MiB, and parsed.
const MEMORY: i64 = 512 * 1024;

pub(crate) async fn pod(site: &TestNamespace, name: &str, prepare: &str) {
    let script = format!("{prepare}\n: > /ready\nexec /bin/busybox sleep 36000");
    prepared(
        site,
        name,
        "lab.local/busybox:1",
        &["/bin/busybox", "sh", "-c", &script],
    )
    .await;
}

/// A pod whose first process runs `command`, once that made a file `/ready`.
pub(crate) async fn prepared(site: &TestNamespace, name: &str, image: &str, command: &[&str]) {
    let more = json!({"containers": [{
        "name": "web", "image": image, "imagePullPolicy": "IfNotPresent", "command": command,
        "securityContext": {"runAsUser": 0},
        // Once it has succeeded, it does not run again, so that no scan sees its process.
        "startupProbe": {
            "exec": {"command": ["/bin/ls", "/ready"]}, "periodSeconds": 1, "timeoutSeconds": 20,
            "failureThreshold": 90,
        },
    }]});
    site.pod_like(name, "", "Running", &more, &json!({})).await;
    // What its first process does to it is done.
    eventually(name, async || {
        let now = site.api::<Pod>().get(name).await.expect("get pod");
        let conditions = now.status?.conditions?;
        let mut ready = conditions.iter().filter(|c| c.type_ == "Ready");
        ready.any(|c| c.status == "True").then_some(())
    })
    .await;
}

/// The highest memory that a process reached, in KiB.
async fn peak(pid: u32) -> i64 {
    let mut peak = 0;
    while let Ok(text) = tokio::fs::read_to_string(format!("/proc/{pid}/status")).await {
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let Some(value) = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()) else {
            break;
        };
        peak = value;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    peak
}

/// Scans one, and returns what is wrong with its end.
#[expect(clippy::print_stderr, reason = "shown when the test fails")]
async fn problem(site: &TestNamespace, name: &str, codes: &[i32]) -> Option<String> {
    let started = Instant::now();
    let child = site.start(&[name, "--lease", "30", "-o", "json"]);
    let watch = tokio::spawn(peak(child.id().expect("it runs")));
    let output: ProgramOutput = child.wait_with_output().await.expect("it ends").into();
    let (took, memory) = (started.elapsed().as_secs(), watch.await.expect("memory"));
    let text = format!("{}{}", output.out, output.err);
    eprintln!("{name}: code {}: {text}", output.code);
    let report: serde_json::Value = serde_json::from_str(&output.out).unwrap_or_default();
    let wrong = if output.code == 0 || report["verdict"] == "passed" {
        "a pass"
    } else if !codes.contains(&output.code) {
        "another exit code"
    } else if took > 300 {
        "it took too long"
    } else if memory == 0 || memory > MEMORY {
        "too much memory"
    } else if text.contains('\u{1b}') || text.contains('\u{7}') {
        "control characters"
    } else {
        return None;
    };
    let mut shown = text;
    shown.truncate(shown.floor_char_boundary(1500));
    Some(format!(
        "{name}: {wrong}: code {}, {took} s, {memory} KiB: {shown}",
        output.code
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hostile_target_passes_or_stalls_a_scan() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("hostile").await;
    let site_ref = &site;
    // Without the target's shell nothing is known of it; with lying tools checks may still fail.
    let shells = SHELLS.map(|(name, text)| {
        let prepare = format!("{SHELL} <<'EOF'\n#!/bin/busybox sh\n{text}\nEOF");
        (name, prepare, &[3][..])
    });
    let tools = TOOLS.map(|(name, text)| (name, text.to_owned(), &[1, 3][..]));
    let runs = shells
        .into_iter()
        .chain(tools)
        .map(|(name, prepare, codes)| async move {
            pod(site_ref, name, &prepare).await;
            problem(site_ref, name, codes).await
        });
    let wrong: Vec<String> = stream::iter(runs)
        .buffer_unordered(16)
        .filter_map(|p| async { p })
        .collect()
        .await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_ends_or_is_deleted_while_it_is_read_never_passes() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("vanish").await;
    let stall = format!("{SHELL} <<'EOF'\n#!/bin/busybox sh\nexec /bin/busybox sleep 600\nEOF");
    let ends =
        stall.clone() + "\n: > /ready; until [ -e /go ]; do /bin/busybox sleep 1; done; exit 0";
    pod(&site, "ends", &ends).await;
    pod(&site, "deleted", &stall).await;
    let ending = site.target("ends").await;
    let (jobs, pods) = (site.api::<Job>(), site.api::<Pod>());
    // On a busy node one scan may end before the other has begun.
    let mut was_seen = false;
    for _ in 0..5 {
        let scans = async {
            tokio::join!(
                problem(&site, "ends", &[3]),
                problem(&site, "deleted", &[3])
            )
        };
        let begun = eventually("the leases of both scans", async || {
            let all = jobs.list(&kube::api::ListParams::default()).await;
            (all.expect("jobs").items.len() == 2).then_some(())
        });
        tokio::pin!(scans);
        let ended = tokio::select! {
            ended = &mut scans => Some(ended),
            () = begun => None,
        };
        if let Some(ended) = ended {
            assert_eq!(ended, (None, None));
            continue;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let now = kube::api::DeleteParams::default().grace_period(0);
        pods.delete("deleted", &now).await.unwrap();
        let go = ["/bin/busybox", "touch", "/go"];
        // The container may end before this command has answered.
        let _ = run_in(&site.client, &ending, &go, b"").await;
        assert_eq!(scans.await, (None, None));
        assert_eq!(site.leftovers().await, Vec::<String>::new());
        was_seen = true;
        break;
    }
    assert!(was_seen, "the scans never ran at one time");
    site.remove().await;
}
