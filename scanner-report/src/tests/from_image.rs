//! What was read from the image is said in every form, and what would read more fits the scan.

use super::{forms::*, prelude::*};
use scanner_core::{
    Remedy, finding::EvidenceFrom, inventory::FromImage, strategy::IMAGE_OF_TARGET,
};

const FORMS: [Format; 10] = [
    Format::Terminal,
    Format::Html,
    Format::Markdown,
    Format::Sarif,
    Format::Ohdf,
    Format::Junit,
    Format::InToto,
    Format::CycloneDx,
    Format::OpenReports,
    Format::PolicyReport,
];

/// One check passed by the image.
fn read(fixed: bool) -> ScanReport {
    let mut report = passed();
    let mut from_image = FromImage::new(fixed);
    from_image.add(
        Section::Files,
        Gap::new(GapKind::NotSearchable).at("/ro\u{1b}ot"),
    );
    report.from_image = Some(from_image);
    let result = &mut report.findings[0].results[0];
    result.evidence_from = Some(EvidenceFrom::Both);
    result.read_from_image = 1;
    result.may_have_changed = !fixed;
    result.limits = if fixed {
        Vec::new()
    } else {
        vec!["files: read from the image".into()]
    };
    report
}

/// The form with one space for each break.
fn words(report: &ScanReport, format: Format) -> String {
    let text = if format == Format::Terminal {
        let document = Document::from(report.clone());
        let style = text::Style {
            verbose: true,
            ..text::Style::default()
        };
        render(&document, format, style).unwrap()
    } else {
        made(report, format)
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_was_read_from_the_image_is_said_in_every_form() {
    for format in FORMS {
        for (fixed, standing) in [
            (true, "the root filesystem is read-only"),
            (false, "owner's rights could have changed"),
        ] {
            // HTML and XML write an apostrophe in other ways.
            let text = words(&read(fixed), format).replace("&#39;", "'");
            let text = text.replace("&apos;", "'");
            assert!(
                text.contains("1 path was read from the image"),
                "{format}: {text}"
            );
            assert!(text.contains(standing), "{format}: {text}");
            assert!(!text.contains('\u{1b}'), "{format}");
        }
        let without = words(&passed(), format);
        assert!(!without.contains("from the image"), "{format}: {without}");
    }
    for format in [Format::Terminal, Format::Html] {
        let text = words(&read(true), format);
        let origin = "evidence from the container and the image";
        assert!(text.contains(origin), "{format}: {text}");
    }
    let json = json(&read(false), Format::Json);
    assert_eq!(json["findings"][0]["results"][0]["evidence_from"], "both");
    assert_eq!(json["from_image"]["fixed"], false);
    let saved = Document::parse(json.to_string().as_bytes()).unwrap();
    assert_eq!(saved.view().from_image.map(FromImage::places), Some(1));
}

#[test]
fn that_nothing_had_to_be_read_there_is_said_too() {
    let mut report = passed();
    report.from_image = Some(FromImage::new(true));
    let text = words(&report, Format::Terminal);
    let none = "no path was read from the image: ";
    assert!(
        text.contains(&format!("{none}the container shows")),
        "{text}"
    );
    let gaps: Gaps = Gap::new(GapKind::NotSearchable).at("/root").into();
    let partial = Coverage::Partial { gaps };
    report.coverage.insert(Section::Files, partial);
    let text = words(&report, Format::Terminal);
    assert!(text.contains(&format!("{none}what was not read")), "{text}");
}

#[test]
fn what_came_of_the_scan_of_the_image_is_said_in_every_form() {
    for (verified, cleanup) in [
        (Some(true), "cleanup verified"),
        (Some(false), "cleanup NOT VERIFIED"),
        (None, "cleanup not audited"),
    ] {
        let mut report = read(true);
        let mut image = passed();
        let outcome = match verified {
            Some(true) => AuditOutcome::Verified,
            _ => AuditOutcome::NotVerified,
        };
        let check = AuditCheck::new("pod-of-root", outcome, vec!["the pod".into()]);
        image.post_scan = verified.map(|_| PostScanAudit::new(vec![check]));
        image.plan.strategy = IMAGE_OF_TARGET.into();
        let gaps: Gaps = Gap::new(GapKind::NotSearchable).at("/blind").into();
        image
            .coverage
            .insert(Section::Files, Coverage::Partial { gaps });
        report.image_scan = Some(Box::new(image));
        for format in FORMS {
            let text = words(&report, format);
            let line = format!("scan of the image: passed; {cleanup}");
            assert!(text.contains(&line), "{format}: {text}");
        }
        let text = words(&report, Format::Terminal);
        assert_eq!(text.contains("pod-of-root"), verified.is_some(), "{text}");
        // It was read as root.
        assert!(
            text.contains("/blind: not searchable") && !text.contains("to read more"),
            "{text}"
        );
    }
}

#[test]
fn where_the_image_was_read_is_said_where_that_is_another_namespace() {
    let mut report = read(true);
    let mut image = passed();
    image.plan.image_of = Some(Box::new(report.plan.target.clone()));
    image.plan.target.namespace = "helpers".parse().unwrap();
    report.image_scan = Some(Box::new(image));
    for format in FORMS {
        let text = words(&report, format);
        let line = "scan of the image in namespace helpers: passed";
        assert!(text.contains(line), "{format}: {text}");
    }
}

#[test]
fn that_the_image_alone_was_looked_at_is_said() {
    let mut report = passed();
    report.plan.strategy = IMAGE_OF_TARGET.into();
    report.from_image = Some(FromImage::new(false));
    let result = &mut report.findings[0].results[0];
    result.evidence_from = Some(EvidenceFrom::Image);
    result.may_have_changed = true;
    for format in FORMS {
        let text = words(&report, format);
        assert!(
            text.contains("all evidence is of the image"),
            "{format}: {text}"
        );
        assert!(
            !text.contains("the container shows all"),
            "{format}: {text}"
        );
    }
    let text = words(&report, Format::Html);
    assert!(
        text.contains("all that it asks for was read from the image"),
        "{text}"
    );
}

#[test]
fn what_would_read_more_is_what_this_scan_could_be() {
    for (strategy, remedy) in [
        ("container", Remedy::CompleteFromImage),
        ("distroless", Remedy::CompleteFromImage),
        ("attached", Remedy::ReadImageAsRoot),
        (IMAGE_OF_TARGET, Remedy::ReadAsRoot),
    ] {
        let mut report = passed();
        report.plan.strategy = strategy.into();
        let gaps: Gaps = Gap::new(GapKind::NotSearchable).at("/root").into();
        report
            .coverage
            .insert(Section::Files, Coverage::Partial { gaps });
        assert_eq!(View::from(&report).completions(), [remedy], "{strategy}");
        // The image was read, and does not have it either.
        report.from_image = Some(FromImage::new(true));
        assert!(View::from(&report).completions().is_empty(), "{strategy}");
        // It was compared with its image: no other scan sees more of it.
        report.from_image = None;
        report.image_scan = Some(Box::new(passed()));
        assert!(View::from(&report).completions().is_empty(), "{strategy}");
        let text = words(&report, Format::Terminal);
        assert!(!text.contains("to read more"), "{strategy}: {text}");
    }
}

#[test]
fn packages_of_the_system_are_read_in_the_image_itself() {
    let gaps: Gaps = Gap::new(GapKind::NotReadable)
        .at("/var/lib/dpkg/status")
        .into();
    let unread = Coverage::Partial { gaps };
    for section in [Section::Packages, Section::Os] {
        for (strategy, remedy) in [
            ("container", Remedy::ReadImageAsRoot),
            ("distroless", Remedy::ReadImageAsRoot),
            ("attached", Remedy::ReadImageAsRoot),
            ("local", Remedy::ReadAsOwner),
            (IMAGE_OF_TARGET, Remedy::ReadAsRoot),
        ] {
            let mut report = passed();
            report.plan.strategy = strategy.into();
            report.coverage.insert(section, unread.clone());
            assert_eq!(View::from(&report).completions(), [remedy], "{strategy}");
        }
        // What was completed from the image does not have them, and the image has.
        let mut report = passed();
        report.plan.strategy = "container".into();
        report.coverage.insert(section, unread.clone());
        report.coverage.insert(Section::Files, unread.clone());
        let both = [Remedy::CompleteFromImage, Remedy::ReadImageAsRoot];
        assert_eq!(View::from(&report).completions(), both);
        report.from_image = Some(FromImage::new(true));
        assert_eq!(View::from(&report).completions(), both[1..]);
    }
}

#[test]
fn a_comparison_by_the_shell_names_the_probe_that_reads_capabilities() {
    let mut report = passed();
    report.plan.strategy = "container".into();
    report.image_scan = Some(Box::new(passed()));
    report.findings[0].engine.name = "drift".into();
    assert!(View::from(&report).completions().is_empty());
    report.findings[0].results[0].not_read = 4;
    assert_eq!(View::from(&report).completions(), [Remedy::CompareByProbe]);
    report.plan.strategy = "attached".into();
    assert!(View::from(&report).completions().is_empty());
}

#[test]
fn a_pass_that_may_not_hold_any_more_is_not_complete() {
    let mut report = read(false);
    let result = &report.findings[0].results[0];
    assert!(!result.is_complete());
    let engine = report.findings[0].engine.clone();
    let mut demanding = Findings::new(engine, report.findings[0].results.clone());
    demanding.demand_complete();
    let message = &demanding.results[0].message;
    assert!(message.contains("may have changed since"), "{message}");
    report.findings = vec![demanding];
    assert_eq!(
        Verdict::of(&report.findings, Severity::Low),
        Verdict::Incomplete
    );
    let fixed = read(true);
    let mut demanding = fixed.findings[0].clone();
    demanding.demand_complete();
    assert_eq!(demanding.results[0].status, CheckStatus::Pass);
}
