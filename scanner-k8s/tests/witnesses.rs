//! What the compiler refuses: touching a target, adding a probe or making a scan's client without its witness.

#[test]
fn nothing_touches_a_target_without_its_witness() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
