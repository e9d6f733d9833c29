//! Which image of an archive is read, where its documents could be read in two ways.

use super::*;

/// A layout of one image, each of whose documents was rewritten by `twist`, which gets its name.
pub(super) fn twisted(twist: &dyn Fn(&str, String) -> String) -> Vec<u8> {
    let mut parts = Parts::new();
    let layer = put(&mut parts, layer(ROOT));
    let plain = layer["digest"].clone();
    let config = json!({"os": "linux", "rootfs": {"type": "layers", "diff_ids": [plain]}});
    let config = put(&mut parts, twist("config", config.to_string()).into());
    let path = config["digest"].as_str().unwrap().replace(':', "/");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
    let mut manifest = put(&mut parts, twist("manifest", manifest.to_string()).into());
    manifest["platform"] = json!({"os": "linux", "architecture": "s390x"});
    let index = json!({"schemaVersion": 2, "manifests": [manifest]}).to_string();
    parts.push(("index.json".into(), twist("index", index).into()));
    let layers = [plain.as_str().unwrap().replace("sha256:", "blobs/sha256/")];
    let saved = json!([{"Config": format!("blobs/{path}"), "Layers": layers}]).to_string();
    parts.push(("manifest.json".into(), twist("saved", saved).into()));
    whole(&parts)
}

/// A key in other letters that Go takes for it.
fn respelled(key: &str, choices: &[bool]) -> String {
    let mut choices = choices.iter().cycle();
    let letters = key.chars().map(|letter| match letter {
        letter if !choices.next().is_some_and(|c| *c) => letter,
        's' => '\u{17f}',
        letter if letter.is_ascii_uppercase() => letter.to_ascii_lowercase(),
        letter => letter.to_ascii_uppercase(),
    });
    letters.collect()
}

const KEYS: [(&str, &str); 12] = [
    ("index", "manifests"),
    ("index", "digest"),
    ("index", "platform"),
    ("index", "os"),
    ("index", "architecture"),
    ("manifest", "config"),
    ("manifest", "layers"),
    ("manifest", "digest"),
    ("config", "rootfs"),
    ("config", "diff_ids"),
    ("saved", "Config"),
    ("saved", "Layers"),
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    #[test]
    fn what_a_document_says_twice_or_in_other_letters_is_refused(
        at in 0..KEYS.len(), first: bool, choices in proptest::collection::vec(proptest::prelude::any::<bool>(), 1..12)
    ) {
        let (document, key) = KEYS[at];
        let other = respelled(key, &choices);
        let said = format!("\"{key}\":");
        let twice = |name: &str, text: String| {
            assert!(name != document || text.contains(&said), "{text}");
            if name != document {
                return text;
            }
            if first {
                text.replace(&said, &format!("\"{other}\":null,{said}"))
            } else {
                text.replace(&said, &format!("{said}null,\"{other}\":"))
            }
        };
        assert_eq!(passwd(&twisted(&|_, text| text)).as_bytes(), ROOT);
        refused(&twisted(&twice), "twice or in another case");
        if other != key {
            let alone = |name: &str, text: String| {
                if name == document { text.replace(&said, &format!("\"{other}\":")) } else { text }
            };
            refused(&twisted(&alone), "twice or in another case");
        }
    }

    #[test]
    fn documents_of_any_bytes_are_read_or_refused(bytes in proptest::collection::vec(
        proptest::sample::select(br#"{}[]",:0nul-1e.\u17f layers"#.to_vec()), 0..60
    )) {
        if let Ok(json) = Json::read(&bytes) {
            // Exactly what serde_json accepts as JSON.
            assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
            let _ = (json.get("layers").is_ok(), json.text("n").is_ok(), json.list("u").is_ok());
        } else {
            assert!(serde_json::from_slice::<Value>(&bytes).is_err());
        }
    }

    #[test]
    fn changed_frames_of_zstd_are_read_or_refused(
        text in "[ab]{0,400}", changes in proptest::collection::vec((0..500usize, proptest::prelude::any::<u8>()), 0..4)
    ) {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};
        let mut packed = compress_to_vec(text.as_bytes(), CompressionLevel::Fastest);
        let before = packed.clone();
        for (at, byte) in changes {
            if let Some(place) = packed.get_mut(at) {
                *place = byte;
            }
        }
        let mut plain = Vec::new();
        let read = unpack(packed.as_slice()).and_then(|packed| packed.take(1 << 20).read_to_end(&mut plain));
        if packed == before {
            read.unwrap();
            assert_eq!(plain, text.as_bytes());
        }
    }
}

#[test]
fn names_that_no_runtime_reads_may_be_there_in_any_letters() {
    let labels =
        r#"{"config":{"Labels":{"os":"a","OS":"b","layers":"1","Layers":"2","Layers":"3"}},"#;
    let labelled = |name: &str, text: String| match name {
        "config" => text.replacen('{', labels, 1),
        _ => text,
    };
    assert_eq!(passwd(&twisted(&labelled)).as_bytes(), ROOT);
}

#[test]
fn what_is_a_manifest_and_an_index_at_once_is_refused() {
    let other = digest_of(b"other");
    for (document, added) in [
        ("index", r#"{"layers":[],"#.to_owned()),
        ("index", r#"{"config":{},"#.to_owned()),
        ("index", format!(r#"{{"mediaType":"{MANIFEST}","#)),
        (
            "index",
            format!(r#"{{"config":{{"digest":"{other}"}},"layers":[],"#),
        ),
        ("manifest", r#"{"manifests":[],"#.to_owned()),
        ("manifest", format!(r#"{{"mediaType":"{INDEX}","#)),
    ] {
        let both = |name: &str, text: String| {
            if name == document {
                text.replacen('{', &added, 1)
            } else {
                text
            }
        };
        refused(&twisted(&both), "at once");
    }
    let named = |kind: &'static str| {
        let named = move |name: &str, text: String| match name {
            "index" => text.replace(
                r#"{"digest""#,
                &format!(r#"{{"mediaType":"{kind}","digest""#),
            ),
            _ => text,
        };
        twisted(&named)
    };
    refused(&named(INDEX), "at once");
    for right in [
        MANIFEST,
        "application/vnd.docker.distribution.manifest.v2+json",
    ] {
        assert_eq!(passwd(&named(right)).as_bytes(), ROOT);
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A layout of an image with `toor` and one without, whose descriptors `mark` changes.
fn two(mark: impl Fn(&mut Value, &mut Value), nested: bool) -> Vec<u8> {
    let mut parts = Parts::new();
    let mut evil = image(&mut parts, &[layer(TOOR)], &[layer(TOOR)]);
    let mut good = image(&mut parts, &[layer(ROOT)], &[layer(ROOT)]);
    mark(&mut evil, &mut good);
    let mut manifests = json!([evil, good]);
    if nested {
        let inner = json!({"schemaVersion": 2, "manifests": manifests}).to_string();
        manifests = json!([put(&mut parts, inner.into())]);
    }
    index(&mut parts, &manifests);
    whole(&parts)
}

fn machine() -> [&'static str; 2] {
    match std::env::consts::ARCH {
        "x86_64" => ["amd64", "x86_64"],
        "aarch64" => ["arm64", "aarch64"],
        arch => [arch, arch],
    }
}

#[test]
fn an_image_that_a_runtime_may_run_is_never_passed_over() {
    let [arch, alias] = machine();
    let ours = json!({"os": "linux", "architecture": arch});
    let foreign = json!({"os": "linux", "architecture": "s390x"});
    // However it is spelt, both are for this machine.
    for platform in [
        json!({"os": "linux", "architecture": alias}),
        json!({"os": "Linux", "architecture": arch.to_uppercase()}),
        json!({"os": "", "architecture": arch}),
        json!({"architecture": arch}),
        json!(null),
    ] {
        for nested in [false, true] {
            let mark = |evil: &mut Value, good: &mut Value| {
                evil["platform"] = platform.clone();
                good["platform"] = ours.clone();
            };
            refused(&two(mark, nested), "several images");
        }
        let mark = |evil: &mut Value, good: &mut Value| {
            evil["platform"] = platform.clone();
            good["platform"] = foreign.clone();
        };
        assert_eq!(passwd(&two(mark, true)).as_bytes(), TOOR);
    }
    // What only an annotation calls an attestation is an image to a runtime.
    let mark = |evil: &mut Value, good: &mut Value| {
        evil["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        evil["platform"] = ours.clone();
        good["platform"] = ours.clone();
    };
    refused(&two(mark, true), "several images");
    // A program loads an image by its name even if its platform is another machine's.
    for name in [
        "org.opencontainers.image.ref.name",
        "io.containerd.image.name",
    ] {
        let mark = |evil: &mut Value, good: &mut Value| {
            evil["annotations"] = json!({name: "app:latest"});
            evil["platform"] = foreign.clone();
            good["platform"] = ours.clone();
        };
        refused(&two(mark, false), "several images");
        assert_eq!(passwd(&two(mark, true)).as_bytes(), ROOT);
    }
    let mark = |evil: &mut Value, good: &mut Value| {
        evil["platform"] = foreign.clone();
        good["platform"] = ours.clone();
    };
    for nested in [false, true] {
        assert_eq!(passwd(&two(mark, nested)).as_bytes(), ROOT);
    }
    // A descriptor with a name is an image, even if its platform is unknown.
    let mark = |evil: &mut Value, good: &mut Value| {
        evil["annotations"] = json!({"org.opencontainers.image.ref.name": "app"});
        evil["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        good["platform"] = ours.clone();
    };
    refused(&two(mark, false), "several images");
    assert_eq!(passwd(&two(mark, true)).as_bytes(), ROOT);
}

#[test]
fn runtimes_choose_by_themselves_among_images_that_do_not_fit_exactly() {
    let [arch, _] = machine();
    let fallback = match arch {
        "amd64" => "386",
        "arm64" => "arm",
        _ => return,
    };
    let fallback = json!({"os": "linux", "architecture": fallback});
    let variant = json!({"os": "linux", "architecture": arch, "variant": "v7"});
    let plain = json!({"os": "linux", "architecture": arch});
    let foreign = json!({"os": "linux", "architecture": "s390x"});
    let marked = |evil: &Value, good: &Value| {
        let mark = |one: &mut Value, other: &mut Value| {
            one["platform"] = evil.clone();
            other["platform"] = good.clone();
        };
        two(mark, true)
    };
    for near in [&variant, &json!(null)] {
        refused(&marked(&fallback, near), "several images");
        refused(&marked(near, &plain), "several images");
        assert_eq!(passwd(&marked(near, &foreign)).as_bytes(), TOOR);
    }
    assert_eq!(passwd(&marked(&fallback, &foreign)).as_bytes(), TOOR);
    assert_eq!(passwd(&marked(&fallback, &plain)).as_bytes(), ROOT);
}

#[test]
fn an_image_beside_the_one_that_both_documents_name_is_refused() {
    let mut parts = Parts::new();
    let good = image(&mut parts, &[layer(ROOT)], &[layer(ROOT)]);
    let mut named = Vec::new();
    for (name, passwd) in [("a", TOOR), ("b", ROOT)] {
        parts.push((format!("{name}.json"), config(&[layer(passwd)])));
        parts.push((format!("{name}.tar"), layer(passwd)));
        named.push(json!({"Config": format!("{name}.json"), "Layers": [format!("{name}.tar")]}));
    }
    index(&mut parts, &json!([good]));
    saved(&mut parts, &json!(named));
    refused(&whole(&parts), "several images");
    parts.pop();
    saved(&mut parts, &json!([named[1]]));
    assert_eq!(passwd(&whole(&parts)).as_bytes(), ROOT);
}
