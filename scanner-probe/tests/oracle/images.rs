//! Random archives of images, which name one or several in every way that a program may take for its own.

use std::{collections::BTreeMap, io::Write as _};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    random::Random,
    write::{Entry, archive},
};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const REF: &str = "org.opencontainers.image.ref.name";
pub(crate) const NAME: &str = "io.containerd.image.name";
/// Keys that readers look for.
const KEYS: [&str; 12] = [
    "manifests",
    "digest",
    "platform",
    "os",
    "architecture",
    "config",
    "layers",
    "rootfs",
    "diff_ids",
    "Config",
    "Layers",
    "mediaType",
];

/// This machine's architecture, as it is named in images.
pub(crate) fn machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        arch => arch,
    }
}

/// An archive while it is made.
#[derive(Default)]
pub(crate) struct Archive {
    pub(crate) entries: Vec<Entry>,
    /// Which image has a layer of that digest.
    pub(crate) images: BTreeMap<String, String>,
}

/// One image with a layer of its own.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) layer: Vec<u8>,
    /// The layer as it is packed.
    pub(crate) packed: Vec<u8>,
    pub(crate) config: String,
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    sum.iter().fold("sha256:".to_owned(), |text, byte| {
        format!("{text}{byte:02x}")
    })
}

fn path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).expect("memory can be written to");
    packed.finish().expect("memory can be written to")
}

impl Archive {
    pub(crate) fn file(&mut self, name: &str, bytes: &[u8]) {
        self.entries.push(Entry::file(name.as_bytes(), bytes));
    }

    /// Adds what is named by its digest, and describes it.
    pub(crate) fn blob(&mut self, kind: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        self.file(&path(&digest), bytes);
        json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    }

    /// An image that has the file `id`.
    pub(crate) fn image(&mut self, id: &str, platform: (&str, &str), pack: bool) -> Image {
        let layer = archive(&[Entry::file(id.as_bytes(), id.as_bytes())]);
        self.images.insert(digest(&layer), format!("/{id}"));
        let packed = if pack { gzip(&layer) } else { layer.clone() };
        let rootfs = json!({"type": "layers", "diff_ids": [digest(&layer)]});
        let config = json!({"os": platform.0, "architecture": platform.1, "rootfs": rootfs});
        Image {
            layer,
            packed,
            config: config.to_string(),
        }
    }

    /// The manifest of an image, and all that it names.
    pub(crate) fn manifest(&mut self, image: &Image) -> String {
        let config = self.blob(
            "application/vnd.oci.image.config.v1+json",
            image.config.as_bytes(),
        );
        let kind = if image.packed == image.layer {
            "application/vnd.oci.image.layer.v1.tar"
        } else {
            "application/vnd.oci.image.layer.v1.tar+gzip"
        };
        let layer = self.blob(kind, &image.packed);
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        manifest.to_string()
    }

    pub(crate) fn layout(&mut self) {
        self.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    }

    /// What is text in it, for the reader of a failed test.
    pub(crate) fn documents(&self) -> String {
        let text = |entry: &Entry| {
            let text = str::from_utf8(&entry.data)
                .ok()
                .filter(|text| !text.contains('\0'))?;
            Some(format!("  {}: {text}\n", entry.name.escape_ascii()))
        };
        self.entries.iter().filter_map(text).collect()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        archive(&self.entries)
    }
}

/// The name in other letters that Go takes for it.
fn respelled(random: &mut Random, key: &str) -> String {
    let letters = key.chars().map(|letter| match letter {
        letter if random.rarely(2) => letter,
        's' if random.rarely(3) => '\u{17f}',
        letter if letter.is_ascii_uppercase() => letter.to_ascii_lowercase(),
        letter => letter.to_ascii_uppercase(),
    });
    letters.collect()
}

/// A document, or one that says something twice or in other letters: `other` is of the same kind.
fn twisted(random: &mut Random, text: &str, other: &str) -> String {
    let key = random.one(&KEYS);
    let said = format!("\"{key}\":");
    let respelled = respelled(random, key);
    match random.below(60) {
        0 => text.replacen(&said, &format!("\"{respelled}\":"), 1),
        1 => text.replacen(&said, &format!("\"{respelled}\":null,{said}"), 1),
        2 => text.replacen(&said, &format!("{said}null,\"{respelled}\":"), 1),
        3 | 4 => {
            // All of one, and behind it all of the other one.
            let (Some(one), Some(two)) = (text.strip_suffix('}'), other.strip_prefix('{')) else {
                return text.to_owned();
            };
            let two = match random.below(2) {
                0 => two.to_owned(),
                _ => two.replacen(&said, &format!("\"{respelled}\":"), 1),
            };
            format!("{one},{two}")
        }
        5 => text.replacen('{', r#"{"manifests":[],"#, 1),
        6 => text.replacen('{', r#"{"layers":[],"config":{},"#, 1),
        7 => text.replacen(
            MANIFEST,
            random.one(&[INDEX, DOCKER_MANIFEST, "", "text/plain"]),
            1,
        ),
        _ => text.to_owned(),
    }
}

fn platform(random: &mut Random) -> Value {
    let ours = machine();
    let alias = match ours {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    };
    match random.below(16) {
        0..=3 => json!(null),
        4 | 5 => json!({"os": "linux", "architecture": ours}),
        6 => json!({"os": "linux", "architecture": alias}),
        7 => json!({"os": "Linux", "architecture": ours.to_uppercase()}),
        8 => json!({"architecture": ours}),
        9 => json!({"os": "linux", "architecture": "unknown"}),
        10 => json!({"os": "unknown", "architecture": "unknown"}),
        11 => json!({"os": "linux", "architecture": "386"}),
        12 => json!({"os": "linux", "architecture": "arm", "variant": "v7"}),
        13 => json!({}),
        14 => {
            json!({"os": "linux", "architecture": ours, "variant": random.one(&["v1", "v2", "v8", "v9"])})
        }
        _ => json!({"os": random.one(&["linux", "windows"]), "architecture": "s390x"}),
    }
}

fn described(random: &mut Random, descriptor: &Value, named: usize) -> Value {
    let mut descriptor = descriptor.clone();
    let platform = platform(random);
    if !platform.is_null() {
        descriptor["platform"] = platform;
    }
    if random.rarely(12) {
        descriptor["mediaType"] = random
            .one(&[DOCKER_MANIFEST, INDEX, "", "text/plain"])
            .into();
    }
    if random.rarely(named) {
        let name = random.one(&["app:1", "app:2"]);
        let (key, value) = random.one(&[
            (REF, name),
            (NAME, name),
            (REF, name),
            ("vnd.docker.reference.type", "attestation-manifest"),
            ("other", "x"),
        ]);
        descriptor["annotations"] = json!({key: value});
    }
    descriptor
}

/// An archive of one to three images.
pub(crate) fn random(random: &mut Random) -> Archive {
    let mut all = Archive::default();
    let mut images = Vec::new();
    for number in 0..random.one(&[1, 2, 2, 3]) {
        let machine = random.one(&[machine(), machine(), machine(), "s390x", ""]);
        let pack = random.rarely(2);
        let id = format!("id-{number}");
        images.push(all.image(&id, (random.one(&["linux", "linux", ""]), machine), pack));
    }
    let configs: Vec<String> = images.iter().map(|image| image.config.clone()).collect();
    for image in &mut images {
        let other = random.below(configs.len());
        image.config = twisted(random, &image.config, &configs[other]);
    }
    let written: Vec<String> = images.iter().map(|image| all.manifest(image)).collect();
    let mut manifests = Vec::new();
    for text in &written {
        let other = random.below(written.len());
        let text = twisted(random, text, &written[other]);
        manifests.push(all.blob(MANIFEST, text.as_bytes()));
    }
    let some = |random: &mut Random, named: usize| -> Vec<Value> {
        let count = random.one(&[0, 1, 1, 1, 2, 2, 3]);
        let mut one = || manifests[random.below(manifests.len())].clone();
        let some: Vec<Value> = (0..count).map(|_| one()).collect();
        some.iter()
            .map(|one| described(random, one, named))
            .collect()
    };
    if !random.rarely(5) {
        let mut named = some(random, 3);
        if random.rarely(2) {
            let inner =
                json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": some(random, 9)})
                    .to_string();
            let inner = twisted(random, &inner, &written[0]);
            let nested = all.blob(INDEX, inner.as_bytes());
            named = if random.rarely(3) { named } else { Vec::new() };
            named.insert(random.below(named.len() + 1), nested);
        }
        let index = json!({"schemaVersion": 2, "manifests": named}).to_string();
        let other = json!({"schemaVersion": 2, "manifests": some(random, 3)}).to_string();
        let index = twisted(random, &index, &other);
        let name = random.one(&[
            "index.json",
            "index.json",
            "index.json",
            "./index.json",
            "/index.json",
            "a/../index.json",
        ]);
        all.file(name, index.as_bytes());
        if random.rarely(30) {
            all.file(
                random.one(&["index.json", "./index.json"]),
                other.as_bytes(),
            );
        }
    }
    if random.rarely(2) {
        saved(random, &mut all, &images);
    }
    if !random.rarely(5) {
        all.layout();
    }
    all
}

/// Adds `manifest.json`.
fn saved(random: &mut Random, all: &mut Archive, images: &[Image]) {
    let mut list = |random: &mut Random| {
        let mut named = Vec::new();
        for _ in 0..random.one(&[0, 1, 1, 1, 1, 2]) {
            let image = &images[random.below(images.len())];
            let config = path(&digest(image.config.as_bytes()));
            let layer = format!("{}/layer.tar", named.len());
            if random.rarely(4) {
                let to = format!("../{}", path(&digest(&image.packed)));
                all.entries
                    .push(Entry::link(b'2', layer.as_bytes(), to.as_bytes()));
            } else {
                all.file(&layer, &image.layer);
            }
            named.push(json!({"Config": config, "RepoTags": ["app:1"], "Layers": [layer]}));
        }
        json!(named).to_string()
    };
    let (one, other) = (list(random), list(random));
    let text = match (one.strip_prefix("[{"), other.strip_prefix('[')) {
        // What is twisted is the first image of the list.
        (Some(_), Some(other)) if other.starts_with('{') && random.rarely(8) => {
            let inner = one.trim_start_matches('[').trim_end_matches(']');
            format!("[{}]", twisted(random, inner, other.trim_end_matches(']')))
        }
        _ => one,
    };
    all.file("manifest.json", text.as_bytes());
    if random.rarely(30) {
        all.file("./manifest.json", other.as_bytes());
    }
}
