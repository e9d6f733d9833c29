//! `CycloneDX` 1.6 JSON (ECMA-424): the packages of the target as a bill of materials.

mod distribution;
mod language;
mod property;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::escaped::pretty;
use scanner_core::report::{
    Packages,
    view::{Subject, View},
};
use scanner_core::{
    escape::visible,
    inventory::{Coverage, Section},
};

use property::property;

/// Renders `view`, whose JSON form has the digest `json_sha256`: the same report gives the same
/// serial number.
pub fn render(view: &View<'_>, json_sha256: &str) -> String {
    let none = Packages::default();
    let packages = view.packages.unwrap_or(&none);
    let mut components = distribution::components(packages);
    components.extend(language::components(&packages.language));
    let system = distribution::system(packages);
    let dependencies = distribution::dependencies(packages, &components);
    components.extend(system);
    let mut properties = vec![
        property("verdict", view.verdict.name()),
        property("result", &view.sentence()),
        property("target", &view.subject_line()),
        property("trust", &visible(view.trust, 400)),
        property("packages", &coverage(view)),
    ];
    let traces = view.trace().into_iter();
    properties.extend(traces.map(|trace| property(&trace.id(), &trace.value)));
    let kind = view.failure_kind();
    properties.extend(kind.iter().map(|kind| property("failure", kind)));
    let alerts = view.alert_lines().into_iter();
    properties.extend(alerts.map(|alert| property("alert", &visible(&alert, 600))));
    let read = view.image_lines();
    let read = read.iter().map(|line| visible(line, 600));
    properties.extend(read.map(|line| property("read-from-image", &line)));
    properties.extend(view.incompleteness().map(|why| property("incomplete", why)));
    properties.extend(view.no_controls().map(|none| property("controls", none)));
    properties.extend(view.narrowed().iter().map(|(n, text)| property(n, text)));
    let mut metadata = json!({
        "tools": { "components": [{
            "type": "application",
            "name": "secure-scan",
            "version": visible(view.tool_version, 40),
        }]},
        "component": subject(view),
        "properties": properties,
    });
    if let Some(started) = view.started_utc() {
        metadata["timestamp"] = started.into();
    }
    pretty(&json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", serial(json_sha256)),
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": dependencies,
        // An SBOM of a target that could not be read completely says so.
        "compositions": [{
            "aggregate": if complete(view) { "incomplete_third_party_only" } else { "incomplete" },
            "assemblies": ["subject"],
        }],
    }))
}

/// Sections from which packages are read.
const SECTIONS: [Section; 2] = [Section::Packages, Section::LanguagePackages];

/// Whether every package of the package databases was seen, and every language package that names itself. Software that was
/// installed without them is never known, so no composition is called `complete`.
fn complete(view: &View<'_>) -> bool {
    let seen = |section| view.coverage.get(section) == Some(&Coverage::Complete);
    view.packages.is_some() && SECTIONS.iter().all(seen)
}

fn coverage(view: &View<'_>) -> String {
    let gaps = view.gaps().into_iter();
    let gaps = gaps.filter(|(section, _)| SECTIONS.iter().any(|of| of.name() == *section));
    let gaps: Vec<String> = gaps
        .map(|(section, gap)| format!("{section}: {}", visible(&gap, 1000)))
        .collect();
    if !gaps.is_empty() {
        gaps.join("; ")
    } else if complete(view) {
        "all of the package databases of the target, and of npm, pip, gem and Maven".to_owned()
    } else if view.packages.is_some() {
        "all of the package databases of the target".to_owned()
    } else {
        "not collected".to_owned()
    }
}

fn subject(view: &View<'_>) -> Value {
    let name = visible(&view.artifact(), 400);
    let kind = match view.subject {
        Subject::Container(_) => "container",
        Subject::Local(_) if view.image_digest.is_some() => "container",
        _ => "file",
    };
    let mut subject = json!({ "type": kind, "bom-ref": "subject", "name": name });
    if let Some(digest) = view.image_digest {
        subject["version"] = digest.into();
        let content = digest.trim_start_matches("sha256:");
        subject["hashes"] = json!([{ "alg": "SHA-256", "content": content }]);
    }
    subject
}

/// A UUID of version 8 (RFC 9562, 5.8) of a digest.
fn serial(digest: &str) -> uuid::Uuid {
    let mut bytes = [0; 16];
    let sum = Sha256::digest(format!("cyclonedx\n{digest}"));
    bytes.copy_from_slice(&sum[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
