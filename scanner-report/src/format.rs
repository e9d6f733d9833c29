//! The forms of a report by name, and what each needs.

use std::{fmt, io, str::FromStr};

use scanner_core::report::{Contents, FormatError, MissingInput, ReportFormat, View};

#[cfg(feature = "cyclonedx")]
use crate::cyclonedx;
#[cfg(feature = "html")]
use crate::html;
#[cfg(feature = "junit")]
use crate::junit;
use crate::{
    document::Document,
    in_toto, markdown, ohdf, policy_report, sarif,
    text::{self, Style},
};

/// For a reader at a terminal, without colour.
pub const TERMINAL: Format = Format::Terminal;
/// The published JSON form, from which all others can be made.
pub const JSON: Format = Format::Json;
/// SARIF 2.1.0, for code scanning.
pub const SARIF: Format = Format::Sarif;
/// `JUnit` XML, for CI servers.
#[cfg(feature = "junit")]
pub const JUNIT: Format = Format::Junit;
/// OASIS Heimdall Data Format, for Heimdall and the SAF CLI.
pub const OHDF: Format = Format::Ohdf;
/// One HTML file.
#[cfg(feature = "html")]
pub const HTML: Format = Format::Html;
/// Markdown for a pull request.
pub const MARKDOWN: Format = Format::Markdown;
/// `CycloneDX` 1.6, the bill of materials.
#[cfg(feature = "cyclonedx")]
pub const CYCLONEDX: Format = Format::CycloneDx;
/// `Report` object of `openreports.io`.
pub const OPENREPORTS: Format = Format::OpenReports;
/// `PolicyReport` object of `wgpolicyk8s.io`.
pub const POLICY_REPORT: Format = Format::PolicyReport;
/// in-toto statement, to be signed.
pub const IN_TOTO: Format = Format::InToto;

/// Every shipped form, in the order in which a user sees them.
pub const fn all() -> &'static [Format] {
    Format::ALL
}

/// The shipped form of that name.
///
/// # Errors
///
/// Fails when there is none, with the names of all.
pub fn by_name(name: &str) -> Result<Format, UnknownFormat> {
    name.parse()
}

/// A shipped form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// For a reader at a terminal.
    Terminal,
    /// The published JSON form, from which all others can be made.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// `JUnit` XML, for CI servers.
    #[cfg(feature = "junit")]
    Junit,
    /// OASIS Heimdall Data Format, for Heimdall and the SAF CLI.
    Ohdf,
    /// One HTML file.
    #[cfg(feature = "html")]
    Html,
    /// Markdown for a pull request.
    Markdown,
    /// `CycloneDX` 1.6, the bill of materials.
    #[cfg(feature = "cyclonedx")]
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
    pub const ALL: &'static [Self] = &[
        Self::Terminal,
        Self::Json,
        Self::Sarif,
        #[cfg(feature = "junit")]
        Self::Junit,
        Self::Ohdf,
        #[cfg(feature = "html")]
        Self::Html,
        Self::Markdown,
        #[cfg(feature = "cyclonedx")]
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
            #[cfg(feature = "junit")]
            Self::Junit => "junit",
            Self::Ohdf => "ohdf",
            #[cfg(feature = "html")]
            Self::Html => "html",
            Self::Markdown => "markdown",
            #[cfg(feature = "cyclonedx")]
            Self::CycloneDx => "cyclonedx",
            Self::OpenReports => "openreports",
            Self::PolicyReport => "policyreport",
            Self::InToto => "in-toto",
        }
    }

    /// Why this form cannot be made of what is known, if so. `packages` says whether packages are
    /// collected, `digest` whether the digest of the image is known; to be asked before a scan too.
    ///
    /// # Errors
    ///
    /// Fails when something that the form needs is missing.
    pub const fn possible(self, packages: bool, digest: bool) -> Result<(), MissingInput> {
        #[cfg(not(feature = "cyclonedx"))]
        let _ = packages;
        match self {
            #[cfg(feature = "cyclonedx")]
            Self::CycloneDx if !packages => Err(MissingInput::new(
                "a bill of materials needs packages, which this profile does not collect",
                "use a profile with a check that reads `packages`",
            )),
            Self::InToto if !digest => Err(MissingInput::new(
                "an in-toto statement needs the digest of an image, which is not known here",
                "scan a container or an image, or use another format",
            )),
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
        let mut all = Self::ALL.iter().copied();
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
            Format::ALL
                .iter()
                .map(|format| format.name())
                .collect::<Vec<_>>()
                .join(", ")
        )
    }
}

/// Renders `document`; `style` is for the terminal alone.
///
/// # Errors
///
/// Fails when something that the form needs is missing, never with an empty document.
pub fn render(document: &Document, format: Format, style: Style) -> Result<String, MissingInput> {
    let view = document.view();
    format.accepts(view.contents())?;
    Ok(format.text(&view, style))
}

impl Format {
    fn text(self, view: &View<'_>, style: Style) -> String {
        match self {
            Self::Terminal => text::render(view, style),
            Self::Json => view.json(),
            Self::Sarif => sarif::render(view),
            #[cfg(feature = "junit")]
            Self::Junit => junit::render(view),
            Self::Ohdf => ohdf::render(view),
            #[cfg(feature = "html")]
            Self::Html => html::render(view),
            Self::Markdown => markdown::render(view),
            #[cfg(feature = "cyclonedx")]
            Self::CycloneDx => cyclonedx::render(view, &view.sha256()),
            Self::OpenReports => policy_report::render(view, policy_report::Api::OpenReports),
            Self::PolicyReport => policy_report::render(view, policy_report::Api::WgPolicy),
            Self::InToto => in_toto::render(view, &view.sha256()),
        }
    }
}

impl ReportFormat for Format {
    fn id(&self) -> &str {
        self.name()
    }

    fn file_extension(&self) -> &str {
        match self {
            Self::Terminal => "txt",
            Self::Sarif => "sarif",
            #[cfg(feature = "junit")]
            Self::Junit => "xml",
            #[cfg(feature = "html")]
            Self::Html => "html",
            Self::Markdown => "md",
            #[cfg(feature = "cyclonedx")]
            Self::CycloneDx => "cdx.json",
            Self::InToto => "intoto.json",
            Self::Json | Self::Ohdf | Self::OpenReports | Self::PolicyReport => "json",
        }
    }

    fn accepts(&self, contents: Contents) -> Result<(), MissingInput> {
        self.possible(contents.packages, contents.image_digest)
    }

    fn write(&self, view: &View<'_>, out: &mut dyn io::Write) -> Result<(), FormatError> {
        self.accepts(view.contents())?;
        let text = self.text(view, Style::default());
        Ok(out.write_all(text.as_bytes())?)
    }
}
