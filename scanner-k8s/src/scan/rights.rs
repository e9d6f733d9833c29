//! What an operator must be allowed to do for a strategy.

use scanner_core::plan::Need;

use super::request::Strategy;
use crate::{
    plan::rights::Rights,
    strategies::{distroless, sidecar},
};

impl Strategy {
    /// What an operator must be allowed to do for scans of all these strategies, of any target and in any mode: in the
    /// target's namespace and, where the scan's identity has a namespace of its own, in that. Controls of third parties may
    /// need more. Strategy `Auto` needs what each strategy that it may take does.
    pub fn rights_of_all(strategies: &[Self], identity_apart: bool) -> Vec<Rights> {
        let needs: Vec<Need> = strategies.iter().flat_map(Self::needs).collect();
        Rights::of(&needs, identity_apart)
    }

    fn needs(&self) -> Vec<Need> {
        match self {
            Self::Container
            | Self::Attached { .. }
            | Self::Custom(_)
            | Self::Auto { image: None, .. } => Vec::new(),
            Self::Distroless { image } => distroless::needs(image),
            Self::Sidecar(_) => sidecar::needs(),
            Self::Approach(make) => make().needs(),
            Self::Auto {
                image: Some(image), ..
            } => {
                let mut all = distroless::needs(image);
                all.extend(sidecar::needs());
                all
            }
        }
    }
}
