//! Seam: the form that a report is written in.

use std::io;

use scanner_inventory::{Coverage, Section};

use super::{
    model::{LocalReport, ScanReport},
    view::View,
};

/// Models one form that a report is written in. Text in the fields of a [`View`] is as the target or the
/// server gave it; the texts of [`View::rows`] are [`Untrusted`](crate::Untrusted) and escape themselves.
///
/// ```
/// use std::io::Write;
///
/// use scanner_core::{
///     ScanReport, Untrusted,
///     report::{FormatError, ReportFormat, View},
/// };
///
/// /// One line for each check.
/// struct Csv;
///
/// /// A cell that no spreadsheet takes for a formula; `Display` has made control characters visible.
/// fn cell(text: &Untrusted) -> String {
///     format!("\"'{}\"", text.to_string().replace('"', "\"\""))
/// }
///
/// impl ReportFormat for Csv {
///     fn id(&self) -> &str {
///         "csv"
///     }
///
///     fn file_extension(&self) -> &str {
///         "csv"
///     }
///
///     fn write(&self, view: &View<'_>, out: &mut dyn Write) -> Result<(), FormatError> {
///         writeln!(out, "check,severity,counts,headline")?;
///         for row in view.rows() {
///             let (id, headline) = (cell(&row.id), cell(&row.headline));
///             writeln!(out, "{id},{},{},{headline}", row.severity, row.counts)?;
///         }
///         Ok(())
///     }
/// }
///
/// fn save(report: &ScanReport, out: &mut dyn Write) -> Result<(), FormatError> {
///     report.write(&Csv, out)
/// }
/// assert_eq!(cell(&"=a\"\u{1b}".into()), "\"'=a\"\"\\u{1b}\"");
/// ```
pub trait ReportFormat: Send + Sync {
    /// Its name, as a user types it: lower-case letters, digits and hyphens.
    fn id(&self) -> &str;

    /// The usual end of the name of a file of this form, without a dot.
    fn file_extension(&self) -> &str;

    /// Whether a report with those contents has this form; to be asked before a scan too.
    ///
    /// # Errors
    ///
    /// Fails when something that the form needs is missing.
    fn accepts(&self, contents: Contents) -> Result<(), MissingInput> {
        let _ = contents;
        Ok(())
    }

    /// Writes `view` in this form.
    ///
    /// # Errors
    ///
    /// Fails when something that the form needs is missing, never with an empty document, and when `out` cannot be written
    /// to.
    fn write(&self, view: &View<'_>, out: &mut dyn io::Write) -> Result<(), FormatError>;
}

/// What only some forms need of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// Whether packages are collected.
    pub packages: bool,
    /// Whether the digest of the image is known.
    pub image_digest: bool,
}

impl Contents {
    /// Contents of a scan that is planned.
    pub const fn new(packages: bool, image_digest: bool) -> Self {
        Self {
            packages,
            image_digest,
        }
    }
}

/// Why a report cannot have that form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct MissingInput {
    /// What is missing.
    pub message: &'static str,
    /// What to do next.
    pub hint: &'static str,
}

impl MissingInput {
    /// What is missing, and what to do next.
    pub const fn new(message: &'static str, hint: &'static str) -> Self {
        Self { message, hint }
    }
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Something that the form needs is missing.
    #[error(transparent)]
    Missing(#[from] MissingInput),
    /// The writer failed.
    #[error("cannot write the report")]
    Write(#[from] io::Error),
    /// The format's own reason.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl View<'_> {
    /// The contents of the report that only some forms need. Packages count as there when they were asked for, or when
    /// nothing is known because the scan could not be done.
    pub fn contents(&self) -> Contents {
        let coverage = self.coverage.get(&Section::Packages);
        Contents {
            packages: self.packages.is_some()
                || self.findings.is_empty()
                || coverage.is_some_and(|c| *c != Coverage::NotRequested),
            image_digest: self.image_digest.is_some(),
        }
    }
}

impl ScanReport {
    /// Writes the report in that form.
    ///
    /// # Errors
    ///
    /// Fails as [`ReportFormat::write`] does.
    pub fn write(
        &self,
        format: &dyn ReportFormat,
        out: &mut dyn io::Write,
    ) -> Result<(), FormatError> {
        write(&View::from(self), format, out)
    }
}

impl LocalReport {
    /// Writes the report in that form.
    ///
    /// # Errors
    ///
    /// Fails as [`ReportFormat::write`] does.
    pub fn write(
        &self,
        format: &dyn ReportFormat,
        out: &mut dyn io::Write,
    ) -> Result<(), FormatError> {
        write(&View::from(self), format, out)
    }
}

fn write(
    view: &View<'_>,
    format: &dyn ReportFormat,
    out: &mut dyn io::Write,
) -> Result<(), FormatError> {
    format.accepts(view.contents())?;
    format.write(view, out)
}
