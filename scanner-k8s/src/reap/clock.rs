//! The API server's clock, by which leases begin and end.

use http::{HeaderMap, header::DATE};
use k8s_openapi::jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

use crate::api::{
    call::{CallError, call},
    client::OperatorClient,
};

/// What the API server says the time is, to the second.
///
/// # Errors
///
/// Fails when it does not answer, or answers without its time.
pub(super) async fn server_time(operator: &OperatorClient) -> Result<Timestamp, String> {
    let what = "ask the API server for its time";
    // Every answer has the time, also one that refuses.
    let answer = call(what, operator.get("/version")).await;
    let answer = answer.map_err(|error: CallError| scanner_core::cause::chain(&error))?;
    date(answer.headers()).ok_or_else(|| {
        "the API server does not say what time it is, so it is not known which scans have ended"
            .into()
    })
}

/// RFC 9110, 6.6.1.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let zoned = DateTimeParser::new().parse_zoned(text).ok()?;
    Some(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_answer_is_read_or_not_known() {
        let of = |text: &str| date(&HeaderMap::from_iter([(DATE, text.parse().unwrap())]));
        let known = of("Wed, 25 Nov 2026 22:36:20 GMT").unwrap();
        assert_eq!(known.to_string(), "2026-11-25T22:36:20Z");
        for wrong in ["", "now", "Wed, 99 Nov 2026 22:36:20 GMT"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(date(&HeaderMap::new()), None);
    }
}
