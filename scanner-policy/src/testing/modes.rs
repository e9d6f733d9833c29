//! Modes as people write them: octal digits.

use serde_json::Value;

/// Fields that hold a mode.
const MODES: [&str; 2] = ["mode", "secret_mode"];

/// Reads each mode that is written as text, as YAML reads `0666` and `"4755"`, as an octal number. A number stays as it is:
/// a recording has modes in decimal.
///
/// # Errors
///
/// Fails on text that is no octal number.
pub(super) fn read_modes(value: &mut Value) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(read_modes),
        Value::Object(fields) => fields.iter_mut().try_for_each(|(name, field)| {
            let text = field.as_str().filter(|_| MODES.contains(&name.as_str()));
            let Some(text) = text else {
                return read_modes(field);
            };
            let octal = text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
            let mode = i64::from_str_radix(text, 8).ok();
            let mode = mode.filter(|mode| octal && *mode <= 0o7777);
            let mode = mode
                .ok_or_else(|| format!("{name} {text:?}: expected an octal mode, such as 0644"))?;
            *field = mode.into();
            Ok(())
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mode_is_octal_where_it_is_text_and_nothing_else_is_read_as_one() {
        let mut value = json!([{"mode": "0666", "path": "0666"}, {"mode": 438}, {"secret_mode": "4755"}, {"a": {"mode": "0"}}]);
        read_modes(&mut value).unwrap();
        let read = json!([{"mode": 438, "path": "0666"}, {"mode": 438}, {"secret_mode": 2541}, {"a": {"mode": 0}}]);
        assert_eq!(value, read);
        for bad in [
            "",
            "0888",
            "rw-r--r--",
            "-1",
            "+644",
            "0o644",
            "10000",
            "777777777777777777777777",
        ] {
            let mut value = json!({"mode": bad});
            assert!(read_modes(&mut value).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn every_mode_is_what_chmod_reads(mode in 0u32..=0o7777) {
            let mut value = json!({"mode": format!("{mode:04o}")});
            read_modes(&mut value).unwrap();
            prop_assert_eq!(value, json!({"mode": mode}));
        }
    }
}
