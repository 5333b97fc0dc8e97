//! What people of the story see of it: sealed, opened, erased.

use std::fs;
use std::path::Path;

use trialseal::{ReadRange, RecordPlace, RecordRef, RegisterReader, Role};
use trialseal_core::identifiers::RegisterName;
use trialseal_core::receipt::Receipt;
use trialseal_tests::story::{PLANTED_REASON, REGISTER};

use super::{tale, wait};

fn place(name: &str) -> RecordPlace {
    let told = tale().told(name);
    RecordPlace::InLog(told.log.clone(), told.recorded.index)
}

fn seen_by(member: &str, name: &str) -> Receipt {
    wait(tale().person(member).client.receipt(&place(name))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The whole register as a member reads it, each receipt verified against the one log.
fn read_by(member: &str) -> Vec<(u64, bool)> {
    let register: RegisterName = REGISTER.parse().unwrap();
    wait(async {
        let client = &tale().person(member).client;
        let mut reader: RegisterReader = client
            .read_register(&register, ReadRange::default())
            .await
            .unwrap();
        let mut read = Vec::new();
        while let Some(record) = reader.next().await.unwrap() {
            let shows_what = record.receipt.record().what.shown().is_some();
            read.push((record.sequence.get(), shows_what));
        }
        read
    })
}

#[test]
fn a_blinded_view_and_an_unblinded_one_are_of_one_register() {
    let (blinded, unblinded) = (read_by("datacraft/m-weiss"), read_by("statcheck/m-iva"));
    let places = |view: &[(u64, bool)]| view.iter().map(|(place, _)| *place).collect::<Vec<_>>();
    assert_eq!(places(&blinded), places(&unblinded));
    assert_eq!(places(&blinded), (1..=blinded.len() as u64).collect::<Vec<_>>());
    let hidden: Vec<u64> = blinded
        .iter()
        .filter(|(_, shown)| !shown)
        .map(|(at, _)| *at)
        .collect();
    let sealed = [
        "randomisation list",
        "emergency code break",
        "closed report",
        "list opened",
    ]
    .map(|name| tale().told(name).recorded.sequence.get());
    assert_eq!(
        hidden, sealed,
        "a blinded member sees of what is sealed its place"
    );
    assert!(unblinded.iter().all(|(_, shown)| *shown), "{unblinded:?}");
}

#[test]
fn the_list_that_is_opened_is_the_one_that_was_sealed() {
    let (sealed, opened) = (tale().told("randomisation list"), tale().told("list opened"));
    let manifest = sealed.manifest.as_ref().unwrap();
    assert_eq!(opened.manifest.as_ref(), Some(manifest));
    let opened = RecordRef {
        log: opened.log.clone(),
        index: opened.recorded.index,
        record: opened.recorded.record,
    };
    let given = wait(
        tale()
            .person("randomate/m-quist")
            .client
            .put_opening(&opened, manifest),
    )
    .unwrap();
    assert_eq!(given, [Role::Statistician.as_str(), Role::Sponsor.as_str()]);
    let (index, log) = (sealed.recorded.index, sealed.log.as_str());
    let client = &tale().person("datacraft/m-weiss").client;
    let (_, read) = wait(client.opening((&index, Some(log)))).unwrap();
    assert_eq!(read, *manifest);
    let other = &tale().person("spree-clinic/m-adler").client;
    assert!(
        wait(other.opening((&index, Some(log)))).is_err(),
        "not to investigators"
    );
}

#[test]
fn what_is_erased_is_gone_and_the_rest_proves() {
    let receipt = seen_by("spree-clinic/m-adler", "deviation");
    assert!(receipt.record().why.shown().is_none(), "the reason is gone");
    assert!(receipt.record().what.shown().is_some(), "the rest is there");
    let mut found = Vec::new();
    for folder in ["notary", "notary-2"] {
        search(&tale().world.root().join(folder), &mut found);
    }
    assert_eq!(found, Vec::<String>::new(), "the notary keeps the name nowhere");
}

/// Every file below a folder that holds the planted reason.
fn search(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, found);
        } else if let Ok(bytes) = fs::read(&path)
            && bytes
                .windows(PLANTED_REASON.len())
                .any(|some| some == PLANTED_REASON.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
}
