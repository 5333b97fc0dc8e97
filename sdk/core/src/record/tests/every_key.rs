//! A `what` in which every key stands.

use super::*;

/// Every key that can stand in a `what`.
pub(super) fn full() -> What {
    let mut what = what("trial:NCT04573309", Class::Opinion, Event::Decided);
    what.version = Some(VersionCode::new("2.0").unwrap());
    what.manifest = Some(ManifestCommitment {
        items: 3,
        root: sha256(b"root"),
    });
    what.links = vec![
        Link {
            rel: Rel::DecidesOn,
            record: id("a"),
            index: index(4),
            log: None,
        },
        Link {
            rel: Rel::Under,
            record: id("b"),
            index: index(0),
            log: Some(Origin::new("n.example/1").unwrap()),
        },
    ];
    let code = |text: &str| vec![Code::new(text).unwrap()];
    what.scope = Some(Scope::Only(Box::new(Scopes {
        sites: code("101"),
        countries: vec![Country::new("DE").unwrap()],
        visits: code("V1"),
        forms: code("AE"),
        datasets: code("ADSL"),
    })));
    codes_and_dates(&mut what);
    details(&mut what);
    accounts(&mut what);
    what.extensions = vec![("x-note".to_owned(), Value::Integer(1))];
    what
}

fn codes_and_dates(what: &mut What) {
    what.purpose = Some(Purpose::Final);
    what.sealed = Some(false);
    what.decision = Some(Decision::ApprovedWithConditions);
    what.affects = vec![Code::new("consent").unwrap()];
    what.basis = Some(Basis::Signed);
    what.declared_at = Some(Declared::At(Instant::parse("2026-05-02T09:17:04Z").unwrap()));
    what.document_date = Some(date("2026-05-01"));
    what.decided_on = Some(date("2026-05-02"));
    what.valid_from = Some(date("2026-05-02"));
    what.valid_until = Some(date("2027-05-02"));
    what.tz = Some(TimeZoneName::new("Europe/Berlin").unwrap());
}

fn details(what: &mut What) {
    what.source = Some(Source {
        repository: Some(Reference::new("https://git.example.org/a").unwrap()),
        commit: Some(Reference::new("0a1b2c3").unwrap()),
        dirty: Some(false),
        run: Some(Reference::new("8842").unwrap()),
    });
    what.transfer = Some(Transfer {
        series: Some(Code::new("lab-a").unwrap()),
        number: Some(4),
        mode: Some(TransferMode::Incremental),
        test: Some(true),
    });
    what.consent = Some(Consent {
        kind: Some(Code::new("main").unwrap()),
        count: Some(12),
        from: Some(date("2026-01-01")),
    });
    what.retain_until = Some(date("2051-01-01"));
    what.seen = Some(Seen {
        sequence: Sequence::FIRST,
        record: id("s"),
        index: index(9),
    });
}

fn accounts(what: &mut What) {
    what.account = Some(Account {
        account_type: AccountType::Key,
        id: MemberId::new("m-1").unwrap(),
        vkey: Some(vkey("acme/m-1")),
        token_sha256: None,
        expires: Some(Instant::parse("2027-01-01T00:00:00Z").unwrap()),
        kind: Some(Code::new("person").unwrap()),
        grade: Some(IdentityGrade::OperatorChecked),
        identifiers: vec![PublicIdentifier::parse("orcid:0000-0002-1825-0097").unwrap()],
    });
    what.grant = Some(Grant {
        organization: OrganizationId::new("acme").unwrap(),
        member: MemberId::new("m-1").unwrap(),
        role: Role::Statistician,
        blind: Blind::Blinded,
        expires: None,
    });
    what.erased = Some(Erased {
        record: id("e"),
        index: index(3),
        parts: vec![ErasablePart::Who, ErasablePart::Why],
        class: Some(Class::Dataset),
        event: Some(Event::Recorded),
    });
    what.trial = Some(Trial {
        aliases: vec![TrialId::parse("2023-501234-12").unwrap()],
    });
    what.settings = Some(TrialSettings {
        blinding: Some(Blinding::DoubleBlind),
        countries: vec![CountrySettings {
            country: Country::new("DE").unwrap(),
            decisions: vec![Class::Opinion, Class::AuthorityDecision],
        }],
        sites: vec![SiteSettings {
            site: Code::new("DE-01").unwrap(),
            country: Country::new("DE").unwrap(),
            tz: TimeZoneName::new("Europe/Berlin").unwrap(),
            board: Some(OrganizationId::new("ek-berlin").unwrap()),
        }],
    });
}
