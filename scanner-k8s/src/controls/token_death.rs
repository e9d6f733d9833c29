//! The proof that a revoked token is dead.
//!
//! An API server remembers for ten seconds that it accepted a token, by the text of the token
//! (`tokencache.New(…, TokenSuccessCacheTTL, …)`). A text of the same token that it has not seen is validated anew, and
//! refused within milliseconds. That shows that the token is revoked; a server that accepted the first text may still
//! answer to it until ten seconds after that.

use std::time::Duration;

use scanner_core::ControlError;
use tokio::time::Instant;

use crate::{
    api::{call::CallErrorKind, client::ReviewClient},
    run::scope::ScanScope,
};

/// How long an API server may remember a token that it has accepted.
const TOKEN_CACHE: Duration = Duration::from_millis(10_200);
/// Pauses between spellings, for a server that learns of the deletion a moment later, in milliseconds.
const PAUSES: [u64; 6] = [10, 30, 100, 300, 600, 1000];
/// Tries of the first spelling, one a second.
const TRIES: u32 = 10;
/// How often one spelling is sent where there is no answer.
const ASKED: u32 = 3;

/// The words of the plan about it.
pub(super) fn planned(scope: &ScanScope) -> &'static str {
    if scope.proves_everywhere() {
        "it is tried in a spelling that no server remembers, and again as it came once every server has forgotten it"
    } else {
        "it is tried in a spelling that no server remembers; a server that accepted it before may answer it for up to \
         10 s after its last use"
    }
}

/// Shows that the server refuses the token, in sentences.
///
/// # Errors
///
/// Fails when the server still accepts it after it must have forgotten it.
pub(super) async fn show(scope: &ScanScope) -> Result<Vec<String>, ControlError> {
    let mut shown = Vec::new();
    if let Some(took) = refused_anew(scope).await? {
        let text = format!(
            "the token was tried again, validated anew and refused with 401 by the server that answered, {} ms after \
             its revocation; a server that accepted its first spelling may answer that until 10 s after its last use",
            took.as_millis()
        );
        scope.credential().note_refused(&text);
        shown.push(text);
    }
    if shown.is_empty() || scope.proves_everywhere() {
        let text = refused_everywhere(scope).await?;
        scope.credential().note_refused(&text);
        shown.push(text);
    }
    Ok(shown)
}

/// How long it took until the server refused a spelling that it had not seen; `None` if it accepts only one spelling,
/// accepted all of them, or did not answer.
async fn refused_anew(scope: &ScanScope) -> Result<Option<Duration>, ControlError> {
    let since = Instant::now();
    for (review, pause) in scope.credential().fresh()?.iter().zip(PAUSES) {
        match asked(review).await {
            Answer::Refused => return Ok(Some(since.elapsed())),
            // Now this spelling is remembered too.
            Answer::Accepted => tokio::time::sleep(Duration::from_millis(pause)).await,
            Answer::None => return Ok(None),
        }
    }
    Ok(None)
}

/// How the server answers to a token.
enum Answer {
    Refused,
    Accepted,
    /// It did not answer, or failed.
    None,
}

/// Asks by one spelling, and again where there is no answer.
async fn asked(review: &ReviewClient) -> Answer {
    for _ in 0..ASKED {
        match review.review_self().await {
            Ok(()) => return Answer::Accepted,
            Err(error) if error.kind() == CallErrorKind::Unauthorized => return Answer::Refused,
            Err(error) if error.is_forbidden() => return Answer::Accepted,
            Err(_) => tokio::time::sleep(Duration::from_millis(300)).await,
        }
    }
    Answer::None
}

/// Waits until no server can remember the token, and tries it as it came.
async fn refused_everywhere(scope: &ScanScope) -> Result<String, ControlError> {
    let credential = scope.credential();
    let used = credential.used().unwrap_or_else(Instant::now);
    let review = credential.original()?;
    tokio::time::sleep(TOKEN_CACHE.saturating_sub(used.elapsed())).await;
    let mut accepted = false;
    for _ in 0..TRIES {
        match asked(&review).await {
            Answer::Refused => {
                return Ok(
                    "the token was tried again, as it came, once no server could remember it, and refused with 401"
                        .into(),
                );
            }
            Answer::Accepted => accepted = true,
            Answer::None => break,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err(ControlError::new(if accepted {
        "the revoked token is still not refused with 401"
    } else {
        "the server did not say whether it refuses the revoked token"
    }))
}
