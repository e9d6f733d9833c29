//! The forms of a report by name, and what each needs of a report.

use std::{fmt, str::FromStr};

use super::{
    Document, cyclonedx, html, in_toto, junit, markdown, ohdf, policy_report, sarif,
    text::{self, Style},
    view::View,
};
use crate::escape::visible;

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// For a reader at a terminal.
    Terminal,
    /// The published JSON form, from which all others can be made.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// `JUnit` XML, for CI servers.
    Junit,
    /// OASIS Heimdall Data Format, for Heimdall and the SAF CLI.
    Ohdf,
    /// One HTML file.
    Html,
    /// Markdown for a pull request.
    Markdown,
    /// `CycloneDX` 1.6, the bill of materials.
    CycloneDx,
    /// `Report` object of `openreports.io`.
    OpenReports,
    /// `PolicyReport` object of `wgpolicyk8s.io`.
    PolicyReport,
    /// in-toto statement, to be signed.
    InToto,
}

impl Format {
    /// Every form.
    pub const ALL: [Self; 11] = [
        Self::Terminal,
        Self::Json,
        Self::Sarif,
        Self::Junit,
        Self::Ohdf,
        Self::Html,
        Self::Markdown,
        Self::CycloneDx,
        Self::OpenReports,
        Self::PolicyReport,
        Self::InToto,
    ];

    /// Its name, as a user types it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Ohdf => "ohdf",
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::CycloneDx => "cyclonedx",
            Self::OpenReports => "openreports",
            Self::PolicyReport => "policyreport",
            Self::InToto => "in-toto",
        }
    }

    /// Why this form cannot be made of what is known, if so. `packages` tells whether packages are
    /// collected, `digest` whether the digest of the image is known; to be asked before a scan too.
    ///
    /// # Errors
    ///
    /// Fails when something that the form is about is missing.
    pub const fn possible(self, packages: bool, digest: bool) -> Result<(), NoForm> {
        match self {
            Self::CycloneDx if !packages => Err(NoForm {
                message: "a bill of materials needs packages, which this profile does not collect",
                hint: "take a profile with a check that reads `packages`",
            }),
            Self::InToto if !digest => Err(NoForm {
                message: "an in-toto statement needs the digest of an image, which is not known here",
                hint: "scan a container or an image, or take another format",
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let mut all = Self::ALL.into_iter();
        all.find(|f| f.name() == text).ok_or(UnknownFormat)
    }
}

/// A word that names no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct UnknownFormat;

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected one of {}",
            Format::ALL.map(Format::name).join(", ")
        )
    }
}

/// Why a report has no such form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoForm {
    /// What is missing.
    pub message: &'static str,
    /// What to do next.
    pub hint: &'static str,
}

/// Renders `document`; `style` is for the terminal alone.
///
/// # Errors
///
/// Fails when something that the form is about is missing, never with an empty document.
pub fn render(document: &Document, format: Format, style: Style) -> Result<String, NoForm> {
    let view = document.view();
    format.possible(asked_for_packages(&view), view.image_digest.is_some())?;
    Ok(match format {
        Format::Terminal => text::render(&view, style),
        Format::Json => document.json(),
        Format::Sarif => sarif::render(&view),
        Format::Junit => junit::render(&view),
        Format::Ohdf => ohdf::render(&view),
        Format::Html => html::render(&view),
        Format::Markdown => markdown::render(&view),
        Format::CycloneDx => cyclonedx::render(&view, document.sha256()),
        Format::OpenReports => policy_report::render(&view, policy_report::Api::OpenReports),
        Format::PolicyReport => policy_report::render(&view, policy_report::Api::WgPolicy),
        Format::InToto => in_toto::render(&view, document.sha256()),
    })
}

/// Whether packages were asked for, or nothing is known because the scan could not be done.
fn asked_for_packages(view: &View<'_>) -> bool {
    use crate::inventory::{Coverage, Section};
    let coverage = view.coverage.get(&Section::Packages);
    view.packages.is_some()
        || view.findings.is_none()
        || coverage.is_some_and(|c| *c != Coverage::NotRequested)
}

/// Items as they may be shown, one by one.
pub(crate) fn shown(items: &[String]) -> Vec<String> {
    items.iter().map(|item| visible(item, 300)).collect()
}

/// A JSON document of another standard.
pub(crate) fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
