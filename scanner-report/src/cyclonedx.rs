//! `CycloneDX` 1.6 JSON (ECMA-424): the packages of the target as a bill of materials.

mod language;
mod property;

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::escaped::pretty;
use scanner_core::report::{
    Packages,
    view::{Subject, View},
};
use scanner_core::{
    escape::visible,
    inventory::{Coverage, OsRelease, Package, Section},
};

use property::{PLAIN, property};

/// Renders `view`, whose JSON form has the digest `json_sha256`: the same report gives the same
/// serial number.
pub fn render(view: &View<'_>, json_sha256: &str) -> String {
    let none = Packages::default();
    let packages = view.packages.unwrap_or(&none);
    let mut items: Vec<&Package> = packages.items.iter().collect();
    items.sort_by_key(|p| (&p.manager, &p.name, &p.version, &p.arch));
    items.dedup();
    let mut components: Vec<Value> = items
        .iter()
        .zip(1..)
        .map(|(package, number)| component(package, packages.os.as_ref(), number))
        .collect();
    components.extend(language::components(&packages.language));
    let mut properties = vec![
        property("verdict", view.verdict.name()),
        property("target", &view.subject_line()),
        property("trust", &visible(view.trust, 400)),
        property("packages", &coverage(view)),
    ];
    let kind = view.failure_kind();
    properties.extend(kind.iter().map(|kind| property("failure", kind)));
    let alerts = view.alert_lines().into_iter();
    properties.extend(alerts.map(|alert| property("alert", &visible(&alert, 600))));
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
        // An SBOM of a target that could not be seen whole says so.
        "compositions": [{
            "aggregate": if complete(view) { "incomplete_third_party_only" } else { "incomplete" },
            "assemblies": ["subject"],
        }],
    }))
}

/// What packages are read from.
const SECTIONS: [Section; 2] = [Section::Packages, Section::LanguagePackages];

/// Whether every package of the package databases was seen, and every one of a language that names
/// itself. What was installed without them is never known, so that no composition is called `complete`.
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

fn component(package: &Package, os: Option<&OsRelease>, number: u32) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": format!("package-{number}"),
        "name": visible(&package.name, 300),
        "version": visible(&package.version, 300),
        "properties": [property("manager", &visible(&package.manager, 40))],
    });
    if let Some(purl) = purl(package, os) {
        component["purl"] = purl.into();
    }
    component
}

/// The package URL, by the purl specification's types `deb`, `apk` and `rpm`.
fn purl(package: &Package, os: Option<&OsRelease>) -> Option<String> {
    let kind = match package.manager.as_str() {
        "dpkg" => "deb",
        "apk" => "apk",
        "rpm" => "rpm",
        _ => return None,
    };
    let os = os.filter(|os| !os.id.is_empty())?;
    let id = os.id.to_lowercase();
    let (vendor, name, version, epoch) = if kind == "rpm" {
        let vendor = match id.as_str() {
            "rhel" => "redhat",
            id if id.starts_with("opensuse") => "opensuse",
            id => id,
        };
        let (epoch, version) = package.version.split_once(':').unwrap_or_default();
        let version = if epoch.is_empty() {
            &package.version
        } else {
            version
        };
        // Names of rpm packages differ by case.
        (vendor, package.name.clone(), version, epoch)
    } else {
        (
            id.as_str(),
            package.name.to_lowercase(),
            package.version.as_str(),
            "",
        )
    };
    let encode = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    let mut purl = format!(
        "pkg:{kind}/{}/{}@{}",
        encode(vendor),
        encode(&name),
        encode(version)
    );
    let mut separator = '?';
    let mut qualifier = |name: &str, value: &str| {
        if !value.is_empty() {
            purl = format!("{purl}{separator}{name}={}", encode(value));
            separator = '&';
        }
    };
    qualifier("arch", &package.arch);
    if !os.version.is_empty() {
        qualifier("distro", &format!("{}-{}", os.id, os.version));
    }
    qualifier("epoch", epoch);
    Some(purl)
}

/// A UUID of version 8 (RFC 9562, 5.8) of a digest.
fn serial(digest: &str) -> uuid::Uuid {
    let mut bytes = [0; 16];
    let sum = Sha256::digest(format!("cyclonedx\n{digest}"));
    bytes.copy_from_slice(&sum[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
