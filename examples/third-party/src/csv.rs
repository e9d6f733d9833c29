//! A report format: a table for spreadsheets.

use std::io::Write;

use scanner_core::{
    Untrusted,
    finding::CheckStatus,
    report::{FormatError, ReportFormat, View},
};

/// A line for each check, in the quoting of RFC 4180.
#[derive(Debug, Clone, Copy, Default)]
pub struct Csv;

/// A cell of text that the target or the server may have written.
///
/// `Untrusted` makes control characters visible, line ends included. A spreadsheet takes a text for a formula by its first
/// character, which an apostrophe prevents.
fn cell(text: &Untrusted) -> String {
    let text = text.to_string();
    let formula = text.starts_with(['=', '+', '-', '@']);
    let mark = if formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

const fn status(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Pass => "pass",
        CheckStatus::Fail => "fail",
        CheckStatus::NotApplicable => "not_applicable",
        CheckStatus::Error => "error",
    }
}

impl ReportFormat for Csv {
    fn id(&self) -> &'static str {
        "acme-csv"
    }

    fn file_extension(&self) -> &'static str {
        "csv"
    }

    fn write(&self, view: &View<'_>, out: &mut dyn Write) -> Result<(), FormatError> {
        write!(
            out,
            "engine,check,severity,status,counts,headline,message,evidence\r\n"
        )?;
        for row in view.rows() {
            let evidence: Vec<String> = row.evidence.iter().map(ToString::to_string).collect();
            let evidence = Untrusted::new(evidence.join("; "));
            write!(
                out,
                "{},{},{},{},{},{},{},{}\r\n",
                cell(&row.engine),
                cell(&row.id),
                row.severity,
                status(row.status),
                row.counts,
                cell(&row.headline),
                cell(&row.message),
                cell(&evidence),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_whatever_it_holds() {
        for (text, expected) in [
            ("plain", "\"plain\""),
            ("a \"b\", c", "\"a \"\"b\"\", c\""),
            ("=1+1", "\"'=1+1\""),
            ("@sum", "\"'@sum\""),
            ("\r\n\u{1b}", "\"\\u{d}\\u{a}\\u{1b}\""),
        ] {
            assert_eq!(cell(&Untrusted::from(text)), expected);
        }
    }
}
