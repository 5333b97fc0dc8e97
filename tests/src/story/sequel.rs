//! September and October: a change after the unblinding, a new sponsor, an erasure.

use trialseal::core::vocabulary::{Blind, ErasablePart, Rel};
use trialseal::records::{decline, erase};
use trialseal::{Class, Event, Meaning, Role, Submission};

use super::tale::Tale;
use super::words::*;

impl Tale {
    fn unlock_after_unblinding(&self, reason: &str) -> Submission {
        self.about(Class::Dataset, Event::Unlock)
            .link(self.link(Rel::Unlocks, "relock"))
            .at_sites(&["DE-01"])
            .reason(reason)
    }
}

/// An unlock that the investigator declines, then one that she signs, with its deviation report.
pub(super) async fn unlocked_after_unblinding(tale: &mut Tale) {
    tale.on("2026-09-21T09:00:00Z");
    let manager = (DATA_MANAGER, Role::DataManager, Meaning::Responsibility);
    let without = tale.unlock_after_unblinding("A laboratory value came late");
    tale.put("second unlock", manager.0, manager.1, manager.2, without)
        .await;
    tale.countersign(
        "second unlock approved",
        "second unlock",
        SPONSOR,
        Role::Sponsor,
        Meaning::Approval,
    )
    .await;
    tale.on("2026-09-22T09:00:00Z");
    let declined = decline(&tale.target("second unlock")).reason("Nobody told me which value");
    tale.put(
        "second unlock declined",
        BERLIN,
        Role::Investigator,
        Meaning::Review,
        declined,
    )
    .await;
    tale.on("2026-09-24T09:00:00Z");
    tale.files.made(
        "deviation-2.pdf",
        "The potassium of visit 7 at DE-01 came after the lock.\n",
    );
    let with = tale.unlock_after_unblinding("The potassium of visit 7 came late");
    tale.put("third unlock", manager.0, manager.1, manager.2, with)
        .await;
    for (name, by, role) in [
        ("third unlock approved", SPONSOR, Role::Sponsor),
        ("third unlock signed at DE-01", BERLIN, Role::Investigator),
    ] {
        tale.countersign(name, "third unlock", by, role, Meaning::Approval)
            .await;
    }
    let report = tale
        .document(Class::DeviationReport, Event::Finalised, "2.0", "deviation-2.pdf")
        .link(tale.link(Rel::RespondsTo, "third unlock"))
        .at_sites(&["DE-01"]);
    tale.put(
        "deviation after unblinding",
        BERLIN,
        Role::Investigator,
        Meaning::Responsibility,
        report,
    )
    .await;
}

/// The trial goes to another sponsor.
pub(super) async fn hand_over(tale: &mut Tale) {
    tale.on("2026-09-29T09:00:00Z");
    let offered = tale
        .about(Class::Trial, Event::CustodyOffered)
        .with(|what| what.grant = Some(role(NEXT_SPONSOR, Role::Sponsor, Blind::Blinded)));
    tale.put(
        "custody offered",
        SPONSOR,
        Role::Sponsor,
        Meaning::Responsibility,
        offered,
    )
    .await;
    tale.on("2026-10-01T09:00:00Z");
    let accepted = tale
        .about(Class::Trial, Event::CustodyAccepted)
        .link(tale.link(Rel::RespondsTo, "custody offered"));
    tale.put(
        "custody accepted",
        NEXT_SPONSOR,
        Role::Sponsor,
        Meaning::Responsibility,
        accepted,
    )
    .await;
    let archivist = role(ARCHIVIST, Role::Archivist, Blind::Blinded);
    tale.grant("grant archivist", NEXT_SPONSOR, archivist, &[], None)
        .await;
}

/// A participant's name in a reason is erased; everything else goes on proving.
pub(super) async fn erasure(tale: &mut Tale) {
    tale.on("2026-10-05T09:00:00Z");
    let erasure = erase(&tale.target("deviation"), vec![ErasablePart::Why]).reason("It named a participant");
    tale.put(
        "erasure",
        NEXT_SPONSOR,
        Role::Sponsor,
        Meaning::Authorisation,
        erasure,
    )
    .await;
    tale.countersign(
        "erasure approved",
        "erasure",
        ARCHIVIST,
        Role::Archivist,
        Meaning::Authorisation,
    )
    .await;
}
