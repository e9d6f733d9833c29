//! The operating system and its packages as components, with the names by which scanners look up vulnerabilities: those of
//! source packages and of distributions.

use percent_encoding::utf8_percent_encode;
use scanner_core::{
    escape::visible,
    inventory::{OsRelease, Package},
    report::Packages,
};
use serde_json::{Value, json};

use super::property::{PLAIN, property};

/// Prefix of the names of properties that Trivy reads.
const TRIVY: &str = "aquasecurity:trivy:";

/// The packages of the distribution, each once.
pub(super) fn components(packages: &Packages) -> Vec<Value> {
    let mut items: Vec<&Package> = packages.items.iter().collect();
    items.sort_by_key(|p| (&p.manager, &p.name, &p.version, &p.arch, &p.source));
    items.dedup();
    items
        .iter()
        .zip(1..)
        .map(|(package, number)| component(package, packages.os.as_ref(), number))
        .collect()
}

/// The operating system; Trivy knows it by its own names, and Syft and Grype take the real one from properties.
pub(super) fn system(packages: &Packages) -> Option<Value> {
    let os = packages.os.as_ref().filter(|os| !os.id.is_empty())?;
    let family = visible(family(os), 100);
    let property = |name: &str, value: &str| json!({ "name": name, "value": visible(value, 300) });
    Some(json!({
        "type": "operating-system",
        "bom-ref": "os",
        "name": family,
        "version": visible(&os.version, 300),
        "description": visible(&os.name, 300),
        "properties": [
            property(&format!("{TRIVY}Class"), "os-pkgs"),
            property(&format!("{TRIVY}Type"), &family),
            property("syft:distro:id", &os.id),
            property("syft:distro:prettyName", &os.name),
            property("syft:distro:versionID", &os.version),
        ],
    }))
}

/// The dependencies between components; `components` are those of the packages, without the system.
pub(super) fn dependencies(packages: &Packages, components: &[Value]) -> Vec<Value> {
    if system(packages).is_none() {
        return Vec::new();
    }
    let refs = components.iter().filter_map(|c| c["bom-ref"].as_str());
    let of_system: Vec<&str> = refs.filter(|name| name.starts_with("package-")).collect();
    vec![
        json!({ "ref": "subject", "dependsOn": ["os"] }),
        json!({ "ref": "os", "dependsOn": of_system }),
    ]
}

/// What Trivy calls a distribution.
fn family(os: &OsRelease) -> &str {
    match os.id.as_str() {
        "rhel" => "redhat",
        "almalinux" => "alma",
        "ol" => "oracle",
        "amzn" => "amazon",
        "mariner" => "cbl-mariner",
        "opensuse" => "opensuse-leap",
        "sle-micro" | "sl-micro" | "sle-micro-rancher" => "slem",
        "centos" if os.name.contains("Stream") => "centos-stream",
        id => id,
    }
}

fn component(package: &Package, os: Option<&OsRelease>, number: u32) -> Value {
    let mut properties = vec![property("manager", &visible(&package.manager, 40))];
    properties.extend(Source::of(package).properties());
    let mut component = json!({
        "type": "library",
        "bom-ref": format!("package-{number}"),
        "name": visible(&package.name, 300),
        "version": visible(&package.version, 300),
        "properties": properties,
    });
    if let Some(purl) = purl(package, os) {
        component["purl"] = purl.into();
    }
    component
}

/// The source package that a package was built from: itself, unless its database says otherwise.
struct Source<'a> {
    name: &'a str,
    epoch: &'a str,
    version: &'a str,
    release: &'a str,
}

impl<'a> Source<'a> {
    fn of(package: &'a Package) -> Self {
        let or = |one: &'a str, other: &'a str| if one.is_empty() { other } else { one };
        let whole = or(&package.source_version, &package.version);
        let (epoch, rest) = whole.split_once(':').unwrap_or(("", whole));
        // The name of an rpm source package does not include its epoch, which is that of the package.
        let own = package
            .version
            .split_once(':')
            .map_or("", |(epoch, _)| epoch);
        let (epoch, (version, release)) = match package.manager.as_str() {
            "rpm" => (or(epoch, own), rest.rsplit_once('-').unwrap_or((rest, ""))),
            "dpkg" => (epoch, rest.rsplit_once('-').unwrap_or((rest, ""))),
            _ => ("", (whole, "")),
        };
        Self {
            name: or(&package.source, &package.name),
            epoch,
            version,
            release,
        }
    }

    fn properties(&self) -> Vec<Value> {
        let is_number = self.epoch.parse::<u32>().is_ok_and(|epoch| epoch > 0);
        let all = [
            ("SrcName", self.name),
            ("SrcVersion", self.version),
            ("SrcRelease", self.release),
            ("SrcEpoch", if is_number { self.epoch } else { "" }),
        ];
        all.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| json!({ "name": format!("{TRIVY}{name}"), "value": visible(value, 300) }))
            .collect()
    }
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
        let (epoch, version) = package
            .version
            .split_once(':')
            .unwrap_or(("", &package.version));
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
    qualifier("upstream", &upstream(package));
    Some(purl)
}

/// The source package as Syft and Grype write it: `NAME` or `NAME@VERSION`, and for rpm the name of its file. Nothing if it
/// is the package itself.
fn upstream(package: &Package) -> String {
    let (source, version) = (&package.source, &package.source_version);
    match (source.as_str(), package.manager.as_str()) {
        ("", _) => String::new(),
        (_, "rpm") => format!("{source}-{version}.src.rpm"),
        (name, _) if version.is_empty() && name == package.name => String::new(),
        (name, _) if version.is_empty() => name.to_owned(),
        _ => format!("{source}@{version}"),
    }
}
