//! An environment that nobody meant: one line for each variable, and no value in it.

use proptest::prelude::*;

use super::*;

fn lines(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    variables(text, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn values_are_told_by_their_shape_alone() {
    let text = "A=\0KEY=AKIA0123456789ABCDEF\0URL=postgres://u:p@h/d\0none\0X\nY=1\0";
    assert_eq!(
        lines(text),
        [
            "0 empty A",
            "20 aws_key KEY",
            "18 url_credentials URL",
            "1 plain X?Y"
        ]
    );
}

#[test]
fn a_process_is_of_a_container_by_its_id_and_of_a_cgroup_by_all_of_it() {
    let docker = "0::/docker/0123456789abcdef\n";
    assert!(is_of(docker, "0123456789ab"));
    assert!(is_of(docker, "0::/docker/0123456789abcdef"));
    for other in ["0::/user/session-10\n", "0::/user/session-1/x\n"] {
        assert!(!is_of(other, "0::/user/session-1"), "{other}");
    }
    assert!(has_own_root(std::process::id()).unwrap());
}

proptest! {
    #[test]
    fn no_value_is_in_what_is_told(
        pairs in proptest::collection::vec(("[A-Z\n\r@! ]{0,8}", "[^\0A-Z0-9 ]{6,12}"), 0..8)
    ) {
        let pair = |(name, value): &(String, String)| format!("{name}={value}\0");
        let text = pairs.iter().map(pair).collect::<Vec<_>>().concat();
        let told = lines(&text);
        prop_assert_eq!(told.len(), pairs.len());
        for (line, (_, value)) in told.iter().zip(&pairs) {
            prop_assert!(!line.contains(value.as_str()), "{line}");
            let mut fields = line.splitn(3, ' ');
            prop_assert_eq!(fields.next().and_then(|n| n.parse().ok()), Some(value.len()));
        }
    }
}
