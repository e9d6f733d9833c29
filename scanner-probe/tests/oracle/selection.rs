//! The image that is read of an archive is the only one that any program runs of it, or the archive is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    time::Instant,
};

use scanner_probe::{Tree as _, archive};
use serde_json::json;

use crate::{
    apply::Oracle,
    images::{self, Archive, INDEX, MANIFEST, NAME, REF, machine},
    random::Random,
    seed,
};

/// Archives that are compared.
const ARCHIVES: u64 = 3000;

/// The file that the image has, or why none is read.
fn read(bytes: &[u8]) -> Result<String, String> {
    let read = || {
        let mut file = tempfile::NamedTempFile::new_in("/dev/shm")?;
        file.write_all(bytes)?;
        let image = archive::open(file.path(), false)?;
        Ok(format!("/{}", image.names("/")?.join(" /")))
    };
    read().map_err(|error: io::Error| error.to_string())
}

/// The images that programs run of it, by their file; no layer at all is an image too.
fn run(oracle: &mut Oracle, archive: &Archive, bytes: &[u8]) -> (BTreeSet<String>, String) {
    let (images, errors) = oracle.load(bytes);
    let file = |layers: &Vec<String>| {
        let files = layers.iter().map(|layer| archive.images.get(layer));
        let files: Option<Vec<&str>> = files.map(|file| file.map(String::as_str)).collect();
        match files {
            Some(files) if files.is_empty() => "/".to_owned(),
            Some(files) => files.join(" "),
            None => format!("of layers that are not there: {layers:?}"),
        }
    };
    (images.iter().map(file).collect(), errors.to_string())
}

#[test]
fn the_image_that_is_read_is_the_only_one_that_any_program_runs() {
    let (seed, mut oracle, started) = (seed(), Oracle::start(), Instant::now());
    println!("archives, seed {seed}");
    let (mut agreed, mut alone) = (0, 0);
    let mut refused: BTreeMap<String, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for number in 0..ARCHIVES {
        let one = seed.wrapping_add(number);
        let archive = images::random(&mut Random(one));
        let bytes = archive.bytes();
        let (theirs, errors) = run(&mut oracle, &archive, &bytes);
        match read(&bytes) {
            Ok(ours) if theirs.iter().any(|their| *their != ours) => {
                let documents = archive.documents();
                wrong.push(format!(
                    "seed {one}: we read {ours}, others {theirs:?}\n{documents}"
                ));
            }
            Ok(_) if theirs.is_empty() => alone += 1,
            Ok(_) => agreed += 1,
            Err(error) if theirs.len() == 1 && errors == "null" => {
                *refused.entry(error).or_default() += 1;
            }
            Err(_) => {}
        }
    }
    println!(
        "{ARCHIVES} archives in {:.1?}: {agreed} read as all others do, {alone} by us alone; refused by us alone: {refused:#?}",
        started.elapsed()
    );
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(8)].join("\n")
    );
    assert!(agreed * 10 >= ARCHIVES, "only {agreed} archives are images");
}

type Form = (&'static str, fn(&mut Archive));

/// Archives in the forms of the programs that write most of them.
const FORMS: [Form; 8] = [
    ("docker save until 24", |all| {
        classic(all, "/layer.tar", false);
    }),
    ("docker save since 25", |all| both(all, &["app:1"], false)),
    ("docker save of several tags", |all| {
        both(all, &["app:1", "app:2"], false);
    }),
    ("docker save with containerd's store", |all| {
        both(all, &["app:1"], true);
    }),
    ("kaniko, ko and Bazel's tarballs", |all| {
        classic(all, ".tar.gz", true);
    }),
    ("skopeo, podman and umoci", |all| {
        layout(all, Some(REF), false);
    }),
    ("buildkit for several platforms", |all| {
        layout(all, Some(NAME), true);
    }),
    ("ko's and Bazel's layouts", |all| layout(all, None, true)),
];

fn classic(all: &mut Archive, name: &str, pack: bool) {
    let image = all.image("ours", ("linux", machine()), pack);
    let config = format!("{}.json", &images::digest(image.config.as_bytes())[7..]);
    all.file(&config, image.config.as_bytes());
    let layer = format!("{}{name}", &images::digest(&image.layer)[7..]);
    all.file(&layer, &image.packed);
    let manifest = json!([{"Config": config, "RepoTags": ["app:1"], "Layers": [layer]}]);
    all.file("manifest.json", manifest.to_string().as_bytes());
    all.file("repositories", b"{}");
}

/// Both documents; with containerd's store of an image for several platforms.
fn both(all: &mut Archive, tags: &[&str], platforms: bool) {
    let (image, target) = target(all, platforms);
    let path = |bytes: &[u8]| format!("blobs/{}", images::digest(bytes).replace(':', "/"));
    let manifest = json!([{
        "Config": path(image.config.as_bytes()), "RepoTags": tags, "Layers": [path(&image.packed)],
        "LayerSources": {images::digest(&image.packed): {"size": 1}}
    }]);
    let named = tags.iter().map(|tag| {
        let mut target = target.clone();
        target["annotations"] = json!({NAME: format!("docker.io/library/{tag}"), REF: tag});
        target
    });
    let index =
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": named.collect::<Vec<_>>()});
    all.file("index.json", index.to_string().as_bytes());
    all.file("manifest.json", manifest.to_string().as_bytes());
    all.layout();
}

fn layout(all: &mut Archive, name: Option<&str>, platforms: bool) {
    let (_, mut target) = target(all, platforms);
    if let Some(name) = name {
        target["annotations"] = json!({name: "latest", "org.opencontainers.image.created": "now"});
    }
    all.layout();
    let index = json!({"schemaVersion": 2, "manifests": [target]});
    all.file("index.json", index.to_string().as_bytes());
}

/// An image, alone or for several platforms with what is attested of it.
fn target(all: &mut Archive, platforms: bool) -> (images::Image, serde_json::Value) {
    let ours = all.image("ours", ("linux", machine()), true);
    let manifest = all.manifest(&ours);
    let mut named = all.blob(MANIFEST, manifest.as_bytes());
    named["platform"] = json!({"os": "linux", "architecture": machine()});
    if !platforms {
        return (ours, named);
    }
    let theirs = all.image("theirs", ("linux", "s390x"), true);
    let manifest = all.manifest(&theirs);
    let mut foreign = all.blob(MANIFEST, manifest.as_bytes());
    foreign["platform"] = json!({"os": "linux", "architecture": "s390x"});
    let said =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "config": {}}).to_string();
    let mut said = all.blob(MANIFEST, said.as_bytes());
    said["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    said["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": named["digest"]
    });
    let index =
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [foreign, named, said]});
    (ours, all.blob(INDEX, index.to_string().as_bytes()))
}

#[test]
fn the_image_of_each_program_s_archive_is_read() {
    let mut oracle = Oracle::start();
    for (program, make) in FORMS {
        let mut archive = Archive::default();
        make(&mut archive);
        let bytes = archive.bytes();
        let (theirs, errors) = run(&mut oracle, &archive, &bytes);
        assert_eq!(theirs, ["/ours".to_owned()].into(), "{program}: {errors}");
        assert_eq!(read(&bytes), Ok("/ours".to_owned()), "{program}");
    }
}
