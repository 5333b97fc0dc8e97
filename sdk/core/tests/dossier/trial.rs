//! A trial with its parties, and the acts that most tests need.

use trialseal_core::assertion::Given;
use trialseal_core::identifiers::Code;
use trialseal_core::record::{CountrySettings, SiteSettings, TrialSettings};
use trialseal_core::vocabulary::{Blind, Blinding, Class, Decision, Event, Purpose, Rel, Role, SignerKind};

use super::story::{Made, Put, Story, digests};

pub(crate) const ADA: &str = "acme/ada";
pub(crate) const DANA: &str = "cro/dana";
pub(crate) const STAN: &str = "cro/stan";
pub(crate) const PIPE: &str = "cro/pipe";
pub(crate) const EVA: &str = "ethik/eva";
pub(crate) const IVO: &str = "clinic/ivo";
pub(crate) const RITA: &str = "randco/rita";
pub(crate) const AMY: &str = "bfarm/amy";

pub(crate) fn given(name: &str, content: &[u8]) -> Given {
    Given {
        name: name.to_owned(),
        digests: digests(content),
        content: Vec::new(),
    }
}

/// Parties, accounts, the registration, settings and grants; it is 6 January 2026.
pub(crate) fn trial(blinding: Blinding) -> Story {
    let mut story = Story::new();
    for (organization, kind) in [
        ("acme", "sponsor"),
        ("cro", "cro"),
        ("ethik", "ethics-board"),
        ("bfarm", "authority"),
        ("clinic", "site"),
        ("randco", "vendor"),
        ("front", "other"),
    ] {
        story.organization(organization, kind);
    }
    for name in [ADA, "acme/sam", DANA, STAN, EVA, AMY, IVO, RITA, "front/fay"] {
        story.member(name, SignerKind::Person);
    }
    story.member(PIPE, SignerKind::System);
    story.at("2026-01-05T09:00:00Z");
    story.put(Put::new(ADA, Role::Sponsor, Class::Trial, Event::Registered));
    let code = |text: &str| Code::new(text).unwrap();
    let site = |site: &str, country: &str, tz: &str, board: Option<&str>| SiteSettings {
        site: code(site),
        country: country.parse().unwrap(),
        tz: tz.parse().unwrap(),
        board: board.map(|board| board.parse().unwrap()),
    };
    let settings = TrialSettings {
        blinding: Some(blinding),
        countries: vec![
            CountrySettings {
                country: "DE".parse().unwrap(),
                decisions: vec![Class::Opinion, Class::AuthorityDecision],
            },
            CountrySettings {
                country: "US".parse().unwrap(),
                decisions: vec![Class::Opinion],
            },
        ],
        sites: vec![
            site("101", "DE", "Europe/Berlin", Some("ethik")),
            site("102", "DE", "Europe/Berlin", None),
            site("201", "US", "America/New_York", None),
        ],
    };
    let set = Put::new(ADA, Role::Sponsor, Class::TrialSettings, Event::Set);
    story.put(set.what(|what| what.settings = Some(settings)));
    for (to, role, blind) in [
        ("acme/sam", Role::Sponsor, Blind::Blinded),
        (DANA, Role::DataManager, Blind::Blinded),
        (STAN, Role::Statistician, Blind::Blinded),
        (PIPE, Role::Pipeline, Blind::Blinded),
        (EVA, Role::EthicsBoard, Blind::Blinded),
        (AMY, Role::Authority, Blind::Blinded),
        (IVO, Role::Investigator, Blind::Blinded),
        (RITA, Role::RandomisationProvider, Blind::Unblinded),
    ] {
        story.grant(ADA, to, role, blind);
    }
    story.at("2026-01-06T00:00:00Z");
    story
}

pub(crate) fn document(by: &str, role: Role, class: Class, event: Event, version: &str, file: &str) -> Put {
    let content = format!("{file} {version}");
    Put::new(by, role, class, event)
        .version(version)
        .file(file, content.as_bytes())
}

pub(crate) fn countersign(story: &mut Story, by: &str, role: Role, class: Class, of: &Made) -> Made {
    story.put(Put::new(by, role, class, Event::Countersigned).link(Rel::Countersigns, of))
}

pub(crate) const PLAN: Class = Class::StatisticalAnalysisPlan;

/// A plan that the statistician signs; it waits for the sponsor.
pub(crate) fn plan(story: &mut Story, version: &str) -> Made {
    story.put(document(
        STAN,
        Role::Statistician,
        PLAN,
        Event::Finalised,
        version,
        "sap.pdf",
    ))
}

/// A plan that both have signed.
pub(crate) fn signed_plan(story: &mut Story, version: &str) -> Made {
    let plan = plan(story, version);
    countersign(story, ADA, Role::Sponsor, PLAN, &plan);
    plan
}

pub(crate) fn lock(story: &mut Story, version: &str) -> Made {
    let put = document(
        DANA,
        Role::DataManager,
        Class::Dataset,
        Event::HardLock,
        version,
        "adsl.xpt",
    );
    let lock = story.put(put.everywhere().what(|what| what.purpose = Some(Purpose::Final)));
    countersign(story, ADA, Role::Sponsor, Class::Dataset, &lock);
    lock
}

pub(crate) fn first_participant(story: &mut Story, at: &str) -> Made {
    story.put(Put::new(ADA, Role::Sponsor, Class::Trial, Event::FirstParticipantIn).declared(at))
}

/// An authorised unblinding, as its record declares it.
pub(crate) fn unblind(story: &mut Story, declared: &str) -> Made {
    let authorise = Put::new(ADA, Role::Sponsor, Class::Trial, Event::UnblindingAuthorised).everywhere();
    let authorised = story.put(authorise);
    countersign(story, STAN, Role::Statistician, Class::Trial, &authorised);
    let unblinded = Put::new(RITA, Role::RandomisationProvider, Class::Trial, Event::Unblinded).everywhere();
    story.put(unblinded.link(Rel::AuthorisedBy, &authorised).declared(declared))
}

pub(crate) fn output(story: &mut Story, name: &str, purpose: Purpose, input: &Made) -> Made {
    let put = document(
        STAN,
        Role::Statistician,
        Class::AnalysisOutput,
        Event::Executed,
        "1.0",
        name,
    );
    story.put(
        put.link(Rel::UsesInput, input)
            .what(|what| what.purpose = Some(purpose)),
    )
}

pub(crate) fn decide(by: &str, class: Class, decision: Decision, on: &Made, day: &str) -> Put {
    let role = match class {
        Class::AuthorityDecision => Role::Authority,
        _ => Role::EthicsBoard,
    };
    let day = day.parse().unwrap();
    Put::new(by, role, class, Event::Decided)
        .link(Rel::DecidesOn, on)
        .what(|what| {
            what.decision = Some(decision);
            what.decided_on = Some(day);
        })
}

/// The trial that ICH E9 asks for: everything in order.
pub(crate) struct E9 {
    pub(crate) story: Story,
    pub(crate) list: Made,
    pub(crate) plan_1: Made,
    pub(crate) plan_2: Made,
    pub(crate) lock: Made,
    pub(crate) unblinded: Made,
    pub(crate) output: Made,
}

/// As far as the first output from the locked data; nothing is stated yet.
pub(crate) fn e9(blinding: Blinding) -> E9 {
    let mut story = trial(blinding);
    story.at("2026-01-10T09:00:00Z");
    let list = document(
        RITA,
        Role::RandomisationProvider,
        Class::RandomisationList,
        Event::Finalised,
        "1.0",
        "list.csv",
    );
    let list = story.put(list);
    story.at("2026-01-12T10:00:00Z");
    first_participant(&mut story, "2026-01-12T09:30:00Z");
    story.at("2026-02-01T09:00:00Z");
    let plan_1 = signed_plan(&mut story, "1.0");
    story.at("2026-03-01T09:00:00Z");
    let plan_2 = signed_plan(&mut story, "2.0");
    story.at("2026-03-20T09:00:00Z");
    let lock = lock(&mut story, "1.0");
    story.at("2026-04-02T09:00:00Z");
    let unblinded = unblind(&mut story, "2026-04-02T09:02:00Z");
    story.at("2026-04-05T09:00:00Z");
    let opened = document(
        RITA,
        Role::RandomisationProvider,
        Class::RandomisationList,
        Event::Opened,
        "1.0",
        "list.csv",
    );
    let opened = opened.link(Rel::CertifiedCopyOf, &list);
    story.put(
        opened
            .what(|what| what.affects = vec![Code::new("public").unwrap()])
            .same_manifest_as(&list),
    );
    story.at("2026-04-10T09:00:00Z");
    let output = output(&mut story, "t-14-1.rtf", Purpose::Final, &lock);
    E9 {
        story,
        list,
        plan_1,
        plan_2,
        lock,
        unblinded,
        output,
    }
}
