//! A report of either kind as a document: read from a file that may be hostile, or just made.

use std::io;

use scanner_core::{
    escape::visible,
    report::{
        FormatError, LOCAL_SCHEMA, LOCAL_SCHEMA_V1, LocalReport, ReportFormat, SCHEMA, SCHEMA_V1,
        ScanReport, Verdict, View,
    },
};
use sha2::{Digest as _, Sha256};

/// Most bytes that are read of a report.
pub const MAX_BYTES: usize = 64 << 20;

/// A report of either kind and the digest of its JSON form.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    kind: Kind,
    sha256: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Scan(Box<ScanReport>),
    Local(Box<LocalReport>),
}

/// Why a file cannot be read as a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Larger than [`MAX_BYTES`].
    #[error("larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// Not JSON, or not an object that names a schema.
    #[error("not a JSON report of secure-scan: {0}")]
    NotAReport(String),
    /// It is another kind of document, or of a later major version.
    #[error("unknown schema {0:?}; this version reads {SCHEMA} and {LOCAL_SCHEMA}")]
    UnknownSchema(String),
    /// The schema is known, but a field is missing or has another type.
    #[error("not valid by its schema {schema}: {message}")]
    Invalid {
        /// The schema that it names.
        schema: &'static str,
        /// What is wrong, and where.
        message: String,
    },
}

impl ReadError {
    /// What to do next.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::UnknownSchema(_) => {
                "use a version of secure-scan at least as new as the one that wrote the report"
            }
            _ => "name a report that was saved as JSON",
        }
    }
}

impl Document {
    /// Reads a report of this version or of version 1. Fields that this version does not know are ignored, and values that it
    /// does not know are read as unknown.
    ///
    /// # Errors
    ///
    /// Fails on anything but a whole report of a known schema. Does not panic on hostile bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        #[derive(serde::Deserialize)]
        struct Head {
            schema: String,
        }
        if bytes.len() > MAX_BYTES {
            return Err(ReadError::TooLarge);
        }
        let reason = |error: serde_json::Error| visible(&error.to_string(), 300);
        let head: Head =
            serde_json::from_slice(bytes).map_err(|e| ReadError::NotAReport(reason(e)))?;
        let invalid = |schema| {
            move |error: serde_json::Error| ReadError::Invalid {
                schema,
                message: reason(error),
            }
        };
        let kind = match head.schema.as_str() {
            SCHEMA => scan(bytes).map_err(invalid(SCHEMA))?,
            SCHEMA_V1 => scan(bytes).map_err(invalid(SCHEMA_V1))?,
            LOCAL_SCHEMA => local(bytes).map_err(invalid(LOCAL_SCHEMA))?,
            LOCAL_SCHEMA_V1 => local(bytes).map_err(invalid(LOCAL_SCHEMA_V1))?,
            other => return Err(ReadError::UnknownSchema(visible(other, 80))),
        };
        let sha256 = hex::encode(Sha256::digest(bytes));
        Ok(Self { kind, sha256 })
    }

    /// The report, if it is one of a scan in a cluster.
    pub fn scan(&self) -> Option<&ScanReport> {
        match &self.kind {
            Kind::Scan(report) => Some(report),
            Kind::Local(_) => None,
        }
    }

    /// The report, if it is one of something on this machine.
    pub fn local(&self) -> Option<&LocalReport> {
        match &self.kind {
            Kind::Local(report) => Some(report),
            Kind::Scan(_) => None,
        }
    }

    /// What every format renders.
    pub fn view(&self) -> View<'_> {
        let view = match &self.kind {
            Kind::Scan(report) => View::from(report.as_ref()),
            Kind::Local(report) => View::from(report.as_ref()),
        };
        view.with_sha256(&self.sha256)
    }

    /// The result of the scan.
    pub fn verdict(&self) -> Verdict {
        self.view().verdict
    }

    /// The published JSON form.
    pub fn json(&self) -> String {
        self.view().json()
    }

    /// SHA-256 in hexadecimal of the bytes that it was read from, or of [`Document::json`].
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Writes it in that form.
    ///
    /// # Errors
    ///
    /// Fails as [`ReportFormat::write`] does.
    pub fn write(
        &self,
        format: &dyn ReportFormat,
        out: &mut dyn io::Write,
    ) -> Result<(), FormatError> {
        let view = self.view();
        format.accepts(view.contents())?;
        format.write(&view, out)
    }

    fn made(kind: Kind) -> Self {
        let mut document = Self {
            kind,
            sha256: String::new(),
        };
        document.sha256 = hex::encode(Sha256::digest(document.json()));
        document
    }
}

/// A report of a scan in a cluster, as this version writes it.
fn scan(bytes: &[u8]) -> Result<Kind, serde_json::Error> {
    let report: ScanReport = serde_json::from_slice(bytes)?;
    Ok(Kind::Scan(Box::new(report.upgraded())))
}

fn local(bytes: &[u8]) -> Result<Kind, serde_json::Error> {
    let report: LocalReport = serde_json::from_slice(bytes)?;
    Ok(Kind::Local(Box::new(report.upgraded())))
}

impl From<ScanReport> for Document {
    fn from(report: ScanReport) -> Self {
        Self::made(Kind::Scan(Box::new(report)))
    }
}

impl From<LocalReport> for Document {
    fn from(report: LocalReport) -> Self {
        Self::made(Kind::Local(Box::new(report)))
    }
}
