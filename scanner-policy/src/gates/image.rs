//! Image source: registry, digest, tag and signature.

use scanner_core::escape::visible;

use super::seen::{Seen, fine, list, objection};
use crate::{ImageReference, Signature};

fn parse(image: &str) -> Option<ImageReference> {
    image.parse().ok()
}

fn unreadable(image: &str) -> Seen {
    objection(format!(
        "cannot read the image reference {:?}",
        visible(image, 200)
    ))
}

/// Whether the image is of that registry, or of that registry and below that repository.
pub(super) fn comes_from(image: &str, allowed: &str) -> bool {
    let Some(reference) = parse(image) else {
        return false;
    };
    let name = format!("{}/{}", reference.registry, reference.repository);
    let allowed = allowed.trim_end_matches('/');
    name.strip_prefix(allowed)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn registry(image: &str, allowed: Option<&[String]>) -> Seen {
    let Some(allowed) = allowed else {
        return fine("the policy names no registries");
    };
    if parse(image).is_none() {
        return unreadable(image);
    }
    match allowed.iter().find(|a| comes_from(image, a)) {
        Some(found) => fine(format!("{} comes from {found}", visible(image, 200))),
        None => objection(format!(
            "{} comes from none of the allowed registries: {}",
            visible(image, 200),
            list(allowed)
        )),
    }
}

pub(super) fn digest(image: &str) -> Seen {
    match parse(image) {
        None => unreadable(image),
        Some(reference) if reference.digest.is_some() => fine("the image is named by digest"),
        Some(_) => objection(format!(
            "{} is not named by digest: what it means can change",
            visible(image, 200)
        )),
    }
}

pub(super) fn latest(image: &str) -> Seen {
    match parse(image) {
        None => unreadable(image),
        Some(reference) if reference.digest.is_some() => fine("the image is named by digest"),
        Some(reference) if reference.tag.as_deref().is_none_or(|tag| tag == "latest") => {
            objection(format!("{} is named by tag latest", visible(image, 200)))
        }
        Some(_) => fine("the image is not named by tag latest"),
    }
}

pub(super) fn signature(given: Option<&Signature>, named: bool, image_id: &str) -> Seen {
    let Some(given) = given else {
        return objection(if named {
            "no signature was given to verify, and the policy says who must have signed"
        } else {
            "no signature was given to verify"
        });
    };
    match given.verify(image_id) {
        Ok(evidence) => fine(evidence),
        Err(reason) => Seen::Wrong(reason),
    }
}
