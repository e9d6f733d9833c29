//! Witnesses of the control stage: values that only [`guarded`](crate::guarded) can make, and that everything
//! which touches a cluster or a target asks for.
//!
//! There are two, since a scan becomes more powerful in two steps. [`PreparedControls`] shows that everything
//! which can be shown before the scan identity has any rights was put in place and verified: with it the
//! operator may add a probe or a pod. [`EnforcedControls`] shows that the identity got exactly the planned
//! rights and that every control holds: with it the scan identity may look into the target.

use crate::plan::ScanId;

/// Witness that every control that can be shown before access is granted was put in place and verified.
///
/// Made by [`guarded`](crate::guarded) alone, after the gates and before the scan identity gets its rights.
#[derive(Debug)]
pub struct PreparedControls {
    scan: Surrounded,
    ids: Vec<String>,
}

/// Witness that every control of a scan was enforced and verified.
///
/// Made by [`guarded`](crate::guarded) alone. A control that the scan may go on without, and that does not
/// hold, is not among [`EnforcedControls::ids`].
#[derive(Debug)]
pub struct EnforcedControls {
    scan: Surrounded,
    ids: Vec<String>,
}

/// What the controls surround.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Surrounded {
    /// A scan of a cluster.
    Scan(ScanId),
    /// A scan without a cluster: nothing was created, so nothing had to be controlled.
    Local,
}

macro_rules! witness {
    ($type:ident) => {
        impl $type {
            /// Identifiers of the controls that hold, in the order in which they were put in place. Empty in a
            /// scan without a cluster.
            pub fn ids(&self) -> &[String] {
                &self.ids
            }

            /// Whether this is the witness of that scan. A witness of another scan, or of a scan without a cluster, opens
            /// nothing.
            pub fn is_of(&self, scan: &ScanId) -> bool {
                self.scan == Surrounded::Scan(scan.clone())
            }

            /// Called by the control stage alone: `grep assertion` lists every place that makes the claim.
            pub(crate) fn assertion(scan: &ScanId, ids: Vec<String>) -> Self {
                Self {
                    scan: Surrounded::Scan(scan.clone()),
                    ids,
                }
            }

            /// The witness of a scan without a cluster.
            pub(crate) fn local() -> Self {
                Self {
                    scan: Surrounded::Local,
                    ids: Vec::new(),
                }
            }
        }
    };
}

witness!(PreparedControls);
witness!(EnforcedControls);
