//! Which approach a named strategy is.

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{ProbeResources, Target};

use super::{error::PrepareError, request::Strategy};
use crate::{
    api::segment::Segment,
    plan::resolve::ResolveError,
    strategies::{
        approach::{Approach, Brought, Foreign},
        attached::AttachedApproach,
        container::ContainerApproach,
        distroless::DistrolessApproach,
        sidecar::SidecarApproach,
    },
};

/// Decides how `target` is reached; `pod` is absent for an image that runs nowhere, and runs the image that is read in another
/// namespace.
pub(super) async fn approach(
    segment: &Segment,
    target: &Target,
    pod: Option<&Pod>,
    strategy: Strategy,
    resources: &ProbeResources,
) -> Result<Box<dyn Approach>, PrepareError> {
    Ok(match (strategy, pod) {
        (Strategy::Sidecar(options), _) => {
            let operator = segment.operator();
            Box::new(SidecarApproach::new(operator, target, pod, options, resources.clone()).await?)
        }
        (_, None) => return Err(ResolveError::NotRunnable(target.image.clone()).into()),
        (Strategy::Container, Some(pod)) => Box::new(ContainerApproach::new(pod, target, false)),
        (Strategy::Auto { image, then }, Some(pod)) => {
            let strict = image.is_some() || !then.is_empty();
            Box::new(ContainerApproach::new(pod, target, strict))
        }
        (Strategy::Attached { image }, Some(pod)) => {
            Box::new(AttachedApproach::new(pod, target, image.as_deref())?)
        }
        (Strategy::Distroless { image }, Some(pod)) => {
            Box::new(DistrolessApproach::new(segment, target, pod, &image, resources).await?)
        }
        (Strategy::Custom(strategy), Some(_)) => Box::new(Foreign(strategy)),
        (Strategy::Approach(make), Some(_)) => Box::new(Brought(make())),
    })
}
