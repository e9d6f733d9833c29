//! Targets whose tools lie: what the kernel or the shell itself can say is not taken from a tool, and a
//! tool that does not do what it must makes its section unknown, never empty.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, future::join_all, stream};
use scanner_tests::{TestNamespace, lab_only, program::ProgramOutput};
use serde_json::Value;

use super::hostile::{pod, prepared};

/// Puts a script in the place of tools of Debian; the real ones stay as `real-NAME`.
fn replace(names: &str, script: &str) -> String {
    format!(
        "for t in {names}; do [ -e /usr/bin/$t ] && cp /usr/bin/$t /usr/bin/real-$t\n\
         printf '%s\\n' '#!/bin/sh' '{script}' > /usr/bin/lying-tool; chmod 755 /usr/bin/lying-tool\n\
         mv /usr/bin/lying-tool /usr/bin/$t; done"
    )
}

/// A pod with real tools beside a shell that has none built in.
async fn debian(site: &TestNamespace, name: &str, prepare: &str) {
    let script = format!("{prepare}\n: > /ready\nwhile :; do read -r x < /fifo; done");
    let script = format!("tail -f /dev/null &\nmkfifo /fifo\n{script}");
    prepared(
        site,
        name,
        "lab.local/debian:1",
        &["/bin/sh", "-c", &script],
    )
    .await;
}

/// Ids of checks with that outcome.
fn checks(output: &ProgramOutput, outcome: &str) -> BTreeSet<String> {
    let report: Value = serde_json::from_str(&output.out).unwrap_or_default();
    let all = report["findings"][0]["results"].as_array();
    let all = all.unwrap_or_else(|| unreachable!("{output:?}"));
    let found = all.iter().filter(|f| f["status"] == outcome);
    found
        .map(|f| f["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Copies a script, whose input stays open after it.
const ASKED: &str = "while IFS= read -r l; do printf '%s\\n' \"$l\"; \
                     case $l in '# The script ends here.') break ;; esac; done";

/// Name, the change to a tool, the section that needs it, and the message about that section.
fn lies() -> [(&'static str, String, &'static str, &'static str); 6] {
    [
        (
            "find",
            replace("find", "exit 0"),
            "files",
            "find does not do what it must",
        ),
        (
            "stat",
            replace("stat", "echo 81a4 0 0 1 $4"),
            "files",
            "stat does not do what it must",
        ),
        (
            "grep",
            replace("grep", "exit 0"),
            "processes",
            "grep does not do what it must",
        ),
        (
            "hides",
            replace(
                "grep",
                "[ $# -le 4 ] || only=^/proc/1/; real-grep \"$@\" | real-grep -e \"$only\"",
            ),
            "processes",
            "it is in /proc and was left out",
        ),
        (
            "wc",
            replace("wc", "echo 0"),
            "files",
            "wc does not do what it must",
        ),
        (
            "tr",
            replace("tr", "exec cat"),
            "env",
            "tr does not do what it must",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_of_tools_that_are_not_used_change_nothing_and_other_lies_are_reported() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("lying").await;
    // Lies about what the collector does not take from a tool, and clocks that are wrong.
    let harmless = [
        (
            "id",
            replace("id whoami groups", r#"echo "uid=1000(app) gid=1000(app)""#),
        ),
        ("ps", replace("ps pgrep pidof top", "exit 0")),
        ("net", replace("netstat ss ip ifconfig", "exit 0")),
        (
            "mount",
            replace("mount df findmnt env uname hostname", "exit 0"),
        ),
        ("cat", replace("cat", "exit 0")),
        (
            "date",
            replace("date hwclock", r#"echo "Thu Jan  1 00:00:00 UTC 1970""#),
        ),
        (
            "future",
            "touch -d '2099-01-01 00:00:00' /etc/passwd /etc/group /usr/bin/find /tmp".to_owned(),
        ),
        (
            "past",
            "touch -d '1970-01-01 00:00:00' /etc/passwd /etc/group /usr/bin/find /tmp".to_owned(),
        ),
        ("kill", replace("kill killall timeout sleep", "exit 0")),
    ];
    let lies = lies();
    let scan = async |name: &str, prepare: &str| {
        debian(&site, name, prepare).await;
        site.run(&[name, "-o", "json"]).await
    };
    let honest = scan("honest", "true").await;
    let (failed, unknown) = (checks(&honest, "fail"), checks(&honest, "error"));
    assert!(honest.code == 1 && !failed.is_empty(), "{honest:?}");
    let one = stream::iter(harmless.iter().map(async |(name, prepare)| {
        let output = scan(name, prepare).await;
        let same = checks(&output, "fail") == failed && checks(&output, "error") == unknown;
        (!same).then(|| {
            format!(
                "{name}: {:?} {:?}",
                checks(&output, "fail"),
                checks(&output, "error")
            )
        })
    }));
    let two = stream::iter(lies.iter().map(async |(name, prepare, section, expected)| {
        let name = format!("lies-{name}");
        let output = scan(&name, prepare).await;
        let report: Value = serde_json::from_str(&output.out).unwrap_or_default();
        let coverage = &report["coverage"][section];
        let text = coverage.to_string();
        let right = output.code != 0 && coverage["state"] != "complete" && text.contains(expected);
        (!right).then(|| format!("{name}: code {}: {text}: {}", output.code, output.err))
    }));
    let (one, two) = (one.buffer_unordered(2), two.buffer_unordered(2));
    let (one, two): (Vec<_>, Vec<_>) = tokio::join!(one.collect(), two.collect());
    let wrong: Vec<String> = one.into_iter().chain(two).flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(
        honest.out.contains("an intruder in it can lie"),
        "how far it can be trusted"
    );
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_answer_is_refused_and_a_new_shell_is_reported() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("replay").await;
    // Records the first answer; `swap` gives it the nonce of the scan that asks.
    let recorder = |swap: &str| {
        format!(
            "mkdir -p /rec; cat > /tmp/sh <<'EOF'\n#!/bin/busybox sh\n\
             case $1 in -s) ;; *) exec /bin/busybox sh \"$@\" ;; esac\n\
             if [ -e /rec/answer ]; then read -r n; n=${{n#nonce=?}}; n=${{n%?}}\n\
             {ASKED} >/dev/null; {swap}; exit 0; fi\n\
             {ASKED} | /bin/busybox tee /rec/asked | /bin/busybox sh -s > /rec/new; /bin/busybox cat /rec/new\n\
             mv /rec/new /rec/answer; exit 0\nEOF\nchmod 755 /tmp/sh; mv /tmp/sh /bin/sh"
        )
    };
    let as_it_was = recorder("/bin/busybox cat /rec/answer");
    let swapped = recorder(
        "o=$(/bin/busybox sed -n \"s/^nonce='\\(.*\\)'/\\1/p\" /rec/asked); \
         /bin/busybox sed \"s/$o/$n/g\" /rec/answer",
    );
    let cases = [
        ("replays", as_it_was.as_str(), "not the answer of an agent"),
        ("swaps", swapped.as_str(), "checksum"),
    ];
    let replays = join_all(cases.iter().map(async |(name, prepare, expected)| {
        pod(&site, name, prepare).await;
        let first = site.run(&[name, "-o", "json"]).await;
        assert_eq!(first.code, 1, "{name}: an honest answer: {first:?}");
        let second = site.run(&[name, "-o", "json"]).await;
        assert_eq!(second.code, 3, "{name}: {second:?}");
        assert!(second.out.contains(expected), "{name}: {second:?}");
    }));
    // The same shell by another inode, again and again.
    let moving = async {
        let swap =
            "cp /bin/busybox /tmp/a; (while :; do cp /tmp/a /tmp/b; mv /tmp/b /bin/sh; done) &";
        pod(&site, "moving", swap).await;
        let output = site.run(&["moving", "-o", "json"]).await;
        assert!([1, 3].contains(&output.code), "{output:?}");
        if output.code == 1 {
            assert!(output.out.contains("file /bin/sh changed"), "{output:?}");
        }
    };
    tokio::join!(replays, moving);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
