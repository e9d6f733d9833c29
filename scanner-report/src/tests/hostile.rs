//! Hostile text in every form: it stays text, and the form around it is the one of harmless text.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;

use super::{prelude::*, sample};
use scanner_core::{
    escape::is_hazardous,
    report::{KnownBy, OperatorName, Origin},
};

/// What a target may put into a name, a path or a message.
const CORPUS: [&str; 33] = [
    "\x1b[2J\x1b]0;title\x07\x1b[31m",
    "\u{9b}2J \u{7f}\u{0}\u{8}",
    "line\r\nline\nline\u{2028}line",
    "\u{202e}txt.exe \u{2066}x\u{2069}",
    "a\u{200b}b\u{200d}c\u{feff}d\u{ad}e\u{e0041}",
    "\u{fffe}\u{ffff}\u{fdd0}",
    "\u{fffd} was not UTF-8",
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "<!-- --><![CDATA[ ]]> ]]>",
    "&lt;b&gt; &amp; &#x3c;",
    "[a](javascript:alert(1)) ![i](https://example.org/i.png)",
    "<https://example.org> https://example.org www.example.org a@example.org",
    "@someone #1 someone/project#2",
    "``` ` `` *bold* _it_ ~~s~~ | cell | \\| \\",
    "`<img src=x onerror=alert(1)>`",
    "# heading\n- item\n\n| a | b |\n| --- | --- |",
    "=cmd|'/c calc'!A1",
    "+1+1 -1 @SUM(1)",
    "{\"a\": 1}, \"b\": [",
    "%00%0a ${jndi:ldap://x} {{7*7}} {% raw %}",
    "--- !!python/object:os.system",
    "../../etc/passwd?x=y#z pkg:deb/../x",
    "##vso[task.setvariable variable=a]b ##[error]x ##teamcity[x]",
    "::error file=a::b ::add-mask::c",
    "x\n::stop-commands::y\n ::warning::z",
    "\u{115f}\u{3164}\u{ffa0}\u{fe0f}\u{34f}\u{17b5}\u{2800}",
    "\u{a0}\u{2003}\u{3000}\u{e000}\u{10fffd}\u{e0100}\u{fff8}",
    "\\[a](https://example.org) {0} \\\\[b] {12}",
    "\u{1fffe}\u{2ffff}\u{10ffff}\u{85}\u{9f}",
];

/// Whether the agent of a CI server would execute the line as a command.
fn obeyed(line: &str) -> bool {
    let anywhere = ["##vso[", "##[", "##teamcity["];
    let line = line.trim_start();
    anywhere.iter().any(|command| line.contains(command))
        || line
            .strip_prefix("::")
            .is_some_and(|rest| rest.contains("::"))
}

/// `Char` of XML 1.0, section 2.2.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn rendered(text: &str, format: Format, local: bool) -> String {
    let document = if local {
        let scan = sample(text);
        let mut local = LocalReport::new(format!("directory {text}"), Verdict::Findings);
        local.tool_version = text.into();
        local.profile = text.into();
        local.trust = text.into();
        local.findings = scan.findings;
        local.coverage = scan.coverage;
        local.started = Some(text.into());
        local.image_digest = Some(format!("sha256:{}", "a".repeat(64)));
        local.packages = scan.packages;
        Document::from(local)
    } else {
        let mut scan = sample(text);
        scan.plan.target.image = text.into();
        scan.plan.target.image_id = format!("{text}@sha256:{}", "a".repeat(64));
        scan.plan.target.pod_uid = text.into();
        scan.plan.profile = text.into();
        scan.plan.reason = Some(text.into());
        scan.trust = text.into();
        let operator = OperatorName::new(text, KnownBy::Kubeconfig);
        let origin = Origin::new(text, &[text]).with_operator(operator);
        let mut origin = origin.with_version(text).with_unanswered(text);
        origin.ca_sha256.push(text.into());
        scan.origin = Some(origin);
        scan.plan.differences = vec![text.into()];
        scan.controls[0].id = text.into();
        scan.controls[0].title = text.into();
        scan.controls[0].planned = vec![text.into()];
        scan.gates = vec![GateResult::new(
            text,
            scanner_core::gate::GateDecision::Abort {
                reason: text.into(),
            },
        )];
        let id = text.into();
        scan.alerts = vec![SecurityAlert::new(text, text).evidence(text)];
        scan.failure = Some(
            Failure::new(Stage::Collect, FailureKind::ControlNotHeld { id }, text)
                .with_remedy(scanner_core::Remedy::advice(text)),
        );
        for result in &mut scan.findings[0].results {
            result.id = text.into();
            result.title = text.into();
            result.fails = text.into();
            result.message = text.into();
            result.rationale = text.into();
            result.fix = text.into();
            result.limits = vec![text.into()];
            result.tags = vec![text.into()];
            result.references = vec![text.into()];
        }
        let findings = &mut scan.findings[0];
        findings.results[0].waiver = Some(scanner_core::finding::Waiver {
            justification: text.into(),
            expires: text.into(),
            skipped: false,
        });
        let mut unseen = findings.results[3].clone();
        unseen.status = scanner_core::finding::CheckStatus::NotApplicable;
        unseen.waiver = Some(scanner_core::finding::Waiver {
            justification: text.into(),
            expires: text.into(),
            skipped: true,
        });
        findings.results.push(unseen);
        findings.waivers = Some(scanner_core::finding::WaiverSummary {
            source: text.into(),
            applied: vec![text.into()],
            expired: vec![text.into()],
            unused: vec![text.into()],
        });
        findings.engine.selection = vec![text.into()];
        findings.engine.inputs = [("name".to_owned(), text.to_owned())].into();
        findings.thresholds = Some(scanner_core::finding::ThresholdOutcome {
            source: text.into(),
            breaches: vec![text.into()],
            ignored: vec![text.into()],
            ..Default::default()
        });
        scan.plan.policy = Some(text.into());
        scan.post_scan = Some(PostScanAudit::new(vec![AuditCheck::new(
            text,
            AuditOutcome::NotVerified,
            vec![text.into()],
        )]));
        scan.gate_alert = Some(text.into());
        scan.unused_allowances = vec![text.into()];
        scan.findings[0].engine.name = text.into();
        scan.findings[0].engine.title = text.into();
        scan.findings[0].engine.version = text.into();
        // A second engine with the same name, so that identifiers are qualified.
        scan.findings.push(scan.findings[0].clone());
        Document::from(scan)
    };
    render(&document, format, text::Style::default()).unwrap()
}

/// The form without its text, to be compared with that of harmless text.
fn shape(format: Format, text: &str) -> String {
    match format {
        Format::Terminal => String::new(),
        Format::Html => tags(text),
        Format::Junit => {
            let report = quick_junit::Report::deserialize_from_str(text).unwrap();
            let cases = |s: &quick_junit::TestSuite| s.test_cases.len();
            let cases: Vec<_> = report.test_suites.iter().map(cases).collect();
            format!("{cases:?} {} {}", report.failures, report.errors)
        }
        Format::Markdown => events(text),
        _ => {
            let value: Value = serde_json::from_str(text).unwrap();
            bones(&value).to_string()
        }
    }
}

/// Every tag of a page; a `<` that the page did not write would add one.
fn tags(page: &str) -> String {
    let body = page.split_once("</style>").unwrap().1;
    let mut out = String::new();
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("every < is of a tag");
        out.push_str(&without_anchor(tag));
        out.push('\n');
        assert!(!text.contains('<'), "{text}");
    }
    out
}

/// A tag without the anchor in it, which has no character that acts.
fn without_anchor(tag: &str) -> String {
    for attribute in ["id=\"check", "href=\"#check"] {
        let Some((before, anchor)) = tag.split_once(attribute) else {
            continue;
        };
        let (anchor, after) = anchor.split_once('"').expect("the end of the attribute");
        let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./~".contains(c);
        assert!(anchor.chars().all(harmless), "{tag}");
        assert!(anchor.starts_with(['-', '~']), "{tag}");
        return format!("{before}{attribute}{after}");
    }
    tag.to_owned()
}

fn events(markdown: &str) -> String {
    let mut out = String::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_GFM) {
        match event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => panic!("a link in {markdown}"),
            Event::Html(html) | Event::InlineHtml(html) => {
                let html = html.trim();
                let titles = [
                    "Controls",
                    "After the scan",
                    "Cost",
                    "What was planned, and what proves it",
                ];
                let own = titles.map(|t| format!("<details><summary>{t}</summary>"));
                let own = html == "</details>" || own.iter().any(|own| own == html);
                assert!(own, "{html}");
            }
            Event::Start(tag) => {
                let tag = format!("{tag:?}");
                // Running text may become a code span; nothing else may differ.
                out.push_str(tag.split(['(', '{']).next().unwrap());
                out.push(' ');
            }
            _ => {}
        }
    }
    out
}

/// The value with every text and number taken out.
fn bones(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), bones(v))).collect(),
        Value::Array(list) => list.iter().map(bones).collect(),
        _ => Value::Null,
    }
}

fn check(text: &str) {
    for local in [false, true] {
        for &format in Format::ALL {
            let made = rendered(text, format, local);
            let acts = |c: char| c != '\n' && is_hazardous(c);
            assert!(!made.chars().any(acts), "{format} of {text:?}: {made}");
            assert!(!made.lines().any(obeyed), "{format} of {text:?}: {made}");
            if format == Format::Junit {
                assert!(made.chars().all(is_xml), "{text:?}: {made}");
            }
            let harmless = rendered("harmless", format, local);
            assert_eq!(
                shape(format, &made),
                shape(format, &harmless),
                "{format} of {text:?}"
            );
        }
    }
}

#[test]
fn hostile_text_stays_text_in_every_form() {
    for text in CORPUS {
        check(text);
    }
    check(&CORPUS.concat());
    check(&"x".repeat(5000));
}

#[test]
fn evidence_that_wraps_does_not_look_like_several_items() {
    let hostile = "/tmp/x mode 0644 - /etc/shadow mode 0666 - /etc/passwd ".repeat(8);
    for evidence in [
        hostile.clone(),
        hostile.replace(' ', "  "),
        "- ".repeat(100),
    ] {
        let mut scan = sample("harmless");
        for result in &mut scan.findings[0].results {
            result.evidence = vec![evidence.clone()];
            result.evidence_total = 1;
        }
        let failed = scan.findings[0].count(scanner_core::finding::CheckStatus::Fail);
        let document = Document::from(scan);
        let made = render(&document, Format::Terminal, text::Style::default()).unwrap();
        let items = made
            .lines()
            .filter(|line| line.trim_start().starts_with("- "));
        assert_eq!(items.count(), failed, "{made}");
        let sarif = render(&document, Format::Sarif, text::Style::default()).unwrap();
        let sarif: Value = serde_json::from_str(&sarif).unwrap();
        for result in sarif["runs"][0]["results"].as_array().unwrap() {
            let message = result["message"]["text"].as_str().unwrap();
            let items = message.lines().filter(|line| line.starts_with("- "));
            assert!(items.count() <= 1, "{message}");
        }
    }
}

#[test]
fn the_checks_of_this_file_can_fail() {
    assert!(obeyed(" ::error::x") && obeyed("a ##vso[x]") && !is_xml('\u{ffff}'));
    assert_ne!(tags("</style><b>x</b>"), tags("</style><i>x</i>"));
    let link = std::panic::catch_unwind(|| events("[a](https://example.org)"));
    assert!(link.is_err());
    let html = std::panic::catch_unwind(|| events("a <b>b</b>"));
    assert!(html.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_text_stays_text(text in "[\\PC\\x00-\\x1f<>\\[\\]()!`|*_@#&\"'=\\\\]{1,60}") {
        check(&text);
    }
}
