//! What the compiler refuses: touching a target, adding a probe or making a scan's client without its witness, and an access
//! to a target that does not say how its answer is handed on.

#[test]
fn nothing_touches_a_target_without_its_witness() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
