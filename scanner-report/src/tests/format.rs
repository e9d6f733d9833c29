//! Shipped forms as values of the seam: names, and what is written.

use std::collections::BTreeSet;

use scanner_core::report::{FormatError, ReportFormat};

use super::{forms::*, prelude::*};
use crate::format::{self, IN_TOTO, SARIF};

#[test]
fn every_form_has_a_name_of_its_own_and_is_written_as_it_is_rendered() {
    let report = with_digest();
    let mut names = BTreeSet::new();
    for format in format::all() {
        let seam: &dyn ReportFormat = format;
        assert_eq!(format::by_name(seam.id()), Ok(*format));
        assert!(names.insert(seam.id()), "{format}");
        assert!(!seam.file_extension().is_empty(), "{format}");
        let mut out = Vec::new();
        report.write(seam, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), made(&report, *format));
    }
    assert_eq!(names.len(), 11);
    assert!(format::by_name("pdf").is_err());
}

#[test]
fn a_form_whose_subject_is_missing_is_refused_and_nothing_is_written() {
    let mut report = with_digest();
    report.plan.target.image_id = String::new();
    let mut out = Vec::new();
    let direct = IN_TOTO.write(&View::from(&report), &mut out);
    let through = report.write(&IN_TOTO, &mut out);
    for refused in [direct, through] {
        assert!(matches!(refused, Err(FormatError::Missing(_))));
    }
    assert!(out.is_empty());
    report.write(&SARIF, &mut out).unwrap();
}

#[test]
fn a_report_that_was_read_is_named_by_the_digest_of_its_bytes() {
    let report = with_digest();
    let saved = Document::from(report.clone()).json().replace("\n  ", "\n ");
    let document = Document::parse(saved.as_bytes()).unwrap();
    let mut out = Vec::new();
    document.write(&IN_TOTO, &mut out).unwrap();
    let written = String::from_utf8(out).unwrap();
    assert!(written.contains(document.sha256()));
    assert_ne!(written, made(&report, IN_TOTO));
}
