//! Pages for a person in place of what a program asked for: what a proxy answers to those who did not log in.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

use super::error::WayError;

/// Whether headers announce a page.
pub(in crate::api) fn is_announced(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.map(<[u8]>::trim_ascii_start).unwrap_or_default();
    [&b"text/html"[..], b"application/xhtml"]
        .iter()
        .any(|page| kind.len() >= page.len() && kind[..page.len()].eq_ignore_ascii_case(page))
}

/// Whether the beginning of a body is that of a page.
pub(super) fn is_begun(body: &[u8]) -> bool {
    text(body).starts_with(b"<")
}

/// Whether more of the body would not change that.
pub(super) fn is_decided(body: &[u8]) -> bool {
    !MARK.starts_with(body) && !text(body).is_empty()
}

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of a body, without what stands before it.
fn text(body: &[u8]) -> &[u8] {
    body.strip_prefix(MARK).unwrap_or(body).trim_ascii_start()
}

/// Hands an answer of the API server on, and refuses a page: the server answers calls with no page and no other address.
///
/// # Errors
///
/// Fails for a page, and for every answer that sends the caller to another address.
pub(in crate::api) fn refuse<B>(response: Response<B>) -> Result<Response<B>, WayError> {
    let status = response.status();
    let page = is_announced(response.headers()) && !status.is_server_error();
    if page || (status.is_redirection() && status != StatusCode::NOT_MODIFIED) {
        return Err(WayError::PageOfServer(status));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_no_answer_of_the_server() {
        let answer = |status: u16, kind: &str| {
            let answer = Response::builder().status(status);
            refuse(answer.header(CONTENT_TYPE, kind).body(()).unwrap())
        };
        for status in [200, 201, 302, 307, 401, 403, 404, 407] {
            for kind in [
                "text/html",
                "Text/HTML; charset=utf-8",
                " text/html",
                "application/xhtml+xml",
            ] {
                let refused = answer(status, kind).unwrap_err();
                assert!(
                    matches!(refused, WayError::PageOfServer(s) if s == status),
                    "{status} {kind}"
                );
            }
        }
        for status in [301, 302, 303, 307, 308] {
            assert!(answer(status, "text/plain").is_err(), "{status}");
        }
        for (status, kind) in [
            (101, ""),
            (200, "application/json"),
            (304, "application/json"),
            (401, "application/json"),
            (404, "text/plain"),
            (502, "text/html"),
            (200, "text/htm"),
        ] {
            assert!(answer(status, kind).is_ok(), "{status} {kind}");
        }
        assert!(refuse(Response::new(())).is_ok());
    }

    #[test]
    fn a_page_is_known_by_how_it_begins() {
        for page in [
            &b"<html>"[..],
            b"\n  <!DOCTYPE html>",
            b"\xef\xbb\xbf<html>",
        ] {
            assert!(is_begun(page) && is_decided(page));
            for begun in (1..page.len()).map(|length| &page[..length]) {
                assert_eq!(is_begun(begun), is_decided(begun), "{begun:?}");
            }
        }
        for other in [&b""[..], b"no", b"{\"a\": \"<\"}", b" "] {
            assert!(!is_begun(other));
        }
        for (body, decided) in [
            (&b""[..], false),
            (b" \n", false),
            (b"\xef", false),
            (b" n", true),
        ] {
            assert_eq!(is_decided(body), decided, "{body:?}");
        }
    }
}
