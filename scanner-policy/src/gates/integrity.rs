//! Integrity: the node runs what the specification names, and so do the target's siblings.

use scanner_core::{
    Target,
    escape::visible,
    gate::{Known, Siblings},
};

use super::seen::{Seen, fine, list, objection};

/// `sha256:…` after the last `@`, or of an id that is a digest alone.
fn digest(image: &str) -> Option<&str> {
    let last = image.rsplit('@').next()?;
    let (algorithm, hex) = last.split_once(':')?;
    let known = matches!(algorithm, "sha256" | "sha512");
    (known && hex.len() >= 64 && hex.chars().all(|c| c.is_ascii_hexdigit())).then_some(last)
}

pub(super) fn pinned(target: &Target) -> Seen {
    let missing: Vec<&str> = [
        ("pod UID", target.pod_uid.is_empty()),
        ("container id", target.container_id.is_empty()),
        ("image id", target.image_id.is_empty()),
    ]
    .into_iter()
    .filter_map(|(name, empty)| empty.then_some(name))
    .collect();
    if missing.is_empty() {
        fine(format!(
            "pod uid {}, container {}",
            visible(&target.pod_uid, 60),
            visible(&target.container_id, 90)
        ))
    } else {
        objection(format!("the server gives no {}", missing.join(", no ")))
    }
}

pub(super) fn spec_digest(image: &str, image_id: &str) -> Seen {
    let Some(wanted) = image.contains('@').then(|| digest(image)).flatten() else {
        return fine("the specification names no digest");
    };
    match digest(image_id) {
        Some(running) if running == wanted => fine(format!("the node runs {wanted}")),
        Some(running) => objection(format!(
            "the specification names {wanted}, the node reports {running}; an index and its manifest have \
             different digests, so this alone does not show another image: compare both in the registry, \
             then name the node's digest with --expect-digest"
        )),
        None => objection(format!(
            "the specification names {wanted}, the node reports no digest: {:?}",
            visible(image_id, 120)
        )),
    }
}

pub(super) fn siblings(own: &str, siblings: &Known<Siblings>) -> Seen {
    let known = match siblings {
        Known::NotAsked => return fine("not asked"),
        Known::Unknown(why) => {
            return objection(format!("siblings were not checked: {}", visible(why, 300)));
        }
        Known::Known(known) => known,
    };
    let Some(owner) = &known.owner else {
        return fine("the pod has no owner, so no siblings");
    };
    let others: Vec<String> = known
        .images
        .iter()
        .filter(|(_, id)| id != own)
        .map(|(pod, id)| format!("{pod} runs {id}"))
        .collect();
    let owner = visible(owner, 120);
    if !others.is_empty() {
        return objection(format!(
            "siblings of {owner} run another image: {}; this one runs {}",
            list(&others),
            visible(own, 120)
        ));
    }
    let count = known.images.len();
    let what = match count {
        0 => format!("no sibling of {owner} runs, so there was nothing to compare with"),
        _ => format!("{count} siblings of {owner} run the same image"),
    };
    if known.more {
        objection(format!("{what}, but there are more than were looked at"))
    } else {
        fine(what)
    }
}
