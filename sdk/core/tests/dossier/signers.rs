//! countersigned: distinct persons, in roles that they hold.

use trialseal_core::assertion::{Verdict, countersigned};
use trialseal_core::vocabulary::{Blinding, Class, Event, Purpose, Rel, Role};

use super::golden::Golden;
use super::story::Put;
use super::trial::{ADA, DANA, PIPE, PLAN, STAN, countersign, document, plan, signed_plan, trial};

#[test]
fn distinct_persons_in_their_roles() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let signed = signed_plan(&mut story, "1.0");
    let pending = plan(&mut story, "1.1");
    let declined = plan(&mut story, "1.2");
    let put = Put::new(ADA, Role::Sponsor, PLAN, Event::Declined).link(Rel::Countersigns, &declined);
    story.put(put);
    story.state();
    let dossier = story.dossier();
    let roles = [Role::Statistician, Role::Sponsor];
    let ask = |record| countersigned(&dossier, &record, &roles);
    golden.case("both", Verdict::Proven, &ask(signed.record));
    golden.case("pending", Verdict::NotProvable, &ask(pending.record));
    golden.case("declined", Verdict::Disproven, &ask(declined.record));
    let twice = [Role::Sponsor, Role::Sponsor];
    golden.case(
        "two sponsors",
        Verdict::NotProvable,
        &countersigned(&dossier, &signed.record, &twice),
    );
    golden.check_all_verdicts("countersigned");
}

#[test]
fn two_keys_are_one_person() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let lock = document(
        DANA,
        Role::DataManager,
        Class::Dataset,
        Event::HardLock,
        "1.0",
        "adsl.xpt",
    );
    let lock = story.put(lock.everywhere().what(|what| what.purpose = Some(Purpose::Final)));
    // A second key of hers, enrolled like the first.
    let old = story.seed_of(DANA);
    story.second_key(DANA, old + 100);
    countersign(&mut story, DANA, Role::DataManager, Class::Dataset, &lock);
    story.state();
    let dossier = story.dossier();
    let roles = [Role::DataManager, Role::DataManager];
    golden.case(
        "two keys",
        Verdict::NotProvable,
        &countersigned(&dossier, &lock.record, &roles),
    );
    golden.check("two_keys");
}

#[test]
fn a_pipeline_cannot_approve() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let waiting = plan(&mut story, "1.0");
    let put = Put::new(PIPE, Role::Pipeline, PLAN, Event::Countersigned).link(Rel::Countersigns, &waiting);
    story.put(put.clone().by_system());
    // It says that it is a person.
    story.put(put);
    story.state();
    let dossier = story.dossier();
    let roles = [Role::Statistician, Role::Pipeline];
    golden.case(
        "a pipeline",
        Verdict::NotProvable,
        &countersigned(&dossier, &waiting.record, &roles),
    );
    golden.check("pipeline");
}

#[test]
fn a_signature_after_revocation_counts_for_nothing() {
    let mut golden = Golden::default();
    let mut story = trial(Blinding::DoubleBlind);
    let before = signed_plan(&mut story, "1.0");
    let seed = story.seed_of(STAN);
    story.key(STAN, seed, Event::Revoked);
    let after = signed_plan(&mut story, "2.0");
    story.state();
    let dossier = story.dossier();
    let roles = [Role::Statistician, Role::Sponsor];
    golden.case(
        "before",
        Verdict::Proven,
        &countersigned(&dossier, &before.record, &roles),
    );
    golden.case(
        "after",
        Verdict::NotProvable,
        &countersigned(&dossier, &after.record, &roles),
    );
    golden.check("revoked");
}
