//! References of images. The regular expression of a library for them would take a third of a second and 10 MiB of memory.

/// Longest name of a repository.
const MAX_REPOSITORY: usize = 255;
/// Longest tag.
const MAX_TAG: usize = 128;
/// Longest reference that is read.
const MAX: usize = 1024;
/// Digests that are known, and how many hexadecimal digits each has.
const DIGESTS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];
/// The registry that a reference without one means, and its other name.
const HUB: [&str; 2] = ["docker.io", "index.docker.io"];
/// Where that registry has repositories whose names have one part.
const OFFICIAL: &str = "library";

/// The reference of an image, as in a pod: `registry.example/team/app:1.2@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageReference {
    /// Host of the registry, with its port if it has one.
    pub registry: String,
    /// Name within the registry.
    pub repository: String,
    /// Tag: `latest` where neither that nor a digest was given.
    pub tag: Option<String>,
    /// Digest, with its algorithm.
    pub digest: Option<String>,
}

/// A text that no node can resolve as an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid reference format: expected NAME, NAME:TAG or NAME@sha256:DIGEST, with 64 hexadecimal digits, and the name in lower case"
)]
pub struct InvalidImage;

impl std::str::FromStr for ImageReference {
    type Err = InvalidImage;

    fn from_str(text: &str) -> Result<Self, InvalidImage> {
        read(text).ok_or(InvalidImage)
    }
}

fn read(text: &str) -> Option<ImageReference> {
    if text.len() > MAX {
        return None;
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    // A colon before the last slash is that of a port.
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last..].split_once(':') {
        Some((end, tag)) => (&rest[..last + end.len()], Some(tag)),
        None => (rest, None),
    };
    if !tag.is_none_or(is_tag) || !digest.is_none_or(is_digest) {
        return None;
    }
    let (registry, repository) = split(name)?;
    let is_latest = tag.is_none() && digest.is_none();
    (repository.len() <= MAX_REPOSITORY).then(|| ImageReference {
        registry: registry.into(),
        repository,
        tag: tag.or(is_latest.then_some("latest")).map(Into::into),
        digest: digest.map(Into::into),
    })
}

/// The registry and the repository of a name.
fn split(name: &str) -> Option<(&str, String)> {
    let (first, rest) = name.split_once('/').unwrap_or((name, ""));
    let is_plain = name.split('/').all(is_part);
    let has_host = !rest.is_empty() && is_host(first) && rest.split('/').all(is_part);
    if !is_plain && !has_host {
        return None;
    }
    let is_named = first.contains(['.', ':']) || first == "localhost";
    let (registry, repository) = if is_named && !rest.is_empty() {
        (first, rest)
    } else {
        (HUB[0], name)
    };
    let is_hub = HUB.contains(&registry);
    let registry = if is_hub { HUB[0] } else { registry };
    if is_hub && !repository.contains('/') {
        return Some((registry, format!("{OFFICIAL}/{repository}")));
    }
    Some((registry, repository.to_owned()))
}

/// A part of the name of a repository: lower-case words with `.`, `_`, `__` or dashes between them.
fn is_part(part: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_between =
        |text: &str| matches!(text, "" | "." | "_" | "__") || text.chars().all(|c| c == '-');
    part.starts_with(is_word) && part.ends_with(is_word) && part.split(is_word).all(is_between)
}

/// A host, with a port or without one.
fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let is_label = |label: &str| {
        let is_edge = |c: char| c.is_ascii_alphanumeric();
        label.starts_with(is_edge)
            && label.ends_with(is_edge)
            && label.chars().all(|c| is_edge(c) || c == '-')
    };
    let is_port = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    is_port && host.split('.').all(is_label)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.starts_with(is_word)
        && tag.len() <= MAX_TAG
        && tag.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    let is_known = |(name, length): &(&str, usize)| {
        let hex = digest
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(':'));
        hex.is_some_and(|hex| hex.len() == *length && hex.chars().all(|c| c.is_ascii_hexdigit()))
    };
    DIGESTS.iter().any(is_known)
}

#[cfg(test)]
mod tests {
    use oci_spec::distribution::Reference;
    use proptest::prelude::*;

    use super::*;

    /// The same as another reader reads it.
    fn expected(text: &str) -> Option<ImageReference> {
        let known: Reference = text.parse().ok()?;
        Some(ImageReference {
            registry: known.registry().to_owned(),
            repository: known.repository().to_owned(),
            tag: known.tag().map(str::to_owned),
            digest: known.digest().map(str::to_owned),
        })
    }

    fn digest(length: usize) -> String {
        "aB0".repeat(length)[..length].to_owned()
    }

    #[test]
    fn a_reference_is_read_as_another_reader_reads_it() {
        let known = |name: &str, length| format!("app@{name}:{}", digest(length));
        let digests = [
            known("sha256", 64),
            known("sha256", 63),
            known("sha256", 96),
            known("sha384", 96),
            known("sha512", 128),
            known("md5", 32),
            known("SHA256", 64),
            format!("r.example:5000/a/b:1@sha256:{}", digest(64)),
        ];
        let long = [255, 256].map(|length| format!("r.example/{}", "a".repeat(length)));
        let tags = [128, 129].map(|length| format!("app:{}", "a".repeat(length)));
        let plain = [
            "",
            "app",
            "app:1.2",
            "App",
            "app:",
            "app@",
            ":1",
            "a/",
            "/a",
            "a//b",
            "team/app",
            "localhost/app",
            "localhost:5000",
            "localhost:5000/app",
            "LOCALHOST/app",
            "r.example/app",
            "R.example/app",
            "R.example/App",
            "r.example:/app",
            "r.example:x/app",
            "r.example:5/app:x",
            "index.docker.io/app",
            "docker.io/app",
            "docker.io/a/b",
            "-r/app",
            "r-/app",
            "r-r/app",
            "a__b",
            "a___b",
            "a--b",
            "a---b",
            "a._b",
            "a.-b",
            "a..b",
            "_a",
            "a_",
            "a b",
            "a:b:c",
            "a\n",
            "team:1/app",
            "Team/app",
            "r..example/app",
            "a:-x",
            "a:.x",
            "a:_x",
            "1",
            "1:1/1",
        ];
        let all = digests.iter().chain(&long).chain(&tags).map(String::as_str);
        for text in all.chain(plain) {
            assert_eq!(read(text), expected(text), "{text}");
        }
        // A tag is of ASCII, as registries take it.
        assert_eq!(read("app:\u{e9}"), None);
        assert_eq!(read(&format!("{}app", "a/".repeat(600))), None);
    }

    proptest! {
        #[test]
        fn random_references_are_read_as_another_reader_reads_them(
            text in "([a-zA-Z0-9.:-]{1,6}/){0,2}[aB0._/-]{0,6}(:[a._-]{0,3})?"
        ) {
            prop_assert_eq!(read(&text), expected(&text), "{}", text);
        }
    }
}
