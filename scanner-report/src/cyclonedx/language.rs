//! Packages of languages as components: one for each version, with every place where it is.

use std::collections::BTreeMap;

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};

use super::property::{PLAIN, property};
use scanner_core::{escape::visible, inventory::LanguagePackage};

/// Most places of one package that are listed.
const MAX_PLACES: usize = 100;

pub(super) fn components(packages: &[LanguagePackage]) -> Vec<Value> {
    let mut all: BTreeMap<_, Vec<&LanguagePackage>> = BTreeMap::new();
    for package in packages {
        let key = (&package.ecosystem, &package.name, &package.version);
        all.entry(key).or_default().push(package);
    }
    let numbered = all.into_values().zip(1_u32..);
    numbered
        .map(|(same, number)| component(&same, number))
        .collect()
}

/// A component for packages that differ at most by their place.
fn component(same: &[&LanguagePackage], number: u32) -> Value {
    let package = same[0];
    let (group, name) = group(package);
    let places = same.iter().take(MAX_PLACES);
    let places: Vec<Value> = places
        .map(|p| json!({ "location": visible(p.path.as_text(), 1000) }))
        .collect();
    let mut component = json!({
        "type": "library",
        "bom-ref": format!("language-package-{number}"),
        "name": visible(name, 300),
        "version": visible(&package.version, 300),
        "properties": [property("ecosystem", &visible(&package.ecosystem, 40))],
        "evidence": { "occurrences": places },
    });
    if !group.is_empty() {
        component["group"] = visible(group, 300).into();
    }
    if !package.license.is_empty() {
        let name = visible(&package.license, 300);
        component["licenses"] = json!([{ "license": { "name": name } }]);
    }
    if let Some(purl) = purl(package) {
        component["purl"] = purl.into();
    }
    component
}

/// The group in the name of a package, and the rest.
fn group(package: &LanguagePackage) -> (&str, &str) {
    let separator = match package.ecosystem.as_str() {
        "npm" if package.name.starts_with('@') => '/',
        "maven" => ':',
        _ => return ("", &package.name),
    };
    package.name.split_once(separator).unwrap_or_default()
}

/// The package URL, by the purl specification's types `npm`, `pypi`, `gem` and `maven`.
fn purl(package: &LanguagePackage) -> Option<String> {
    let (group, name) = group(package);
    let mut group = group.to_owned();
    let (name, version, platform) = match package.ecosystem.as_str() {
        "npm" => {
            group = group.to_lowercase();
            (name.to_lowercase(), package.version.as_str(), "")
        }
        // Different spellings are one name.
        "pypi" => (name.to_lowercase().replace('_', "-"), &*package.version, ""),
        "gem" => {
            let (version, platform) = package.version.split_once('-').unwrap_or_default();
            let version = if platform.is_empty() {
                &package.version
            } else {
                version
            };
            (name.to_owned(), version, platform)
        }
        "maven" => (name.to_owned(), package.version.as_str(), ""),
        _ => return None,
    };
    if name.is_empty() {
        return None;
    }
    let encode = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    let mut purl = format!("pkg:{}/", package.ecosystem);
    if !group.is_empty() {
        purl = format!("{purl}{}/", encode(&group));
    }
    purl.push_str(&encode(&name));
    if !version.is_empty() {
        purl = format!("{purl}@{}", encode(version));
    }
    if !platform.is_empty() {
        purl = format!("{purl}?platform={}", encode(platform));
    }
    Some(purl)
}
