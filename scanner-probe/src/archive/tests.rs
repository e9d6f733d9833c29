//! Archives in the forms that programs write, and archives that say two things.

use std::io::Write as _;

use serde_json::{Value, json};

use super::{
    json::Json,
    packing::{Hashed, digest_of, unpack},
    *,
};
use crate::Tree as _;

mod choice;

use choice::twisted;

const ROOT: &[u8] = b"root:x:0:0:::\n";
const TOOR: &[u8] = b"root:x:0:0:::\ntoor:x:0:0:::\n";

type Parts = Vec<(String, Vec<u8>)>;

/// An archive of files; what has no data but a name behind `->` is a symbolic link.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (path, data) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(0o644);
        let (path, data) = match path.split_once("->") {
            Some((path, to)) => {
                header.set_entry_type(::tar::EntryType::Symlink);
                header.set_link_name(to).unwrap();
                (path, &b""[..])
            }
            None => (*path, *data),
        };
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append_data(&mut header, path, data).unwrap();
    }
    builder.into_inner().unwrap()
}

fn whole(parts: &Parts) -> Vec<u8> {
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(n, b)| (n.as_str(), &b[..])).collect();
    tar(&parts)
}

fn put(parts: &mut Parts, bytes: Vec<u8>) -> Value {
    let digest = digest_of(&bytes);
    let size = bytes.len();
    parts.push((digest.replace("sha256:", "blobs/sha256/"), bytes));
    json!({"digest": digest, "size": size})
}

fn config(plain: &[Vec<u8>]) -> Vec<u8> {
    let digests: Vec<String> = plain.iter().map(|layer| digest_of(layer)).collect();
    json!({"os": "linux", "rootfs": {"type": "layers", "diff_ids": digests}})
        .to_string()
        .into()
}

/// A manifest and all that it names; layers as they are packed, and as the configuration has them.
fn image(parts: &mut Parts, packed: &[Vec<u8>], plain: &[Vec<u8>]) -> Value {
    let config = put(parts, config(plain));
    let layers: Vec<Value> = packed
        .iter()
        .map(|layer| put(parts, layer.clone()))
        .collect();
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
    put(parts, manifest.to_string().into())
}

fn index(parts: &mut Parts, manifests: &Value) {
    let index = json!({"schemaVersion": 2, "manifests": manifests});
    parts.push(("index.json".into(), index.to_string().into()));
}

fn saved(parts: &mut Parts, images: &Value) {
    parts.push(("manifest.json".into(), images.to_string().into()));
}

fn layer(passwd: &[u8]) -> Vec<u8> {
    tar(&[("etc/passwd", passwd)])
}

fn read(archive: &[u8]) -> io::Result<Layers> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(archive)?;
    open(file.path(), true)
}

/// What `/etc/passwd` is in the end.
fn passwd(archive: &[u8]) -> String {
    let image = read(archive).unwrap();
    image.text("/etc/passwd").unwrap().unwrap()
}

fn refused(archive: &[u8], words: &str) {
    let error = read(archive).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    assert!(error.to_string().contains(words), "{words}: {error}");
}

/// A layout of one layer, packed so.
fn packed(bytes: Vec<u8>, plain: Vec<u8>) -> Vec<u8> {
    let mut parts = Parts::new();
    let manifest = image(&mut parts, &[bytes], &[plain]);
    index(&mut parts, &json!([manifest]));
    whole(&parts)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A frame of blocks that are stored as they are, RFC 8878.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    let size = u32::try_from(bytes.len()).unwrap();
    frame.extend(&((size << 3) | 1).to_le_bytes()[..3]);
    frame.extend(bytes);
    frame
}

fn skippable(bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [&[0x5a, 0x2a, 0x4d, 0x18], &size[..], bytes].concat()
}

#[test]
fn a_layer_may_be_packed_in_several_pieces() {
    let plain = layer(TOOR);
    let (one, two) = plain.split_at(700);
    for (name, bytes) in [
        ("gzip", gzip(&plain)),
        ("two members", [gzip(one), gzip(two)].concat()),
        ("zstd", zstd(&plain)),
        ("two frames", [zstd(one), zstd(two)].concat()),
        (
            "a frame of something else first",
            [skippable(b"x"), zstd(&plain)].concat(),
        ),
        ("and last", [zstd(&plain), skippable(&[0; 99])].concat()),
    ] {
        assert_eq!(
            passwd(&packed(bytes, plain.clone())).as_bytes(),
            TOOR,
            "{name}"
        );
    }
    for (name, bytes) in [
        ("gzip", [gzip(&plain), b"garbage".to_vec()].concat()),
        ("zstd", [zstd(&plain), b"garbage".to_vec()].concat()),
        (
            "cut frame",
            [zstd(&plain), skippable(b"xx")[..9].to_vec()].concat(),
        ),
        ("cut member", gzip(&plain)[..60].to_vec()),
    ] {
        assert!(read(&packed(bytes, plain.clone())).is_err(), "{name}");
    }
    // What follows the end of the archive is no file, and belongs to the digest.
    let behind = [plain.clone(), b"garbage".to_vec()].concat();
    assert_eq!(passwd(&packed(gzip(&behind), behind)).as_bytes(), TOOR);
}

#[test]
fn a_layer_is_what_the_configuration_says_it_is() {
    refused(
        &packed(gzip(&layer(TOOR)), layer(ROOT)),
        "digest in the configuration",
    );
    let mut parts = Parts::new();
    let manifest = image(&mut parts, &[layer(ROOT)], &[]);
    index(&mut parts, &json!([manifest]));
    refused(&whole(&parts), "not those of its configuration");
}

/// As Docker 25 and later save an image: in both forms.
fn both(good: &[u8], other: &[u8], index_of: impl Fn(Value) -> Value) -> Vec<u8> {
    let mut parts = Parts::new();
    let manifest = image(&mut parts, &[layer(good)], &[layer(good)]);
    let config = put(&mut parts, config(&[layer(other)]));
    let blob = put(&mut parts, layer(other));
    let path = |of: &Value| {
        of["digest"]
            .as_str()
            .unwrap()
            .replace("sha256:", "blobs/sha256/")
    };
    let names =
        json!([{"Config": path(&config), "RepoTags": ["app:1", "app:2"], "Layers": [path(&blob)]}]);
    saved(&mut parts, &names);
    index(&mut parts, &index_of(manifest));
    whole(&parts)
}

#[test]
fn two_documents_that_name_different_images_are_refused() {
    assert_eq!(passwd(&both(ROOT, ROOT, |m| json!([m]))).as_bytes(), ROOT);
    refused(&both(ROOT, TOOR, |m| json!([m])), "name different images");
}

#[test]
fn an_index_without_images_leaves_it_to_the_other_document() {
    for none in [json!(null), json!([])] {
        assert_eq!(passwd(&both(ROOT, TOOR, |_| none.clone())).as_bytes(), TOOR);
        let mut parts = Parts::new();
        index(&mut parts, &none);
        refused(&whole(&parts), "no image");
    }
}

#[test]
fn several_tags_of_an_image_are_one_image_and_several_images_are_refused() {
    let tags = both(ROOT, ROOT, |manifest| {
        let tag = |name: &str| {
            let mut manifest = manifest.clone();
            manifest["annotations"] = json!({"io.containerd.image.name": name});
            manifest
        };
        json!([tag("app:1"), tag("app:2")])
    });
    assert_eq!(passwd(&tags).as_bytes(), ROOT);
    let mut parts = Parts::new();
    let all: Vec<Value> = [ROOT, TOOR]
        .iter()
        .map(|passwd| image(&mut parts, &[layer(passwd)], &[layer(passwd)]))
        .collect();
    index(&mut parts, &json!(all));
    refused(&whole(&parts), "several images");
    let mut parts = Parts::new();
    let mut named = Vec::new();
    for (name, passwd) in [("a", ROOT), ("b", TOOR)] {
        parts.push((format!("{name}.json"), config(&[layer(passwd)])));
        parts.push((format!("{name}/layer.tar"), layer(passwd)));
        named.push(
            json!({"Config": format!("{name}.json"), "Layers": [format!("{name}/layer.tar")]}),
        );
    }
    saved(&mut parts, &json!(named));
    refused(&whole(&parts), "several images");
}

#[test]
fn of_several_platforms_this_machine_s_is_read_and_what_is_said_of_it_is_none() {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        arch => arch,
    };
    let mut parts = Parts::new();
    let mut ours = image(&mut parts, &[layer(TOOR)], &[layer(TOOR)]);
    let mut theirs = image(&mut parts, &[layer(ROOT)], &[layer(ROOT)]);
    ours["platform"] = json!({"os": "linux", "architecture": arch});
    theirs["platform"] = json!({"os": "linux", "architecture": "s390x"});
    let mut said = theirs.clone();
    said["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    said["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let inner = json!({"schemaVersion": 2, "manifests": [theirs, ours, said]});
    let inner = put(&mut parts, inner.to_string().into());
    index(&mut parts, &json!([inner]));
    let archive = whole(&parts);
    assert_eq!(passwd(&archive).as_bytes(), TOOR);
    let digest = ours["digest"].as_str();
    assert_eq!(read(&archive).unwrap().manifest_digest(), digest);
}

#[test]
fn a_layer_of_docker_save_may_be_a_link_to_another_one() {
    let (lower, upper) = (layer(TOOR), tar(&[("x", b"")]));
    let save = |files: &[(&str, &[u8])]| {
        let digests = [&lower, &upper, &lower].map(|layer| digest_of(layer));
        let config = json!({"rootfs": {"diff_ids": digests}}).to_string();
        let names = ["a/layer.tar", "b/layer.tar", "c/layer.tar"];
        let manifest = json!([{"Config": "c.json", "RepoTags": null, "Layers": names}]).to_string();
        let documents: [(&str, &[u8]); 2] = [
            ("c.json", config.as_bytes()),
            ("manifest.json", manifest.as_bytes()),
        ];
        tar(&[files, &documents].concat())
    };
    let files: [(&str, &[u8]); 2] = [("a/layer.tar", &lower), ("b/layer.tar", &upper)];
    let linked = save(&[&files[..], &[("c/layer.tar->../a/layer.tar", b"")]].concat());
    assert_eq!(passwd(&linked).as_bytes(), TOOR);
    let looped = save(&[&files[..], &[("c/layer.tar->layer.tar", b"")]].concat());
    refused(&looped, "too many links");
    let wrong = save(&[&files[..], &[("c/layer.tar->../b/layer.tar", b"")]].concat());
    refused(&wrong, "digest");
}

#[test]
fn an_image_without_layers_is_an_image_and_a_document_twice_is_none() {
    let mut parts = vec![(
        "c.json".to_owned(),
        json!({"rootfs": {"diff_ids": null}}).to_string().into(),
    )];
    saved(&mut parts, &json!([{"Config": "c.json", "Layers": null}]));
    assert!(read(&whole(&parts)).unwrap().names("/").unwrap().is_empty());
    saved(&mut parts, &json!([{"Config": "c.json", "Layers": []}]));
    let error = read(&whole(&parts)).unwrap_err();
    assert!(error.to_string().contains("manifest.json twice"), "{error}");
}

#[test]
fn what_a_link_of_an_upper_layer_leads_to_is_read() {
    let lower = tar(&[("nix/store/passwd", TOOR), ("nix/store/db", b"x")]);
    let upper = tar(&[("etc/passwd->/nix/store/passwd", b"")]);
    let mut parts = Parts::new();
    let manifest = image(&mut parts, &[gzip(&lower), gzip(&upper)], &[lower, upper]);
    index(&mut parts, &json!([manifest]));
    assert_eq!(passwd(&whole(&parts)).as_bytes(), TOOR);
}

#[test]
fn a_file_that_is_no_archive_is_another_thing_than_a_broken_image() {
    for bytes in [
        &b"secret: hunter2\n".repeat(200)[..],
        &tar(&[("readme", b"")]),
    ] {
        let error = read(bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn an_image_without_a_configuration_is_none() {
    for (from, to) in [
        (r#""config":"#, r#""artifact":"#),
        (r#""rootfs""#, r#""other""#),
    ] {
        let without = |_: &str, text: String| text.replace(from, to);
        assert!(read(&twisted(&without)).is_err(), "{from}");
    }
}

#[test]
fn documents_and_layers_are_bounded_together() {
    let mut parts = Parts::new();
    let mut large = config(&[layer(ROOT)]);
    large.resize(1 << 20, b' ');
    parts.push(("c.json".into(), large));
    parts.push(("l.tar".into(), layer(ROOT)));
    let image = json!({"Config": "c.json", "Layers": ["l.tar"]});
    saved(&mut parts, &json!(vec![image.clone(); 8]));
    assert_eq!(passwd(&whole(&parts)).as_bytes(), ROOT);
    parts.pop();
    saved(&mut parts, &json!(vec![image; 100]));
    refused(&whole(&parts), "all of them together");
    let mut bounded = Hashed::new(&[0; 30][..], 20);
    assert_eq!(
        io::copy(&mut bounded.by_ref().take(15), &mut io::sink()).unwrap(),
        15
    );
    assert_eq!(bounded.left(), 5);
    assert!(io::copy(&mut bounded, &mut io::sink()).is_err());
}
