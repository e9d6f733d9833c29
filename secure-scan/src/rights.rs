//! What an operator must be allowed to do for scans.

use scanner_k8s::Strategy;

pub use scanner_k8s::plan::{
    resolve::ResolveError,
    rights::{Rights, RightsCheck},
};

/// What an operator needs for scans of all these strategies, of any target and in any mode: in the target's namespace and,
/// where the scan's identity has a namespace of its own, in that.
///
/// ```
/// use secure_scan::{rights::rights, strategy};
///
/// let needed = rights(&[strategy::container()], false);
/// assert!(needed[0].rules.iter().any(|rule| rule.resources == ["pods/exec"] && rule.verbs == ["create", "get"]));
/// ```
pub fn rights(strategies: &[Strategy], identity_apart: bool) -> Vec<Rights> {
    Strategy::rights_of_all(strategies, identity_apart)
}
