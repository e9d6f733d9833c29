//! Errors of calls to the API server, with what to do next.

use std::time::Duration;

use scanner_core::{ControlError, FailureKind, RefusedBy, Remedy, escape::visible_ends};

use super::{
    admission::{AdmissionRefusal, refusal},
    plugin::PluginError,
    redacted::Redacted,
    tls_fault::TlsFault,
    way::WayError,
};
use crate::names::GUARD_NAME;

/// Longest time that one call may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Reason of the `Status` that says that an object does not exist.
const NOT_FOUND: &str = "NotFound";
/// How the server's authorizers name a caller without a credential.
const ANONYMOUS: &str = "User \"system:anonymous\"";

/// A call to the API server that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
#[non_exhaustive]
pub struct CallError {
    /// What was tried, such as `create Job secure-scan-ab12`.
    pub what: String,
    kind: CallErrorKind,
    code: Option<u16>,
    refusal: Option<AdmissionRefusal>,
    act: Act,
    /// What to do if the way to the server or the login fails, and not the server itself.
    way: Option<&'static str>,
    /// Whether the same call may well succeed a moment later.
    is_transient: bool,
    #[source]
    cause: Cause,
}

/// What a call does, as far as the remedy depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// It reads, makes or deletes an object.
    Object,
    /// It opens an exec, which the API server passes on to the kubelet of the pod's node.
    Exec,
    /// It adds an ephemeral container.
    AddContainer,
}

/// Why, for a reader.
#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("no answer within {} s", CALL_TIMEOUT.as_secs())]
    Timeout,
    #[error("{0}")]
    Answer(String),
}

/// Kinds of [`CallError`], to branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallErrorKind {
    /// 401: the server does not know the caller.
    Unauthorized,
    /// The server, or something in it, refuses what was asked.
    Forbidden {
        /// Who refuses it.
        by: ForbiddenBy,
    },
    /// 404: there is no such object.
    NotFound,
    /// 404, but not in the words of an API server: something else answers, or the server does not know this API at all.
    NotServed,
    /// 409: another object or another state is in the way.
    Conflict,
    /// 400 or 422: the server cannot use what was sent.
    Invalid,
    /// 400: the server would have allowed the request as an upgrade to a stream, but it is none.
    NotUpgraded,
    /// 429: the server is busy.
    Busy,
    /// 500 and above: the server fails.
    ServerFailed,
    /// No answer in time.
    Timeout,
    /// No connection, or it ended before the answer.
    Unreachable,
    /// An answer that does not belong to any other kind.
    Other,
}

impl CallErrorKind {
    /// Whether the same call may well succeed a moment later.
    fn is_transient(self) -> bool {
        matches!(self, Self::Busy | Self::ServerFailed | Self::Unreachable)
    }
}

/// Who refuses a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForbiddenBy {
    /// The server's authorizers, of which RBAC is the usual one.
    Rbac,
    /// secure-scan's admission guard.
    Guard,
    /// Another admission plugin, webhook or policy.
    Admission,
}

impl From<ForbiddenBy> for RefusedBy {
    fn from(by: ForbiddenBy) -> Self {
        match by {
            ForbiddenBy::Rbac => Self::Rbac,
            ForbiddenBy::Guard => Self::Guard,
            ForbiddenBy::Admission => Self::Admission,
        }
    }
}

impl CallError {
    fn new(what: String, error: &kube::Error) -> Self {
        let way = WayError::find(error);
        let plugin = PluginError::find(error);
        // A plugin that failed is not run again by the same call.
        let is_transient = |kind: CallErrorKind| match (plugin, way) {
            (Some(plugin), _) => plugin.is_transient(),
            // A certificate does not change in a moment.
            (None, _) if TlsFault::find(error).is_some() => false,
            (None, Some(way)) => way.is_transient(),
            (None, None) => kind.is_transient(),
        };
        let mut advice = None;
        let (kind, refusal, code, text) = match error {
            kube::Error::Api(status) => {
                let (mut kind, refusal) = classify(status.code, &status.message);
                let mut text = status.message.clone();
                if kind == CallErrorKind::NotFound && status.reason != NOT_FOUND {
                    kind = CallErrorKind::NotServed;
                    text = format!("what answers is not the API server of a cluster (404): {text}");
                }
                (kind, refusal, Some(status.code), text)
            }
            error => {
                let why = Redacted::client(error);
                advice = why.advice();
                (CallErrorKind::Unreachable, None, None, why.to_string())
            }
        };
        let is_anonymous = code == Some(403) && text.contains(ANONYMOUS);
        let text = if is_anonymous {
            advice = Some(
                "log in, or give the kubeconfig's user a credential, such as a client certificate or a token",
            );
            format!("the kubeconfig's user sends no credential: {text}")
        } else {
            text
        };
        Self {
            what,
            kind,
            code,
            refusal,
            act: Act::Object,
            way: advice
                .or(way.and_then(WayError::advice))
                .or(plugin.map(PluginError::advice)),
            is_transient: is_transient(kind),
            cause: Cause::Answer(visible_ends(&text, 600)),
        }
    }

    /// A call that is not made, because the witness is that of another scan.
    pub(crate) fn not_surrounded(what: String) -> Self {
        Self {
            what,
            kind: CallErrorKind::Other,
            code: None,
            refusal: None,
            act: Act::Object,
            way: None,
            is_transient: false,
            cause: Cause::Answer("these controls do not surround this scan".into()),
        }
    }

    fn timeout(what: String) -> Self {
        Self {
            what,
            kind: CallErrorKind::Timeout,
            code: None,
            refusal: None,
            act: Act::Object,
            way: None,
            is_transient: false,
            cause: Cause::Timeout,
        }
    }

    /// The same for a call that the API server passes on to the kubelet of a pod's node.
    pub(super) fn of_exec(mut self) -> Self {
        self.act = Act::Exec;
        self
    }

    /// The same for a call that adds an ephemeral container.
    pub(super) fn of_container(mut self) -> Self {
        self.act = Act::AddContainer;
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> CallErrorKind {
        self.kind
    }

    /// HTTP status code of the server's answer, if it gave one.
    pub fn code(&self) -> Option<u16> {
        self.code
    }

    /// Whether the server, or something in it, refuses what was asked.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.kind, CallErrorKind::Forbidden { .. })
    }

    /// Which part of the server's admission refused the call, if one did.
    pub(crate) fn refusal(&self) -> Option<AdmissionRefusal> {
        self.refusal
    }

    /// The server's own words, escaped; of a call without an answer, why there is none.
    pub fn answer(&self) -> String {
        self.cause.to_string()
    }

    /// What to do next.
    pub fn remedy(&self) -> Option<Remedy> {
        if let Some(refusal) = self.refusal {
            return Some(of_refusal(refusal, self.act));
        }
        if let Some(way) = self.way {
            return Some(Remedy::advice(way));
        }
        Some(match self.code {
            None | Some(500..) if self.act == Act::Exec => Remedy::CheckNode { node: None },
            Some(401) => Remedy::LogIn,
            Some(403) => Remedy::AskAdministrator,
            Some(404) if self.kind == CallErrorKind::NotServed => {
                Remedy::advice("check host, port and path of `server` in the kubeconfig")
            }
            Some(404) => Remedy::advice("check the name and the namespace"),
            Some(429 | 500..) => Remedy::TryAgain,
            Some(_) => Remedy::advice(
                "try again; if it stays so, look for an admission webhook or a proxy that answers",
            ),
            None => Remedy::CheckServer,
        })
    }

    /// What kind of failure of a scan this is.
    pub fn failure_kind(&self) -> FailureKind {
        match self.kind {
            CallErrorKind::Forbidden { by } => FailureKind::Forbidden { by: by.into() },
            CallErrorKind::Timeout | CallErrorKind::Unreachable => FailureKind::Unreachable,
            _ => FailureKind::Unknown,
        }
    }

    /// This failure as the failure of a control.
    pub fn of_control(self) -> ControlError {
        ControlError::new("the API server refused or failed")
            .with_kind(self.failure_kind())
            .with_remedy(self.remedy())
            .with_source(self)
    }
}

/// Waits for one call, at most [`CALL_TIMEOUT`].
///
/// # Errors
///
/// Fails when the server refuses, fails, or does not answer in time.
pub async fn call<T>(
    what: impl Into<String>,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(CALL_TIMEOUT, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(CallError::new(what.into(), &error)),
        Err(_) => Err(CallError::timeout(what.into())),
    }
}

/// What an answer means, and which part of admission refused, if one did.
///
/// This is the one place that decides by the server's words: authorizers and admission both answer 403, a policy may answer
/// 422, and no field of a `metav1.Status` says which of them refused. All other code branches on the kind.
fn classify(code: u16, message: &str) -> (CallErrorKind, Option<AdmissionRefusal>) {
    let refusal = match code {
        400 | 403 | 422 => refusal(message),
        _ => None,
    };
    let forbidden = |by| CallErrorKind::Forbidden { by };
    let kind = match (refusal, code) {
        (Some(AdmissionRefusal::Guard | AdmissionRefusal::GuardScans), _) => {
            forbidden(ForbiddenBy::Guard)
        }
        // A field that an older server does not know.
        (Some(AdmissionRefusal::NoImageVolumes), _) => CallErrorKind::Invalid,
        (Some(_), _) => forbidden(ForbiddenBy::Admission),
        (None, 400) if message.contains("pgrade") => CallErrorKind::NotUpgraded,
        (None, 400 | 422) => CallErrorKind::Invalid,
        (None, 401) => CallErrorKind::Unauthorized,
        (None, 403) => forbidden(ForbiddenBy::Rbac),
        (None, 404) => CallErrorKind::NotFound,
        (None, 409) => CallErrorKind::Conflict,
        (None, 429) => CallErrorKind::Busy,
        (None, 500..) => CallErrorKind::ServerFailed,
        (None, _) => CallErrorKind::Other,
    };
    (kind, refusal)
}

/// What to do when admission refuses an object of a scan.
fn of_refusal(refusal: AdmissionRefusal, act: Act) -> Remedy {
    Remedy::advice(match refusal {
        AdmissionRefusal::PodSecurity => return Remedy::UseImage,
        AdmissionRefusal::Guard => return Remedy::CheckGuard,
        AdmissionRefusal::GuardScans => {
            let role = format!("{GUARD_NAME}-operators");
            return Remedy::BindGuardLimits { role };
        }
        AdmissionRefusal::NoImageVolumes => return Remedy::UseNoImageVolume,
        AdmissionRefusal::Quota => {
            "the namespace's ResourceQuota has no room for what the scan makes: free some, or raise it"
        }
        AdmissionRefusal::LimitRange => {
            "the namespace's LimitRange refuses the resources of what the scan makes"
        }
        AdmissionRefusal::NoServiceAccount => {
            "the namespace has no default ServiceAccount yet; try again in a moment"
        }
        // An exec has no labels, and those of the pod are not the scan's.
        AdmissionRefusal::Policy => match act {
            Act::Object => return Remedy::LabelOrExempt,
            Act::Exec => {
                "an admission policy of this cluster refuses execs into this pod; exempt the scan's user there: \
                 system:serviceaccount:NAMESPACE:secure-scan-ID, with another ID for each scan"
            }
            Act::AddContainer => {
                "an admission policy of this cluster refuses ephemeral containers in this pod; exempt the user who runs \
                 the scan there, who adds the container"
            }
        },
    })
}

/// The same for reading and deleting, which do no harm a second time: a server that is busy or
/// failing is asked up to three times.
///
/// # Errors
///
/// Fails as [`call`] does. One that does not answer in time is not asked again.
pub(crate) async fn call_with_retry<T, R>(
    what: String,
    mut request: impl FnMut() -> R,
) -> Result<T, CallError>
where
    R: Future<Output = kube::Result<T>>,
{
    for pause in [500, 1000] {
        match call(what.clone(), request()).await {
            Err(error) if error.is_transient => {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            answered => return answered,
        }
    }
    call(what, request()).await
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;
    use crate::names::GUARD_MARK;

    async fn answered(code: u16, message: &str) -> CallError {
        let reason = if code == 404 { NOT_FOUND } else { "" };
        let status = Status::failure(message, reason).with_code(code);
        let refused = async { Err::<(), _>(kube::Error::Api(status.boxed())) };
        call("try", refused).await.unwrap_err()
    }

    #[tokio::test]
    async fn who_refuses_a_call_is_known_by_kind() {
        let rbac = "pods \"web\" is forbidden: User \"x\" cannot create resource \"pods/exec\"";
        let guard = format!("ValidatingAdmissionPolicy 'g' denied request: {GUARD_MARK}no");
        let policy = "ValidatingAdmissionPolicy 'x' with binding 'y' denied request: no";
        for (code, message, by) in [
            (403, rbac, ForbiddenBy::Rbac),
            (403, guard.as_str(), ForbiddenBy::Guard),
            (422, guard.as_str(), ForbiddenBy::Guard),
            (
                403,
                "violates PodSecurity \"restricted\"",
                ForbiddenBy::Admission,
            ),
            (422, policy, ForbiddenBy::Admission),
        ] {
            let error = answered(code, message).await;
            assert_eq!(error.kind(), CallErrorKind::Forbidden { by }, "{message}");
            assert!(error.is_forbidden() && error.code() == Some(code));
        }
    }

    #[tokio::test]
    async fn the_remedy_of_a_refusal_is_about_what_can_be_exempted() {
        let policy = "ValidatingAdmissionPolicy 'x' with binding 'y' denied request: no";
        let of = async || answered(422, policy).await;
        let made = of().await.remedy();
        assert_eq!(made, Some(Remedy::LabelOrExempt));
        for (error, words) in [
            (
                of().await.of_exec(),
                "system:serviceaccount:NAMESPACE:secure-scan-ID",
            ),
            (of().await.of_container(), "the user who runs the scan"),
        ] {
            let remedy = error.remedy().map(|remedy| remedy.to_string());
            let remedy = remedy.unwrap_or_default();
            assert!(remedy.contains(words), "{remedy}");
            assert!(!remedy.contains("label"), "{remedy}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_classified_by_its_code() {
        for (code, message, kind, again) in [
            (
                400,
                "Upgrade request required",
                CallErrorKind::NotUpgraded,
                false,
            ),
            (400, "bad", CallErrorKind::Invalid, false),
            (401, "Unauthorized", CallErrorKind::Unauthorized, false),
            (404, "not found", CallErrorKind::NotFound, false),
            (409, "exists", CallErrorKind::Conflict, false),
            (418, "tea", CallErrorKind::Other, false),
            (429, "slow down", CallErrorKind::Busy, true),
            (503, "down", CallErrorKind::ServerFailed, true),
        ] {
            let error = answered(code, message).await;
            assert_eq!((error.kind(), error.is_transient), (kind, again), "{code}");
            assert!(!error.is_forbidden(), "{code}");
        }
    }

    #[tokio::test]
    async fn a_caller_without_a_credential_is_not_sent_to_an_administrator() {
        let denied = "pods \"web\" is forbidden: User \"system:anonymous\" cannot get resource";
        let error = answered(403, denied).await;
        assert!(error.is_forbidden());
        assert!(
            error
                .answer()
                .starts_with("the kubeconfig's user sends no credential")
        );
        let remedy = error.remedy().unwrap().to_string();
        assert!(remedy.starts_with("log in"), "{remedy}");
    }

    #[tokio::test]
    async fn a_404_in_other_words_than_those_of_a_server_says_nothing_about_an_object() {
        for reason in ["", "Failed to parse error data"] {
            let status = Status::failure("404 page not found", reason).with_code(404);
            let refused = async { Err::<(), _>(kube::Error::Api(status.boxed())) };
            let error = call("get pod web", refused).await.unwrap_err();
            assert_eq!(error.kind(), CallErrorKind::NotServed, "{reason}");
            assert!(error.answer().contains("not the API server"), "{error:?}");
            let remedy = error.remedy().unwrap().to_string();
            assert!(remedy.contains("host, port and path"), "{remedy}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_answer_is_not_asked_again() {
        let mut asked = 0;
        let error = call_with_retry("wait".into(), || {
            asked += 1;
            std::future::pending::<kube::Result<()>>()
        })
        .await
        .unwrap_err();
        assert_eq!((error.kind(), asked), (CallErrorKind::Timeout, 1));
    }
}
