//! Images in archives: both formats, every packing, and blobs that are not what they are called.

use std::{fs, io::Write as _, path::Path, process::Command};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, data) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if path.ends_with("su") { 0o4755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder
            .append_data(&mut header, path, *data)
            .expect("a test image can be made");
    }
    builder.into_inner().expect("a test image can be made")
}

fn digest(bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    sum.iter()
        .fold("sha256:".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Two layers, of which the upper one hides a set-user-ID program and adds a second root user.
fn layers() -> [Vec<u8>; 2] {
    let lower = tar(&[("etc/passwd", b"root:x:0:0:::\n"), ("bin/su", b"")]);
    let two = b"root:x:0:0:::\ntoor:x:0:0:::\n";
    let upper = tar(&[("etc/passwd", two), ("bin/.wh.su", b"")]);
    [lower, upper]
}

/// An OCI image layout of packed layers; `spoil` has its say on the blobs before they are written: layers, manifest,
/// configuration.
fn oci(
    layers: &[Vec<u8>],
    pack: impl Fn(&[u8]) -> Vec<u8>,
    spoil: impl Fn(&mut Vec<(String, Vec<u8>)>),
) -> Vec<u8> {
    let sums: Vec<String> = layers.iter().map(|bytes| digest(bytes)).collect();
    let config = json!({"rootfs": {"type": "layers", "diff_ids": sums}}).to_string();
    let mut blobs = Vec::new();
    let mut blob = |bytes: Vec<u8>| {
        let digest = digest(&bytes);
        let at = json!({"digest": digest, "size": bytes.len()});
        blobs.push((digest.replace("sha256:", "blobs/sha256/"), bytes));
        at
    };
    let layers: Vec<Value> = layers.iter().map(|bytes| blob(pack(bytes))).collect();
    let described = json!({"digest": digest(config.as_bytes()), "size": config.len()});
    let manifest = json!({"schemaVersion": 2, "config": described, "layers": layers});
    let manifest = blob(manifest.to_string().into());
    blob(config.into());
    let other = json!({"digest": "sha256:00", "platform": {"os": "plan9", "architecture": "x"}});
    let mut ours = manifest;
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        arch => arch,
    };
    ours["platform"] = json!({"os": "linux", "architecture": arch});
    let index = json!({"schemaVersion": 2, "manifests": [other, ours]});
    spoil(&mut blobs);
    let index = index.to_string();
    let mut files = vec![("index.json", index.as_bytes())];
    files.extend(
        blobs
            .iter()
            .map(|(name, bytes)| (name.as_str(), &bytes[..])),
    );
    tar(&files)
}

fn docker(layers: &[Vec<u8>]) -> Vec<u8> {
    let names = ["a/layer.tar", "b/layer.tar"];
    let sums: Vec<String> = layers.iter().map(|bytes| digest(bytes)).collect();
    let config = json!({"rootfs": {"type": "layers", "diff_ids": sums}}).to_string();
    let manifest = json!([{"Config": "config.json", "Layers": names}]).to_string();
    tar(&[
        ("manifest.json", manifest.as_bytes()),
        ("config.json", config.as_bytes()),
        (names[0], &layers[0]),
        (names[1], &layers[1]),
    ])
}

fn scan(image: &[u8]) -> (Option<i32>, Value, String) {
    let dir = tempfile::tempdir().expect("a test image can be made");
    let file = dir.path().join("image.tar");
    fs::write(&file, image).expect("a test image can be made");
    scan_file(&file)
}

fn scan_file(file: &Path) -> (Option<i32>, Value, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_secure-scan"));
    program
        .args(["local", "-o", "json", "--fail-on", "low", "--oci-archive"])
        .arg(file);
    let ran = program.output().expect("a test image can be made");
    let report = serde_json::from_slice(&ran.stdout).unwrap_or_default();
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    (ran.status.code(), report, errors)
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).expect("a test image can be made");
    packed.finish().expect("a test image can be made")
}

/// A zstd frame of blocks that are stored as they are, RFC 8878.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    let mut chunks = bytes.chunks(1 << 16).peekable();
    while let Some(chunk) = chunks.next() {
        let size = u32::try_from(chunk.len()).expect("a test image can be made");
        let head = (size << 3) | u32::from(chunks.peek().is_none());
        frame.extend(&head.to_le_bytes()[..3]);
        frame.extend(chunk);
    }
    frame
}

#[test]
fn what_the_layers_make_together_is_scanned() {
    let [lower, upper] = layers();
    for (name, image) in [
        ("plain", oci(&[lower.clone(), upper.clone()], plain, |_| {})),
        ("gzip", oci(&[lower.clone(), upper.clone()], gzip, |_| {})),
        ("zstd", oci(&[lower.clone(), upper.clone()], zstd, |_| {})),
        ("docker", docker(&[lower, upper])),
    ] {
        let (code, report, errors) = scan(&image);
        assert_eq!(code, Some(1), "{name}: {errors}");
        let results = report["findings"][0]["results"]
            .as_array()
            .expect("a test image can be made");
        let status = |id: &str| {
            results
                .iter()
                .find(|r| r["id"] == id)
                .expect("a test image can be made")["status"]
                .clone()
        };
        assert_eq!(status("uid-zero-accounts"), "fail", "{name}");
        assert_eq!(status("setuid-files"), "pass", "{name}");
        assert_eq!(status("process-root"), "not_applicable", "{name}");
        // The digest by which a registry names the image; docker save has none.
        let manifests = String::from_utf8_lossy(&image);
        let digest = report["image_digest"].as_str();
        assert_eq!(digest.is_none(), name == "docker", "{name}");
        assert!(digest.is_none_or(|d| manifests.contains(d)), "{name}");
    }
}

#[test]
fn an_image_that_is_not_what_it_says_is_no_pass() {
    let [lower, upper] = layers();
    let both = [lower.clone(), upper.clone()];
    for (name, image, words) in [
        (
            "changed layer",
            oci(&both, plain, |b| {
                *b[0].1.last_mut().expect("a test image can be made") ^= 1;
            }),
            "digest",
        ),
        (
            "changed manifest",
            oci(&both, plain, |b| b[2].1.push(b' ')),
            "digest",
        ),
        (
            "layer left out",
            oci(&both, plain, |b| b.truncate(1)),
            "not in it",
        ),
        (
            "garbage after a frame",
            oci(
                &[lower],
                |bytes| [zstd(bytes), upper.clone()].concat(),
                |_| {},
            ),
            "zstd",
        ),
        ("no image", tar(&[("readme", b"")]), "neither index.json"),
        (
            "no archive",
            b"secret: hunter2\n".repeat(200),
            "not an OCI or docker-save archive",
        ),
    ] {
        let (code, report, errors) = scan(&image);
        // Another file than one of an image was named, or one whose content is not what it says.
        let expected = if name.starts_with("no ") { 2 } else { 3 };
        assert_eq!(code, Some(expected), "{name}: {errors}");
        assert!(!errors.contains("hunter2"), "{name}: {errors}");
        assert!(
            errors.contains(words) && errors.contains("hint: "),
            "{name}: {errors}"
        );
        assert!(report.is_null(), "{name}");
    }
}

#[test]
fn an_image_of_which_any_byte_is_changed_is_read_or_refused() {
    let dir = tempfile::tempdir().expect("a test image can be made");
    let file = dir.path().join("image.tar");
    let layers = layers();
    let whole = [oci(&layers, plain, |_| ()), docker(&layers)];
    let (mut read, mut refused) = (0, 0);
    for image in whole {
        for at in (0..image.len()).step_by(13) {
            for byte in [0, b'9', 0xff] {
                let mut changed = image.clone();
                changed[at] = byte;
                fs::write(&file, &changed).expect("a test image can be made");
                match scanner_probe::archive::open(&file, true) {
                    Ok(_) => read += 1,
                    Err(_) => refused += 1,
                }
            }
        }
    }
    // Padding may be anything; a header, a name and what has a digest may not.
    assert!(read > 0 && refused > 100, "{read} read, {refused} refused");
}

/// A layer in which a program hides behind what another reader of tar would take differently.
fn hiding(entries: &[(&str, tar::EntryType, u32, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, mode, data) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).expect("a test image can be made");
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_uid(0);
        header.set_gid(0);
        if *kind == tar::EntryType::Link {
            let to = std::str::from_utf8(data).expect("a test image can be made");
            header.set_link_name(to).expect("a test image can be made");
        }
        let has_data = matches!(kind, tar::EntryType::Regular | tar::EntryType::XHeader);
        // The size of a directory is that of what follows: none of it is data of the directory.
        let size = if has_data { data.len() as u64 } else { 1024 };
        header.set_size(size);
        header.set_cksum();
        bytes.extend(header.as_bytes());
        if has_data {
            bytes.extend(*data);
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
    }
    bytes
}

#[test]
fn nothing_hides_behind_a_header_that_others_read_differently() {
    use tar::EntryType::{Directory, Link, Regular, XHeader};
    let passwd: &[u8] = b"root:x:0:0:::\n";
    let root = ("etc/passwd", Regular, 0o644, passwd);
    let record = b"43 SCHILY.xattr.user.n=z\n18 path=etc/decoy\n";
    let su = ("usr/bin/su", Regular, 0o4755, &b"x"[..]);
    for (name, entries) in [
        (
            "a record in a record",
            vec![root, ("pax", XHeader, 0, record), su],
        ),
        (
            "data of a directory",
            vec![root, ("opt", Directory, 0o755, b""), su],
        ),
        (
            "a hard link's permissions",
            vec![
                root,
                ("usr/bin/tool", Regular, 0o755, b"x"),
                ("usr/bin/su", Link, 0o4755, b"usr/bin/tool"),
            ],
        ),
    ] {
        let (code, report, errors) = scan(&oci(&[hiding(&entries)], plain, |_| {}));
        assert_eq!(code, Some(1), "{name}: {errors}");
        let results = report["findings"][0]["results"].as_array();
        let setuid = results
            .into_iter()
            .flatten()
            .find(|result| result["id"] == "setuid-files")
            .expect("the check is there");
        assert_eq!(setuid["status"], "fail", "{name}");
        assert!(
            setuid.to_string().contains("/usr/bin/su"),
            "{name}: {setuid}"
        );
    }
}

#[test]
fn two_names_that_differ_in_one_byte_are_two_files() {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, mode, data) in [
        (&b"etc/passwd"[..], 0o644, &b"root:x:0:0:::\n"[..]),
        (b"bin/su\xff", 0o4755, b"x"),
        (b"bin/su\xfe", 0o755, b"y"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder
            .append(&header, data)
            .expect("a test image can be made");
    }
    let layer = builder.into_inner().expect("a test image can be made");
    let (code, report, messages) = scan(&oci(&[layer], plain, |_| {}));
    assert_eq!(code, Some(1), "{messages}");
    let results = report["findings"][0]["results"].as_array();
    let setuid = results
        .into_iter()
        .flatten()
        .find(|result| result["id"] == "setuid-files")
        .expect("the check is there");
    assert_eq!(setuid["status"], "fail", "{setuid}");
    let evidence = setuid["evidence"].to_string();
    // As JSON writes a backslash. The other file has no such bit, and is not this one.
    assert!(evidence.contains(r"/bin/su\\xff"), "{evidence}");
    assert!(!evidence.contains(r"su\\xfe"), "{evidence}");
}
