//! `audit verify` and `audit reconcile` on files: what fits together, what was changed, and what is not a log.

use std::{fs, path::Path, process::Command};

use secure_scan::{
    ScanReport, Verdict,
    audit::{Answer, AuditLog, Call, Entry, Identity},
};
use serde_json::{Value, json};
use tempfile::TempDir;

const ACCOUNT: &str = "system:serviceaccount:shop:secure-scan-abcd1234";
const JTI: &str = "JTI=11111111-2222-3333-4444-555555555555";
const USED: &str = "authentication.kubernetes.io/credential-id";

/// A scan that made one call, as its log and its report, and the server's log of it.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().expect("a folder"));
        let plan = json!({
            "scan_id": "abcd1234",
            "target": {
                "namespace": "shop", "pod": "web", "pod_uid": "u", "container": "app", "container_id": "containerd://c",
                "image": "i", "image_id": "d", "node": "n", "restarts": 0,
            },
            "strategy": "container", "profile": "baseline 1", "lease_seconds": 60, "objects": [], "rules": [],
            "commands": [], "gates": [], "controls": [],
        });
        let plan = serde_json::from_value(plan).expect("a plan");
        let mut report = ScanReport::new(plan, Verdict::Passed);
        let log = AuditLog::new();
        log.record(Entry::Planned {
            scan: "abcd1234".parse().expect("an id"),
            target: report.plan.target.to_string(),
            account: ACCOUNT.into(),
            plan: String::new(),
        });
        log.record(Entry::Token {
            account: ACCOUNT.into(),
            credential: JTI.into(),
        });
        log.record(Entry::Call(Call {
            id: "a".into(),
            identity: Identity::Scan,
            verb: "get".into(),
            resource: "pods/exec".into(),
            namespace: Some("shop".into()),
            name: Some("web".into()),
            uri: "/exec".into(),
            payload: None,
        }));
        log.record(Entry::Answer(Answer {
            id: "a".into(),
            status: Some(101),
            echoed: true,
            error: None,
        }));
        log.bind(&mut report);
        log.close().expect("it is closed");
        files.put("log", &log.text());
        files.put(
            "report",
            &serde_json::to_string_pretty(&report).expect("JSON"),
        );
        files.put("key", &log.public_key().expect("a key").to_pem());
        files.put("server", &format!("{}\n", event("a")));
        files
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("it is written");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).expect("it is there")
    }

    /// Exit code, and all that was printed.
    fn audit(&self, args: &[&str]) -> (i32, String) {
        audit(self.0.path(), args)
    }
}

fn audit(dir: &Path, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secure-scan"));
    let output = command
        .current_dir(dir)
        .arg("audit")
        .args(args)
        .output()
        .expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().expect("a code"),
        String::from_utf8(text).expect("text"),
    )
}

fn event(id: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": id, "stage": "ResponseComplete", "verb": "get",
        "requestURI": "/exec", "user": {"username": ACCOUNT, "extra": {USED: [JTI]}},
        "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web"},
        "responseStatus": {"code": 101}, "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
    })
}

#[test]
fn what_fits_together_is_verified_and_what_is_left_open_is_said() {
    let files = Files::new();
    let (who, of_this) = ("who closed the log", "that a report belongs to this log");
    for (more, said, not_said) in [
        (&[][..], &[who, of_this][..], &["of this report: "][..]),
        (
            &["--key", "key"],
            &[of_this, "the one that was given"],
            &[who],
        ),
        (
            &["--report", "report"],
            &["of this report: verdict passed", "who made the report"],
            &[who, of_this],
        ),
        (
            &["--report", "report", "--key", "key"],
            &["target shop/web/app"],
            &["not verified"],
        ),
    ] {
        let (code, text) = files.audit(&[&["verify", "log"], more].concat());
        assert_eq!(code, 0, "{more:?}: {text}");
        assert!(
            said.iter().all(|words| text.contains(words)),
            "{more:?}: {text}"
        );
        assert!(
            !not_said.iter().any(|words| text.contains(words)),
            "{more:?}: {text}"
        );
        let reconcile = [&["reconcile", "log", "--apiserver-log", "server"], more].concat();
        let (code, text) = files.audit(&reconcile);
        assert_eq!(code, 0, "{more:?}: {text}");
        assert!(text.starts_with("1 calls are in both logs"), "{text}");
        assert_eq!(text.contains(who), more.is_empty(), "{more:?}: {text}");
    }
}

#[test]
fn a_report_or_a_log_that_was_changed_or_replaced_is_refused() {
    let files = Files::new();
    let report = files.text("report");
    for (from, to, code, words) in [
        (
            "\"verdict\": \"passed\"",
            "\"verdict\": \"findings\"",
            1,
            "another verdict, content",
        ),
        (
            "\"profile\": \"baseline 1\"",
            "\"profile\": \"all 2\"",
            1,
            "another plan, profile, content",
        ),
        (
            "\"container\": \"app\"",
            "\"container\": \"db\"",
            1,
            "another target, plan, content",
        ),
        (
            "\"trust\": \"\"",
            "\"trust\": \"all\"",
            1,
            "another content",
        ),
        (
            "\"seconds\": 0.0",
            "\"seconds\": 0.0, \"seconds\": 0.0",
            2,
            "a name twice",
        ),
        ("report/v2", "plan/v2", 2, "another schema"),
    ] {
        assert!(report.contains(from), "{from}");
        files.put("changed", &report.replacen(from, to, 1));
        for args in [
            &["verify", "log"][..],
            &["reconcile", "log", "--apiserver-log", "server"],
        ] {
            let (got, text) = files.audit(&[args, &["--report", "changed"]].concat());
            assert_eq!(got, code, "{words}: {text}");
            assert!(text.contains(words), "{words}: {text}");
        }
    }
    let other = Files::new();
    files.put("other", &other.text("log"));
    let (code, text) = files.audit(&["verify", "other", "--report", "report"]);
    assert!(code == 1 && text.contains("of another log"), "{text}");
    let (code, text) = files.audit(&["verify", "other", "--key", "key"]);
    assert!(
        code == 1 && text.contains("not with the key that was given"),
        "{text}"
    );
}

#[test]
fn what_is_not_a_log_is_refused() {
    let files = Files::new();
    files.put("text", "root:x:0:0::/:/bin/sh\n");
    files.put("json", "{\"kind\": \"EventList\", \"items\": []}\n");
    for name in ["text", "json", "report", "server", "key"] {
        for args in [
            &["verify", name][..],
            &["reconcile", name, "--apiserver-log", "server"],
        ] {
            let (code, text) = files.audit(args);
            assert_eq!(code, 2, "{args:?}: {text}");
            assert!(
                text.contains("not an audit log of secure-scan"),
                "{args:?}: {text}"
            );
        }
    }
    for name in ["text", "json", "report", "log", "key"] {
        let (code, text) = files.audit(&["reconcile", "log", "--apiserver-log", name]);
        assert_eq!(code, 2, "{name}: {text}");
        assert!(
            text.contains("not an audit log of an API server"),
            "{name}: {text}"
        );
    }
    // One file of several, too.
    let both = [
        "reconcile",
        "log",
        "--apiserver-log",
        "server",
        "--apiserver-log",
        "text",
    ];
    assert_eq!(files.audit(&both).0, 2);
    // A server's log that is empty is a log that has nothing of the scan.
    files.put("empty", "");
    let (code, text) = files.audit(&["reconcile", "log", "--apiserver-log", "empty"]);
    assert_eq!(code, 3, "{text}");
    let planned = AuditLog::new();
    planned.record(Entry::Done {
        what: "nothing".into(),
    });
    planned.close().expect("it is closed");
    files.put("planned", &planned.text());
    let (code, text) = files.audit(&["reconcile", "planned", "--apiserver-log", "server"]);
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains("no scan in the audit log made a call"),
        "{text}"
    );
}

#[test]
fn an_alarm_has_an_exit_code_and_words_of_its_own() {
    let files = Files::new();
    let mut legacy = event("x");
    legacy["user"]["extra"] = json!({});
    let mut other = event("y");
    other["user"]["extra"] = json!({USED: ["JTI=other"]});
    for (stranger, words) in [
        (
            event("z"),
            "with the scan's token that the scan did not make",
        ),
        (
            legacy,
            "with a token without an id, such as one from a Secret",
        ),
        (other, "with another token than the scan's"),
    ] {
        files.put("server", &format!("{}\n{stranger}\n", event("a")));
        let (code, text) = files.audit(&[
            "reconcile",
            "log",
            "--apiserver-log",
            "server",
            "--report",
            "report",
        ]);
        assert_eq!(code, 4, "{text}");
        assert!(
            text.contains("1 ALARMS") && text.contains(words),
            "{words}: {text}"
        );
    }
}
