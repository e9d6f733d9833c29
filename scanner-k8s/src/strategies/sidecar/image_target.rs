//! An image that runs nowhere, as a target.

use scanner_core::{
    Target,
    target::{InvalidName, Namespace, TargetForm},
};

use super::options::SidecarRefusal;

/// An image that runs nowhere, as a target: its pod is the scan's own.
///
/// # Errors
///
/// Fails when no node could resolve the reference.
pub fn image_target(
    namespace: Namespace,
    name: &str,
    image: &str,
) -> Result<Target, SidecarRefusal> {
    let refused = || SidecarRefusal::Reference(image.chars().take(80).collect());
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if image.is_empty() || image.len() > 1000 || !image.chars().all(plain) {
        return Err(refused());
    }
    Ok(Target {
        namespace,
        pod: name.parse().map_err(|_| refused())?,
        pod_uid: String::new(),
        container: name.parse().map_err(|_| refused())?,
        container_id: String::new(),
        image: image.to_owned(),
        image_id: image
            .split_once('@')
            .map(|_| image.to_owned())
            .unwrap_or_default(),
        node: String::new(),
        restarts: 0,
        form: TargetForm::Image,
    })
}

/// The image of a running container, as a target in another namespace: its pod is the scan's own.
///
/// # Errors
///
/// Fails where the name cannot be that of a pod.
pub(crate) fn image_of(
    container: &Target,
    namespace: Namespace,
    name: &str,
) -> Result<Target, InvalidName> {
    Ok(Target {
        namespace,
        pod: name.parse()?,
        pod_uid: String::new(),
        container: name.parse()?,
        container_id: String::new(),
        restarts: 0,
        form: TargetForm::Image,
        ..container.clone()
    })
}
