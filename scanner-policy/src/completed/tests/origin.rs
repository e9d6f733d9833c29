//! Where the evidence of each check came from, and what a demand for completeness makes of it.

use scanner_core::{
    Verdict,
    finding::{CheckStatus, EvidenceFrom},
    inventory::{PasswordState, ShadowEntry},
};

use super::*;
use crate::{FindingRules, Profile, WithPolicy};

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

/// What such an engine finds where nothing but the image is looked at.
fn of_image_alone(engine: impl ScanEngine + 'static) -> Findings {
    let place = Arc::new(OnceLock::new());
    let asked = engine.request();
    place.set(read(&asked, &whole(image()))).expect("empty");
    let engine = Completed::new(Arc::new(engine), place);
    let read_only = PodFacts {
        read_only_root_filesystem: true,
        ..PodFacts::default()
    };
    let mut files = image();
    files.retain(|file| file.path != "/root/.ssh/id");
    let entry = ShadowEntry::default();
    let one = Inventory {
        shadow: Collected::Complete { data: vec![entry] },
        pod: Collected::Complete { data: read_only },
        ..whole(files)
    };
    let context = today().without(&Section::OF_PROCESSES);
    let found = run_in(&engine, &one, &context);
    assert_eq!(found, engine.evaluate(&one, &context));
    assert!(engine.take().expect("a completion").from_image.is_empty());
    found
}

#[test]
fn where_the_image_alone_was_looked_at_nothing_is_evidence_of_the_container() {
    let profile = Profile::parse(PROFILE, "origin.yaml").expect("a profile");
    let found = of_image_alone(profile.clone());
    for id in ["keys", "rc", "passwd", "home", "shadow"] {
        let result = of(&found, id);
        assert_eq!(result.status, CheckStatus::Pass, "{id}: {result:?}");
        assert_eq!(result.evidence_from, Some(EvidenceFrom::Image), "{id}");
        assert!(result.may_have_changed, "{id}");
        let limits = result.limits.last().expect("a limit");
        assert!(limits.contains("the container was not read"), "{id}");
    }
    let root = of(&found, "root");
    assert_eq!(root.evidence_from, Some(EvidenceFrom::Specification));
    assert!(!root.may_have_changed);
    // Whether the rules are within or around it.
    let rules = FindingRules::default().with_complete(true);
    let date = jiff::civil::date(2026, 1, 31);
    for found in [
        rules.apply(found, date),
        of_image_alone(WithPolicy::new(profile, rules.clone())),
    ] {
        let keys = of(&found, "keys");
        assert_eq!(keys.status, CheckStatus::Error);
        assert!(
            keys.message.ends_with("it may have been changed since"),
            "{}",
            keys.message
        );
        let verdict = Verdict::of(std::slice::from_ref(&found), Severity::Low);
        assert_eq!(verdict, Verdict::Incomplete);
    }
}

/// An engine that says of one result from where its evidence came, and of the other not.
struct Half;

impl ScanEngine for Half {
    fn reference(&self) -> EngineRef {
        EngineRef::new("half", "1")
    }

    fn request(&self) -> InventoryRequest {
        everything()
    }

    fn evaluate(&self, _: &Inventory, _: &Evaluation) -> Findings {
        let check = |id: &str| CheckResult::new(id, "It is so", Severity::Low).pass();
        let mut said = check("said");
        said.evidence_from = Some(EvidenceFrom::Specification);
        Findings::new(self.reference(), vec![said, check("not-said")])
    }
}

#[test]
fn each_result_that_does_not_say_from_where_its_evidence_came_may_rest_on_the_image() {
    let mut one = container(shown(), [shut("/root")]);
    one.pod = Collected::NotRequested;
    let place = Arc::new(OnceLock::new());
    place
        .set(read(&everything(), &whole(image())))
        .expect("empty");
    let found = run(&Completed::new(Arc::new(Half), place), &one);
    let said = of(&found, "said");
    assert_eq!(said.evidence_from, Some(EvidenceFrom::Specification));
    assert!(!said.may_have_changed && said.limits.is_empty());
    assert_eq!(
        of(&found, "not-said").evidence_from,
        Some(EvidenceFrom::Both)
    );
    assert!(of(&found, "not-said").may_have_changed);
    let rules = FindingRules::default().with_complete(true);
    let found = rules.apply(found, jiff::civil::date(2026, 1, 31));
    let message = &of(&found, "not-said").message;
    assert!(
        message.ends_with("could have changed it since: /root: not searchable"),
        "{message}"
    );
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
