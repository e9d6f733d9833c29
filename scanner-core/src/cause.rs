//! An error and its causes as one line.

/// Renders `error` and each of its sources that says something new, separated by `: `.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let part = source.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn causes_are_shown_once() {
        let inner = Layer("refused", None);
        let same = Layer("connect: refused", Some(Box::new(inner)));
        let outer = Layer("cannot get pod", Some(Box::new(same)));
        assert_eq!(chain(&outer), "cannot get pod: connect: refused");
    }
}
