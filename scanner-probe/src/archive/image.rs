//! Which image an archive holds: by `index.json`, by `manifest.json`, or by both, which then agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use super::{
    blob::{Blobs, path_of},
    fault::{bad, other},
    json::Json,
    platform::{Fit, fit, is_image},
};

/// Most indexes within indexes, and most images that are named.
const MAX_NESTED: usize = 4;
const MAX_IMAGES: usize = 1024;
/// Media types of manifests and indexes: of OCI and of docker.
const MANIFESTS: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
/// Annotations by which programs that load an archive name its images.
const NAMES: [&str; 2] = [
    "org.opencontainers.image.ref.name",
    "io.containerd.image.name",
];

/// The parts of an image that are read.
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
    /// Its digests as it is packed, and unpacked.
    pub(super) packed: Option<String>,
    pub(super) plain: String,
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
    let docker = if has_manifest { docker(blobs)? } else { None };
    match (oci, docker) {
        (None, None) => Err(bad("it has no image")),
        (Some((image, _)), None) | (None, Some((image, _))) => Ok(image),
        // Programs that load an archive read one document or the other.
        (Some((image, by_index)), Some((_, by_manifest))) if by_index == by_manifest => Ok(image),
        _ => Err(bad(
            "index.json and manifest.json name different images: programs that load it take one or the other",
        )),
    }
}

/// An image, and the digest of its configuration.
type Named = (Image, String);

/// The image of an OCI image layout; `None` when it names none.
fn oci(blobs: &mut Blobs) -> io::Result<Option<Named>> {
    let (index, _) = blobs.json("index.json")?;
    if kind(&index, INDEXES[0])? != Kind::Index {
        return Err(bad("index.json is not an index"));
    }
    let mut left = vec![(index, 0)];
    let mut found: Vec<(Json, String)> = Vec::new();
    let (mut seen, mut others) = (BTreeSet::new(), 0);
    while let Some((index, depth)) = left.pop() {
        if depth >= MAX_NESTED {
            return Err(bad("its indexes are nested too deep"));
        }
        let (fitting, others_here) = images(&index, depth == 0)?;
        others += others_here;
        for named in fitting {
            let digest = named.text("digest")?;
            // Each tag of an image is a descriptor of its own.
            if !seen.insert(digest.to_owned()) {
                continue;
            }
            if seen.len() > MAX_IMAGES {
                return Err(bad("it has too many images"));
            }
            let document = blobs.named(digest)?;
            match kind(&document, named.text("mediaType")?)? {
                Kind::Manifest => found.push((document, digest.to_owned())),
                Kind::Index => left.push((document, depth + 1)),
            }
        }
    }
    let Some((manifest, digest)) = found.pop() else {
        return match others {
            0 => Ok(None),
            _ => Err(bad("it has no image for this machine")),
        };
    };
    if !found.is_empty() {
        return Err(bad("it has several images: save one"));
    }
    let layers = manifest.list("layers")?;
    let config = manifest.get("config")?.text("digest")?.to_owned();
    let plain = plain(&blobs.named(&config)?, layers.len())?;
    let layers = layers.iter().zip(plain).map(|(layer, plain)| {
        let digest = layer.text("digest")?;
        Ok(Layer {
            name: path_of(digest)?,
            packed: Some(digest.to_owned()),
            plain,
        })
    });
    let image = Image {
        layers: layers.collect::<io::Result<_>>()?,
        manifest: Some(digest),
    };
    Ok(Some((image, config)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Manifest,
    Index,
}

/// The kind of a document, by its fields; its own media type and that of its descriptor must not contradict them.
///
/// # Errors
///
/// Fails when it is both: some runtimes read it as the one, and some as the other, see CVE-2021-41190.
fn kind(document: &Json, named: &str) -> io::Result<Kind> {
    let is_manifest = !document.get("layers")?.is_null() || !document.get("config")?.is_null();
    let is_index = !document.get("manifests")?.is_null();
    let says = |types: [&str; 2]| -> io::Result<bool> {
        Ok(types.contains(&named) || types.contains(&document.text("mediaType")?))
    };
    match (is_manifest || says(MANIFESTS)?, is_index || says(INDEXES)?) {
        (true, true) => Err(bad(
            "a document of the image is a manifest and an index at once",
        )),
        (true, false) => Ok(Kind::Manifest),
        (false, _) => Ok(Kind::Index),
    }
}

/// The images in an index that are for this machine, and how many others there are. In the topmost index, images with names
/// count by themselves: programs load each by its name, whatever its platform.
fn images(index: &Json, topmost: bool) -> io::Result<(Vec<&Json>, usize)> {
    let (mut images, mut any_name) = (Vec::new(), false);
    for descriptor in index.list("manifests")? {
        let annotations = descriptor.get("annotations")?;
        let mut has_name = false;
        for name in NAMES {
            has_name |= topmost && !annotations.get(name)?.is_null();
        }
        if has_name || is_image(descriptor)? {
            images.push((descriptor, fit(descriptor)?));
        }
        any_name |= has_name;
    }
    let least = match images.iter().map(|(_, fit)| *fit).max() {
        _ if any_name || images.len() == 1 => Fit::No,
        Some(Fit::Exact) => Fit::Near,
        _ => Fit::Fallback,
    };
    let all = images.len();
    images.retain(|(_, fit)| *fit >= least);
    let others = all - images.len();
    Ok((images.into_iter().map(|(image, _)| image).collect(), others))
}

/// Digests of the unpacked layers, from a configuration.
fn plain(config: &Json, count: usize) -> io::Result<Vec<String>> {
    let digests = config.get("rootfs")?.list("diff_ids")?;
    if digests.len() != count {
        return Err(bad("its layers are not those of its configuration"));
    }
    let digest = |value: &Json| match value {
        Json::Text(digest) => Ok(digest.clone()),
        _ => Err(bad("a layer has no digest in the configuration")),
    };
    digests.iter().map(digest).collect()
}

/// The image of `docker save`, whose layers are named by the digests in its configuration; `None` when there is
/// none.
fn docker(blobs: &mut Blobs) -> io::Result<Option<Named>> {
    let (manifest, _) = blobs.json("manifest.json")?;
    let all = match &manifest {
        Json::Null => &[][..],
        Json::List(all) if all.len() <= MAX_IMAGES => all,
        _ => return Err(bad("manifest.json is not a list of images")),
    };
    let mut found = BTreeMap::new();
    for image in all {
        let (config, digest) = blobs.json(image.text("Config")?)?;
        let layers = image.list("Layers")?;
        let plain = plain(&config, layers.len())?;
        let layers = layers.iter().zip(plain).map(|(layer, plain)| match layer {
            Json::Text(name) => Ok(Layer {
                name: name.clone(),
                packed: None,
                plain,
            }),
            _ => Err(bad("a layer in manifest.json has no name")),
        });
        // The configuration has the digest of each layer, wherever that is stored.
        found.insert(digest, layers.collect::<io::Result<_>>()?);
    }
    if found.len() > 1 {
        return Err(bad("it has several images: save one"));
    }
    Ok(found.pop_first().map(|(digest, layers)| {
        let image = Image {
            layers,
            manifest: None,
        };
        (image, digest)
    }))
}
