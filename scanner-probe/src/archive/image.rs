//! Which image an archive holds: by `index.json`, by `manifest.json`, or by both, which then agree.

use std::{collections::BTreeSet, io};

use serde_json::Value;

use super::{
    blob::{Blobs, path_of},
    fault::{bad, other},
};

/// Most indexes within indexes, and most images that are named.
const MAX_NESTED: usize = 4;
const MAX_IMAGES: usize = 1024;

/// What is read of an image.
#[derive(Debug)]
pub(super) struct Image {
    /// Lowest first.
    pub(super) layers: Vec<Layer>,
    /// Digest of its manifest, where it has one.
    pub(super) manifest: Option<String>,
}

/// One layer.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// The part of the archive that holds it.
    pub(super) name: String,
    /// Its digest as it is packed, and unpacked.
    pub(super) packed: Option<String>,
    pub(super) plain: Option<String>,
}

/// The image of the archive; of several platforms that of this machine.
pub(super) fn of(blobs: &mut Blobs) -> io::Result<Image> {
    let (has_index, has_manifest) = (blobs.has("index.json"), blobs.has("manifest.json"));
    if !has_index && !has_manifest {
        return Err(other(
            "it is not an archive of an image: it has neither index.json nor manifest.json",
        ));
    }
    let oci = if has_index { oci(blobs)? } else { None };
    let docker = if has_manifest {
        docker(blobs)?
    } else {
        Vec::new()
    };
    let Some((image, config)) = oci else {
        return one(docker);
    };
    // Programs that load an archive go by one document or the other.
    let same = docker.iter().any(|named| named.config == config);
    if !docker.is_empty() && !same {
        return Err(bad(
            "index.json and manifest.json name different images: programs that load it take one or the other",
        ));
    }
    Ok(image)
}

/// An image of `manifest.json`.
struct Named {
    layers: Vec<Layer>,
    /// Digest of its configuration.
    config: Option<String>,
}

fn one(mut named: Vec<Named>) -> io::Result<Image> {
    let distinct: BTreeSet<&Option<String>> = named.iter().map(|n| &n.config).collect();
    if distinct.len() > 1 {
        return Err(bad("it has several images: save one"));
    }
    let named = named.pop().ok_or_else(|| bad("it has no image"))?;
    Ok(Image {
        layers: named.layers,
        manifest: None,
    })
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A list; what is written as null, as Go writes one without items, has none.
fn list<'a>(value: &'a Value, key: &str) -> io::Result<&'a [Value]> {
    match &value[key] {
        Value::Null => Ok(&[]),
        Value::Array(items) => Ok(items),
        _ => Err(bad("a document of the image has something else for a list")),
    }
}

/// The image of an OCI image layout, and the digest of its configuration; `None` when it names none.
fn oci(blobs: &mut Blobs) -> io::Result<Option<(Image, Option<String>)>> {
    let (index, _) = blobs.json("index.json")?;
    let mut left = vec![(index, None::<String>, 0)];
    let mut found: Vec<(Value, Option<String>)> = Vec::new();
    let (mut seen, mut others) = (BTreeSet::new(), 0);
    while let Some((document, digest, depth)) = left.pop() {
        if !document["layers"].is_null() || !document["config"].is_null() {
            found.push((document, digest));
            continue;
        }
        if depth >= MAX_NESTED {
            return Err(bad("its indexes are nested too deep"));
        }
        let all = list(&document, "manifests")?;
        let images: Vec<&Value> = all.iter().filter(|m| is_image(m)).collect();
        let fitting: Vec<&Value> = match images.as_slice() {
            [one] => vec![one],
            several => {
                let fit = several.iter().filter(|m| fits(m));
                fit.copied().collect()
            }
        };
        others += images.len() - fitting.len();
        for named in fitting {
            let digest = text(named, "digest").to_owned();
            // Each tag of an image is a descriptor of its own.
            if !seen.insert(digest.clone()) {
                continue;
            }
            if seen.len() > MAX_IMAGES {
                return Err(bad("it has too many images"));
            }
            left.push((blobs.named(&digest)?, Some(digest), depth + 1));
        }
    }
    match found.len() {
        0 if others > 0 => return Err(bad("it has no image for this machine")),
        0 if blobs.has("manifest.json") => return Ok(None),
        0 => return Err(bad("it has no image")),
        1 => {}
        _ => return Err(bad("it has several images: save one")),
    }
    let (manifest, digest) = found.swap_remove(0);
    let layers = list(&manifest, "layers")?;
    let config = match &manifest["config"] {
        Value::Null => None,
        config => Some(text(config, "digest").to_owned()),
    };
    let plain = match &config {
        Some(digest) => plain(&blobs.named(digest)?, layers.len())?,
        None => vec![None; layers.len()],
    };
    let layers = layers.iter().zip(plain).map(|(layer, plain)| {
        let digest = text(layer, "digest");
        Ok(Layer {
            name: path_of(digest)?,
            packed: Some(digest.to_owned()),
            plain,
        })
    });
    let image = Image {
        layers: layers.collect::<io::Result<_>>()?,
        manifest: digest,
    };
    Ok(Some((image, config)))
}

/// Digests of the unpacked layers by a configuration.
fn plain(config: &Value, count: usize) -> io::Result<Vec<Option<String>>> {
    let digests = list(&config["rootfs"], "diff_ids")?;
    if digests.len() != count {
        return Err(bad("its layers are not those of its configuration"));
    }
    let digest = |value: &Value| value.as_str().map(str::to_owned);
    let digests: Vec<Option<String>> = digests.iter().map(digest).collect();
    if digests.contains(&None) {
        return Err(bad("a layer has no digest in the configuration"));
    }
    Ok(digests)
}

/// Images of `docker save`; their layers are named by the digests in the configuration.
fn docker(blobs: &mut Blobs) -> io::Result<Vec<Named>> {
    let (manifest, _) = blobs.json("manifest.json")?;
    let all = match &manifest {
        Value::Null => &[][..],
        Value::Array(all) if all.len() <= MAX_IMAGES => all,
        _ => return Err(bad("manifest.json is no list of images")),
    };
    let mut named = Vec::new();
    for image in all {
        let (config, digest) = blobs.json(text(image, "Config"))?;
        let layers = list(image, "Layers")?;
        let plain = plain(&config, layers.len())?;
        let layers = layers.iter().zip(plain).map(|(layer, plain)| Layer {
            name: layer.as_str().unwrap_or_default().to_owned(),
            packed: None,
            plain,
        });
        named.push(Named {
            layers: layers.collect(),
            config: Some(digest),
        });
    }
    Ok(named)
}

/// Whether a descriptor names an image or images, and not what was said of one.
fn is_image(descriptor: &Value) -> bool {
    let attestation = &descriptor["annotations"]["vnd.docker.reference.type"];
    let unknown = text(&descriptor["platform"], "architecture") == "unknown";
    attestation.is_null() && !unknown
}

/// Whether it is for this machine. One that does not say is looked into.
fn fits(descriptor: &Value) -> bool {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let platform = &descriptor["platform"];
    platform.is_null()
        || (text(platform, "os") == "linux" && text(platform, "architecture") == machine)
}
