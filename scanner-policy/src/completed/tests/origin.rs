//! From where the evidence of each check came, and what a demand for completeness makes of it.

use scanner_core::{
    Verdict,
    finding::{CheckStatus, EvidenceFrom},
    inventory::{PasswordState, ShadowEntry},
};

use super::*;
use crate::{FindingRules, Profile};

const PROFILE: &str = r#"
name: origin
version: "1"
title: From where evidence comes
checks:
  - {id: keys, title: No key, severity: high, rationale: R, fix: F, scope: everything, scope_because: B,
     files: [{under: [/], name: [id]}], violations: 'files.map(f, f.path)'}
  - {id: rc, title: No rc, severity: high, rationale: R, fix: F, scope: everything, scope_because: B,
     files: [{under: [/root], name: [".netrc"]}], violations: 'files.map(f, f.path)'}
  - {id: passwd, title: Mode of passwd, severity: high, rationale: R, fix: F, scope: everything, scope_because: B,
     files: [{paths: [/etc/passwd]}], pass: 'files.all(f, f.mode == 420)'}
  - {id: home, title: Mode of root's home, severity: high, rationale: R, fix: F, scope: everything, scope_because: B,
     files: [{paths: [/root]}], pass: 'files.all(f, f.mode == 448)'}
  - {id: shadow, title: No hash, severity: high, rationale: R, fix: F, scope: everything, scope_because: B,
     violations: 'shadow.filter(s, s.password == "hashed").map(s, s.name)'}
  - {id: root, title: Read-only, severity: high, rationale: R, fix: F, scope: everything, scope_because: B,
     pass: 'pod.read_only_root_filesystem'}
"#;

fn found(fixed: bool, completes: bool) -> Findings {
    let profile = Profile::parse(PROFILE, "origin.yaml").expect("a profile");
    let read_only = PodFacts {
        read_only_root_filesystem: true,
        ..PodFacts::default()
    };
    let mut one = Inventory {
        shadow: Collected::Unavailable {
            reason: "/etc/shadow cannot be read by this user".into(),
        },
        pod: Collected::Complete { data: read_only },
        ..container(shown(), [shut("/root")])
    };
    if !fixed {
        one.mounts = Collected::Complete {
            data: vec![mount("/", "rw")],
        };
    }
    if !completes {
        return profile.evaluate(&one, &today());
    }
    let entry = ShadowEntry {
        name: "root".into(),
        password: PasswordState::Locked,
        ..ShadowEntry::default()
    };
    let mut files = image();
    files.retain(|file| file.path != "/root/.ssh/id");
    let read_from = Inventory {
        shadow: Collected::Complete { data: vec![entry] },
        ..whole(files)
    };
    let place = Arc::new(OnceLock::new());
    let asked = ScanEngine::request(&profile);
    place.set(read(&asked, &read_from)).expect("empty");
    let engine = Completed::new(Arc::new(profile), place);
    let streamed = run(&engine, &one);
    assert_eq!(streamed, engine.evaluate(&one, &today()));
    streamed
}

fn of<'a>(found: &'a Findings, id: &str) -> &'a CheckResult {
    let mut results = found.results.iter();
    results.find(|result| result.id == id).expect("a result")
}

#[test]
fn every_check_says_from_where_its_evidence_came() {
    for fixed in [true, false] {
        let found = found(fixed, true);
        for (id, from) in [
            ("keys", EvidenceFrom::Both),
            ("rc", EvidenceFrom::Both),
            ("passwd", EvidenceFrom::Container),
            ("home", EvidenceFrom::Container),
            ("shadow", EvidenceFrom::Image),
            ("root", EvidenceFrom::Specification),
        ] {
            let result = of(&found, id);
            assert_eq!(result.status, CheckStatus::Pass, "{id}: {result:?}");
            assert_eq!(result.evidence_from, Some(from), "{id}");
            let by_image = matches!(from, EvidenceFrom::Both | EvidenceFrom::Image);
            assert_eq!(result.read_from_image, u64::from(by_image), "{id}");
            assert_eq!(result.may_have_changed, by_image && !fixed, "{id}");
            assert_eq!(result.limits.is_empty(), !result.may_have_changed, "{id}");
        }
    }
}

#[test]
fn a_demand_for_completeness_accepts_the_image_only_where_the_container_cannot_have_changed() {
    let rules = FindingRules::default().with_complete(true);
    let verdict = |fixed, completes| {
        let found = rules.apply(found(fixed, completes), jiff::civil::date(2026, 1, 31));
        let verdict = Verdict::of(std::slice::from_ref(&found), Severity::Low);
        (verdict, found)
    };
    assert_eq!(verdict(true, true).0, Verdict::Passed);
    let (changed, found) = verdict(false, true);
    assert_eq!(changed, Verdict::Incomplete);
    let keys = of(&found, "keys");
    let words = "the owner's rights could have changed it since: /root: not searchable";
    assert!(keys.message.contains(words), "{}", keys.message);
    assert_eq!(of(&found, "passwd").status, CheckStatus::Pass);
    assert_eq!(verdict(true, false).0, Verdict::Incomplete);
}

#[test]
fn a_scan_that_is_not_completed_says_nothing_of_it() {
    let found = found(true, false);
    let silent = |result: &CheckResult| result.evidence_from.is_none();
    assert!(found.results.iter().all(silent));
}

#[test]
fn results_of_an_engine_that_does_not_know_the_image_may_all_rest_on_it() {
    let one = container(shown(), [shut("/root")]);
    for (read_from, from) in [
        (image(), EvidenceFrom::Both),
        (vec![directory("/", 0o755)], EvidenceFrom::Container),
    ] {
        let place = Arc::new(OnceLock::new());
        let read = read(&everything(), &whole(read_from));
        place.set(read).expect("empty");
        let keeper = Keeper {
            request: everything(),
            ..Keeper::default()
        };
        let found = run(&Completed::new(Arc::new(keeper), place), &one);
        assert_eq!(found.results[0].evidence_from, Some(from));
        assert!(!found.results[0].may_have_changed);
    }
}
