//! Random submissions make receipts that pass and read back, and random bytes never panic.

use proptest::prelude::*;
use trialseal_core::identifiers::{Code, RegisterName, VersionCode};
use trialseal_core::receipt::Receipt;
use trialseal_core::record::{Scope, Scopes, What, Why};
use trialseal_core::time::Instant;
use trialseal_core::trust::Trust;
use trialseal_core::verify::{FileQuery, Outcome, verify};
use trialseal_core::vocabulary::{Class, Event, Purpose, allowed};

use super::notary::{Case, digests, instant, manifest, trust};

fn classes_and_events() -> impl Strategy<Value = (Class, Event)> {
    let pairs: Vec<(Class, Event)> = Class::ALL
        .iter()
        .flat_map(|class| Event::ALL.iter().map(|event| (*class, *event)))
        .filter(|(class, event)| allowed(*class, *event))
        .collect();
    prop::sample::select(pairs)
}

prop_compose! {
    fn cases()(
        (class, event) in classes_and_events(),
        version in prop::option::of("[0-9A-Za-z][0-9A-Za-z._-]{0,31}"),
        sites in prop::collection::vec("[0-9]{3}", 0..4),
        purpose in prop::option::of(prop::sample::select(Purpose::ALL)),
        sealed in prop::option::of(any::<bool>()),
        reason in prop::option::of("[^\u{0}]{1,200}"),
        is_draft in any::<bool>(),
        salt in any::<u8>(),
        (index, size) in (2_u64..70).prop_flat_map(|size| (0..size, Just(size))),
        received_ms in 0_i64..11_999,
    ) -> Case {
        let mut case = Case::new();
        case.what = What::new(RegisterName::parse("trial:acme:AC-301").unwrap(), class, event);
        case.what.version = version.map(|version| VersionCode::new(&version).unwrap());
        case.what.purpose = purpose;
        case.what.sealed = sealed;
        if !sites.is_empty() {
            let sites = sites.iter().map(|site| Code::new(site).unwrap()).collect();
            case.what.scope = Some(Scope::Only(Box::new(Scopes { sites, ..Scopes::default() })));
        }
        case.why = Why { reason: reason.filter(|reason| !reason.trim().is_empty()), remark: None };
        case.is_draft = is_draft;
        case.salt = salt;
        case.index = index;
        case.size = size;
        // The log signs at 11 s; its own clock may be a second behind.
        case.received_at = instant(0).plus_millis(received_ms);
        case
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_we_make_passes_and_reads_back(case in cases(), with_file in any::<bool>()) {
        let mut case = case;
        let manifest = manifest(&["b/one.xpt", "a.xpt", "b/two.xpt"]);
        case.what.manifest = with_file.then(|| manifest.commitment());
        prop_assert_eq!(&What::parse(case.what.to_json().as_bytes()).unwrap(), &case.what);
        prop_assert_eq!(&Why::parse(case.why.to_json().as_bytes()).unwrap(), &case.why);
        let mut receipt = case.receipt();
        let mut query = FileQuery::None;
        if with_file {
            receipt = receipt.with_manifest(&manifest);
            query = FileQuery::InFolder { path: "b/two.xpt".to_owned(), digests: digests(b"b/two.xpt") };
        }
        let text = receipt.to_json_pretty();
        prop_assert_eq!(&Receipt::parse(text.as_bytes()).unwrap(), &receipt);
        let report = verify(text.as_bytes(), &trust("[policy]\nallow_drafts = true\n"), instant(60), &query);
        prop_assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.steps);
    }

    #[test]
    fn random_bytes_never_pass_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let report = verify(&bytes, &trust(""), instant(60), &FileQuery::None);
        prop_assert_eq!(report.outcome, Outcome::Failed);
    }

    #[test]
    fn hostile_trust_files_never_panic(text in "[\\[\\]a-z=\" \n+0-9]{0,300}") {
        let _ = Trust::parse(&text);
    }

    #[test]
    fn a_receipt_with_bytes_cut_or_doubled_never_passes(from in 0_usize..4_000, length in 1_usize..300) {
        let text = Case::new().receipt().to_json_pretty();
        let from = from % text.len();
        let until = (from + length).min(text.len() - 2);
        prop_assume!(from < until);
        let at = Instant::parse("2030-01-02T00:00:00Z").unwrap();
        for changed in [
            [&text.as_bytes()[..from], &text.as_bytes()[until..]].concat(),
            [&text.as_bytes()[..until], &text.as_bytes()[from..]].concat(),
        ] {
            let report = verify(&changed, &trust(""), at, &FileQuery::None);
            // Cutting or doubling white space between tokens changes nothing.
            let same = Receipt::parse(&changed).is_ok_and(|read| read == Receipt::parse(text.as_bytes()).unwrap());
            prop_assert!(same || report.outcome != Outcome::Passed);
        }
    }
}
