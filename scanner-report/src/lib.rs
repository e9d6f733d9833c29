//! The shipped forms of a report, each over one [`scanner_core::report::View`].
//!
//! A form is a [`scanner_core::report::ReportFormat`]; those that are shipped are the values in
//! [`mod@format`]. Cargo features leave out what an embedder does not write: `cyclonedx`, `html`, `junit`,
//! and `schema` for the published JSON Schemas; all are on by default.
//!
//! ```
//! use scanner_report::{Document, format};
//!
//! fn to_sarif(saved: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//!     let document = Document::parse(saved)?;
//!     let mut out = Vec::new();
//!     document.write(&format::SARIF, &mut out)?;
//!     Ok(out)
//! }
//! assert!(to_sarif(b"{}").is_err());
//! ```

#[cfg(feature = "cyclonedx")]
pub mod cyclonedx;
pub mod diff;
pub mod document;
mod escaped;
pub mod format;
#[cfg(feature = "html")]
pub mod html;
pub mod in_toto;
#[cfg(feature = "junit")]
pub mod junit;
pub mod markdown;
pub mod ohdf;
pub mod policy_report;
pub mod sarif;
#[cfg(feature = "schema")]
pub mod schema;
pub mod text;

pub use document::Document;
pub use format::{Format, render};

#[cfg(test)]
mod testing;
#[cfg(test)]
#[cfg(all(
    feature = "cyclonedx",
    feature = "html",
    feature = "junit",
    feature = "schema"
))]
mod tests;
