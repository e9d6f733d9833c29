//! What an operator must be allowed to do for a scan, as rules of a Role, and which rights are missing.

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::plan::{Need, PlannedRule};

use super::{
    preflight::{self, FOR_THE_IDENTITY, HERE, need, of_the_target},
    resolve::{ResolveError, namespace_exists},
};
use crate::api::client::OperatorClient;

/// Rights in one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rights {
    /// Whether they are needed in the namespace of the scan's identity, where that is not the target's.
    pub of_identity: bool,
    /// Rules, each of one API group and one set of verbs, for objects of any name.
    pub rules: Vec<PlannedRule>,
}

/// The server's answer for [`Rights`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RightsCheck {
    /// The missing rights, such as `delete on jobs.batch`.
    pub missing: Vec<String>,
}

impl Rights {
    /// What every scan needs in the target's namespace and, with an identity namespace, in that; `more` is what its
    /// strategy needs beside that in the first.
    pub(crate) fn of(more: &[Need], identity_apart: bool) -> Vec<Self> {
        let mut here: Vec<Need> = [vec![of_the_target()], HERE.map(need).into()].concat();
        here.extend_from_slice(more);
        // The API server lets nobody give what they do not have.
        here.push(Need::new("", "pods/exec", &["create", "get"]));
        let identity = FOR_THE_IDENTITY.map(need);
        if !identity_apart {
            here.extend(identity.clone());
        }
        let mut all = vec![Self {
            of_identity: false,
            rules: rules(&here),
        }];
        if identity_apart {
            all.push(Self {
                of_identity: true,
                rules: rules(&identity),
            });
        }
        all
    }

    /// Asks which of these rights the operator does not have in a namespace, for objects of any name. Makes two calls; one more for
    /// each right that is not in a list which the server calls incomplete.
    ///
    /// # Errors
    ///
    /// Fails when the server does not answer the review, and when it says that there is no such namespace: a server lists rights
    /// in any.
    pub async fn check(
        &self,
        operator: &OperatorClient,
        namespace: &str,
    ) -> Result<RightsCheck, ResolveError> {
        namespace_exists(operator, namespace).await?;
        let mut allowed = preflight::ask(operator, namespace).await?;
        allowed
            .settle_rules(operator, namespace, &self.rules)
            .await?;
        Ok(RightsCheck {
            missing: allowed.missing_rules(&self.rules),
        })
    }
}

/// The needs as rules: resources of one group that need the same verbs share one.
fn rules(needs: &[Need]) -> Vec<PlannedRule> {
    let mut verbs: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for need in needs {
        let all = verbs.entry((&need.group, &need.resource)).or_default();
        all.extend(need.verbs.iter().map(String::as_str));
    }
    let mut shared: BTreeMap<(&str, BTreeSet<&str>), Vec<&str>> = BTreeMap::new();
    for ((group, resource), verbs) in verbs {
        shared.entry((group, verbs)).or_default().push(resource);
    }
    let owned = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
    let rules = shared.into_iter().map(|((group, verbs), resources)| {
        let verbs: Vec<&str> = verbs.into_iter().collect();
        PlannedRule::of(owned(&[group]), owned(&resources), vec![], owned(&verbs))
    });
    rules.collect()
}
