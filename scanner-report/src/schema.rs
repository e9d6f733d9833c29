//! The JSON Schemas that are published as `docs/report.schema.json` and `docs/local-report.schema.json`.

use scanner_core::report::{LocalReport, ScanReport};

/// The JSON Schema of [`ScanReport`], pretty-printed.
pub fn json_schema() -> String {
    pretty(&schemars::schema_for!(ScanReport))
}

/// The JSON Schema of [`LocalReport`], pretty-printed.
pub fn local_json_schema() -> String {
    pretty(&schemars::schema_for!(LocalReport))
}

fn pretty(schema: &schemars::Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}
