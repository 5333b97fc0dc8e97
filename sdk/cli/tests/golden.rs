//! What people see, word for word: `cmd/*.trycmd`.

#![allow(missing_docs)]

#[test]
fn golden() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}
