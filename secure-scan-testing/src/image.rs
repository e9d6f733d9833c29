//! What nodes call images.

use sha2::{Digest as _, Sha256};

/// What a node calls an image: its repository and digest. Of a tag, always the same made-up digest.
pub(crate) fn image_id(image: &str) -> String {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, digest.to_owned()),
        None => (
            image,
            format!("sha256:{}", hex::encode(Sha256::digest(image))),
        ),
    };
    let (folder, last) = name
        .rsplit_once('/')
        .map_or((None, name), |(f, l)| (Some(f), l));
    let last = last.split(':').next().unwrap_or_default();
    match folder {
        Some(folder) => format!("{folder}/{last}@{digest}"),
        None => format!("docker.io/library/{last}@{digest}"),
    }
}
