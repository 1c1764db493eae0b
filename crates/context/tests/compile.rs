//! Each file in `compile/` is a program that must not compile; its name is the claim it proves.

#[test]
fn what_is_wrong_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile/*.rs");
}
