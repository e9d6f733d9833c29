//! Functions for what cannot be decided: their error makes the check one that was not done.

use std::sync::Arc;

use cel::{Context, ExecutionError};

use super::meter::Meter;

/// Makes a check one that was not done, with a reason.
pub(super) const NOT_CHECKED: &str = "not_checked";

/// Adds the functions to a context.
pub(super) fn add(
    context: &mut Context<'static, 'static>,
    meter: &Arc<Meter>,
) -> Result<(), cel::DeclarationError> {
    let is_trial = meter.is_trial;
    context.add_function(
        "older",
        move |one: Arc<String>, other: Arc<String>| match older(&one, &other) {
            None if !is_trial => Err(ExecutionError::function_error(
                "older",
                format!("{one:?} and {other:?} are not two versions of one thing"),
            )),
            found => Ok(found.unwrap_or_default()),
        },
    )?;
    context.add_function(NOT_CHECKED, move |why: Arc<String>| {
        if is_trial {
            Ok(why)
        } else {
            let why = why.as_str().to_owned();
            Err(ExecutionError::function_error(NOT_CHECKED, why))
        }
    })
}

/// Whether `one` is an older version than `other`, by the numbers after the last space, such as in `alpine 3.9.6` and
/// `alpine 3.15`. `None` where what is before them differs, and where there are no numbers.
fn older(one: &str, other: &str) -> Option<bool> {
    let (one, other) = (version(one)?, version(other)?);
    (one.0 == other.0).then(|| one.1 < other.1)
}

fn version(text: &str) -> Option<(&str, Vec<u64>)> {
    let (name, version) = text.rsplit_once(' ').unwrap_or(("", text));
    let mut numbers = Vec::new();
    for part in version.split('.') {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        let Ok(number) = digits.parse() else { break };
        numbers.push(number);
        if digits.len() != part.len() {
            break;
        }
    }
    (!numbers.is_empty()).then_some((name, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (one, other, is_older) in [
            ("alpine 3.9.6", "alpine 3.15", Some(true)),
            ("alpine 3.15", "alpine 3.15.1", Some(true)),
            ("alpine 3.15", "alpine 3.15", Some(false)),
            ("alpine 10", "alpine 9", Some(false)),
            ("debian 7", "debian 08", Some(true)),
            ("7", "8", Some(true)),
            ("alpine 3.9_alpha", "alpine 3.15", Some(true)),
            ("debian 7", "ubuntu 8", None),
            ("debian ", "debian 8", None),
            ("debian sid", "debian 8", None),
            ("debian 99999999999999999999", "debian 8", None),
            ("", "", None),
        ] {
            assert_eq!(older(one, other), is_older, "{one} {other}");
        }
    }
}
