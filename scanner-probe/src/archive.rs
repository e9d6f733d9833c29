//! Reads an image from an archive: an OCI image layout in a tar file, or what `docker save` wrote.
//!
//! Every blob that is read is compared with the digest by which it is named.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    path::Path,
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{headers::Headers, layers::Layers};

/// Largest index, manifest or configuration in bytes.
const MAX_JSON: u64 = 8 << 20;
/// Most bytes of one layer once it is unpacked.
const MAX_LAYER: u64 = 64 << 30;
/// Most layers, and most indexes within indexes.
const MAX_LAYERS: usize = 512;
const MAX_NESTED: usize = 4;

/// How a zstd frame starts, RFC 8878.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Where each file of the archive is: offset and size.
struct Archive {
    file: File,
    places: BTreeMap<String, (u64, u64)>,
}

/// Reads the image in `path`; of an image for several platforms the one for this machine.
/// Digests of its files are taken if they are wanted.
///
/// # Errors
///
/// Fails when it is no archive of an image, or a blob is not what its digest says.
pub fn open(path: &Path, digests: bool) -> io::Result<Layers> {
    let mut archive = Archive::open(path)?;
    let (names, manifest) = if archive.places.contains_key("index.json") {
        archive.oci()?
    } else if archive.places.contains_key("manifest.json") {
        (archive.docker()?, None)
    } else {
        return Err(other(
            "it is no archive of an image: it has neither index.json nor manifest.json",
        ));
    };
    if names.len() > MAX_LAYERS {
        return Err(bad("the image has too many layers"));
    }
    let mut layers = Layers::new(digests);
    layers.manifest = manifest;
    for (name, digest, unpacked) in names {
        archive.layer(&name, &digest, unpacked, &mut layers)?;
    }
    Ok(layers)
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// It is something else than what is read here.
fn other(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Name of the file, its digest, and whether the digest is that of the unpacked layer.
type LayerName = (String, String, bool);

impl Archive {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut places = BTreeMap::new();
        // What tar says of a file that is none holds pieces of it.
        let no_tar = |error: io::Error| match error.kind() {
            io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                other("it is no OCI archive of an image, nor another tar file")
            }
            _ => error,
        };
        for entry in tar::Archive::new(Headers::new(&file))
            .entries_with_seek()
            .map_err(no_tar)?
        {
            let entry = entry.map_err(no_tar)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = name.trim_start_matches("./").to_owned();
            places.insert(name, (entry.raw_file_position(), entry.size()));
        }
        Ok(Self { file, places })
    }

    fn read(&mut self, name: &str) -> io::Result<impl Read + '_> {
        let place = self.places.get(name).copied();
        let (offset, size) = place.ok_or_else(|| bad("a part of the image is not in it"))?;
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(BufReader::with_capacity(1 << 16, &self.file).take(size))
    }

    fn json(&mut self, name: &str, digest: Option<&str>) -> io::Result<Value> {
        let mut bytes = Vec::new();
        self.read(name)?.take(MAX_JSON).read_to_end(&mut bytes)?;
        if let Some(digest) = digest {
            same(Sha256::digest(&bytes).as_slice(), digest)?;
        }
        serde_json::from_slice(&bytes).map_err(io::Error::from)
    }

    /// Layers of an OCI image layout, lowest first, and the digest of its manifest.
    fn oci(&mut self) -> io::Result<(Vec<LayerName>, Option<String>)> {
        let mut found = self.json("index.json", None)?;
        let mut manifest = None;
        for _ in 0..MAX_NESTED {
            if let Some(layers) = found["layers"].as_array() {
                let layers = layers
                    .iter()
                    .map(|layer| Ok((blob(layer)?, text(layer, "digest").to_owned(), false)));
                return Ok((layers.collect::<io::Result<_>>()?, manifest));
            }
            let all = found["manifests"].as_array().cloned().unwrap_or_default();
            let next = ours(&all).ok_or_else(|| bad("it has no image for this machine"))?;
            let digest = text(next, "digest").to_owned();
            found = self.json(&blob(next)?, Some(&digest))?;
            manifest = Some(digest);
        }
        Err(bad("its indexes are nested too deep"))
    }

    /// Layers of `docker save`, lowest first; they are named by the digests in the configuration.
    fn docker(&mut self) -> io::Result<Vec<LayerName>> {
        let manifest = self.json("manifest.json", None)?;
        let images = manifest.as_array().map_or(0, Vec::len);
        if images != 1 {
            return Err(bad("it has not exactly one image"));
        }
        let config = self.json(text(&manifest[0], "Config"), None)?;
        let digests = config["rootfs"]["diff_ids"].as_array();
        let layers = manifest[0]["Layers"].as_array();
        let (digests, layers) = digests
            .zip(layers)
            .filter(|(digests, layers)| digests.len() == layers.len())
            .ok_or_else(|| bad("its layers are not those of its configuration"))?;
        let named = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pairs = layers.iter().zip(digests);
        Ok(pairs.map(|(l, d)| (named(l), named(d), true)).collect())
    }

    fn layer(
        &mut self,
        name: &str,
        digest: &str,
        unpacked: bool,
        layers: &mut Layers,
    ) -> io::Result<()> {
        let mut start = [0; 4];
        self.read(name)?.read_exact(&mut start)?;
        let mut packed = Hashed::new(self.read(name)?, u64::MAX);
        let plain: Box<dyn Read + '_> = match start {
            [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(&mut packed)),
            ZSTD => Box::new(
                ruzstd::decoding::StreamingDecoder::new(&mut packed).map_err(io::Error::other)?,
            ),
            _ => Box::new(&mut packed),
        };
        let mut plain = Hashed::new(plain, MAX_LAYER);
        layers.add(&mut plain)?;
        // What follows the end of the archive belongs to the digest too.
        io::copy(&mut plain, &mut io::sink())?;
        let plain = plain.sum();
        let more = io::copy(&mut packed, &mut io::sink())?;
        if start == ZSTD && more > 0 {
            return Err(bad(
                "a layer has several zstd frames, which cannot be read yet",
            ));
        }
        same(&if unpacked { plain } else { packed.sum() }, digest)
    }
}

/// The manifest for this machine, else the only one.
fn ours(all: &[Value]) -> Option<&Value> {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let fits = |m: &&Value| {
        text(&m["platform"], "os") == "linux" && text(&m["platform"], "architecture") == machine
    };
    match all {
        [one] => Some(one),
        many => many.iter().find(fits),
    }
}

fn blob(descriptor: &Value) -> io::Result<String> {
    let digest = text(descriptor, "digest").split_once(':');
    let (kind, hex) = digest.ok_or_else(|| bad("a part of the image has no digest"))?;
    Ok(format!("blobs/{kind}/{hex}"))
}

fn same(sum: &[u8], digest: &str) -> io::Result<()> {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let expected: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(byte).collect();
    if expected.as_deref() == Some(sum) {
        Ok(())
    } else {
        Err(bad("a part of the image is not what its digest says"))
    }
}

/// Hashes what passes, which may be no longer than it should.
struct Hashed<R> {
    inner: R,
    hash: Sha256,
    left: u64,
}

impl<R: Read> Hashed<R> {
    fn new(inner: R, left: u64) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            left,
        }
    }

    fn sum(self) -> Vec<u8> {
        self.hash.finalize().to_vec()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| bad("a layer is too large"))?;
        Ok(read)
    }
}
