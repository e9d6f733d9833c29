//! Why the server's admission refuses an object, by the server's words: its answers have no other field for that.

use crate::names::{GUARD_MARK, GUARD_SCANS};

/// What refuses an object beside RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdmissionRefusal {
    /// secure-scan's admission guard.
    Guard,
    /// secure-scan's admission guard, which wants a right of whoever scans.
    GuardScans,
    /// The namespace's Pod Security level.
    PodSecurity,
    /// A `ResourceQuota`.
    Quota,
    /// A `LimitRange`.
    LimitRange,
    /// The namespace has no default `ServiceAccount` yet.
    NoServiceAccount,
    /// The cluster does not know image volumes.
    NoImageVolumes,
    /// Another admission webhook or policy.
    Policy,
}

/// Reads the server's words; `None` when they are not those of admission.
pub(super) fn refusal(message: &str) -> Option<AdmissionRefusal> {
    let has = |word: &str| message.contains(word);
    Some(if has(GUARD_MARK) && has(GUARD_SCANS) {
        AdmissionRefusal::GuardScans
    } else if has(GUARD_MARK) {
        AdmissionRefusal::Guard
    } else if has("violates PodSecurity") {
        AdmissionRefusal::PodSecurity
    } else if has("exceeded quota") || has("failed quota") {
        AdmissionRefusal::Quota
    } else if has("usage per") || has("limit to request ratio") {
        AdmissionRefusal::LimitRange
    } else if has("error looking up service account") {
        AdmissionRefusal::NoServiceAccount
    } else if has("must specify a volume type") {
        AdmissionRefusal::NoImageVolumes
    } else if has("admission webhook") || has("ValidatingAdmissionPolicy") {
        AdmissionRefusal::Policy
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_known_by_the_server_s_words() {
        for (message, expected) in [
            (
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"",
                AdmissionRefusal::PodSecurity,
            ),
            (
                "jobs.batch \"x\" is forbidden: exceeded quota: q, requested: count/jobs.batch=1",
                AdmissionRefusal::Quota,
            ),
            (
                "minimum cpu usage per Container is 1, but request is 25m",
                AdmissionRefusal::LimitRange,
            ),
            (
                "pods \"x\" is forbidden: error looking up service account n/default: serviceaccount \"default\" not found",
                AdmissionRefusal::NoServiceAccount,
            ),
            (
                "spec.volumes[0]: Required value: must specify a volume type",
                AdmissionRefusal::NoImageVolumes,
            ),
            (
                "admission webhook \"x\" denied the request",
                AdmissionRefusal::Policy,
            ),
            (
                "ValidatingAdmissionPolicy 'x' with binding 'y' denied request: no",
                AdmissionRefusal::Policy,
            ),
            (
                "ValidatingAdmissionPolicy 'x' with binding 'x' denied request: secure-scan guard: a clone has",
                AdmissionRefusal::Guard,
            ),
            (
                "denied request: secure-scan guard: only by who may manage scans.guard.secure-scan.io",
                AdmissionRefusal::GuardScans,
            ),
        ] {
            assert_eq!(refusal(message), Some(expected), "{message}");
        }
        let rbac = "User \"system:serviceaccount:ci:scanner\" cannot create resource \"jobs\"";
        assert_eq!(refusal(rbac), None);
    }
}
