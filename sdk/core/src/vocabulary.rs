//! The codes of the field's model, and the table that says which may stand together.
//!
//! The codes are closed lists: a record with any other is refused at admission. A
//! verifier does not read them, so a longer list in a later version breaks no receipt.
//! Which event may stand with which class is data, in `vocabulary.toml`.

mod table;

use std::fmt;
use std::str::FromStr;

pub(crate) use table::Code;
pub use table::{Needs, allowed, events_of, link_needs_reason, needs, sealed_by_default};

/// A code that is in none of the lists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a known {kind}; the codes are: {known}")]
pub struct UnknownCode {
    kind: &'static str,
    found: String,
    known: String,
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident, $kind:literal, { $($variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        impl $name {
            /// Every code, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it stands in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownCode;

            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownCode {
                        kind: $kind,
                        // Codes are short; what is longer is cut so that a message stays readable.
                        found: text.chars().take(64).collect(),
                        known: [$($text,)+].join(" "),
                    }),
                }
            }
        }
    };
}

codes! {
    /// What kind of thing a record is about.
    Class, "class", {
        Protocol = "protocol",
        ProtocolAmendment = "protocol-amendment",
        InformedConsentForm = "informed-consent-form",
        ParticipantMaterial = "participant-material",
        InvestigatorBrochure = "investigator-brochure",
        StatisticalAnalysisPlan = "statistical-analysis-plan",
        RandomisationSpecification = "randomisation-specification",
        DataManagementPlan = "data-management-plan",
        MonitoringPlan = "monitoring-plan",
        TransferSpecification = "transfer-specification",
        CrfSpecification = "crf-specification",
        CommitteeCharter = "committee-charter",
        Agreement = "agreement",
        DelegationLog = "delegation-log",
        Qualification = "qualification",
        SafetyReport = "safety-report",
        DeviationReport = "deviation-report",
        Correspondence = "correspondence",
        RegistryEntry = "registry-entry",
        ClinicalStudyReport = "clinical-study-report",
        ResultsSummary = "results-summary",
        SubmissionSequence = "submission-sequence",
        TmfSnapshot = "tmf-snapshot",
        Dataset = "dataset",
        LaboratoryData = "laboratory-data",
        AuditTrail = "audit-trail",
        EcrfCopy = "ecrf-copy",
        AnalysisPopulation = "analysis-population",
        Define = "define",
        ReviewerGuide = "reviewer-guide",
        RandomisationList = "randomisation-list",
        TreatmentAssignment = "treatment-assignment",
        DsmbClosedReport = "dsmb-closed-report",
        DsmbRecommendation = "dsmb-recommendation",
        Program = "program",
        ProgramLog = "program-log",
        Environment = "environment",
        AnalysisOutput = "analysis-output",
        Opinion = "opinion",
        AuthorityDecision = "authority-decision",
        Consent = "consent",
        ProductBatch = "product-batch",
        Device = "device",
        Trial = "trial",
        TrialSettings = "trial-settings",
        Organisation = "organisation",
        Member = "member",
        Grant = "grant",
        Erasure = "erasure",
        Other = "other",
    }
}

codes! {
    /// What happened to it.
    Event, "event", {
        Drafted = "drafted",
        Finalised = "finalised",
        Activated = "activated",
        Published = "published",
        Withdrawn = "withdrawn",
        Submitted = "submitted",
        Decided = "decided",
        Reported = "reported",
        Registered = "registered",
        Set = "set",
        SiteActivated = "site-activated",
        SiteClosed = "site-closed",
        EnrolmentOpened = "enrolment-opened",
        EnrolmentClosed = "enrolment-closed",
        FirstParticipantIn = "first-participant-in",
        LastParticipantIn = "last-participant-in",
        LastParticipantLastVisit = "last-participant-last-visit",
        Halted = "halted",
        Resumed = "resumed",
        Terminated = "terminated",
        Ended = "ended",
        Archived = "archived",
        CustodyOffered = "custody-offered",
        CustodyAccepted = "custody-accepted",
        DataCut = "data-cut",
        SoftLock = "soft-lock",
        HardLock = "hard-lock",
        Unlock = "unlock",
        Endorsed = "endorsed",
        UnblindingAuthorised = "unblinding-authorised",
        Unblinded = "unblinded",
        CodeBroken = "code-broken",
        Executed = "executed",
        Reproduced = "reproduced",
        Sent = "sent",
        Received = "received",
        Rejected = "rejected",
        Countersigned = "countersigned",
        Declined = "declined",
        ConsentGiven = "consent-given",
        ConsentWithdrawn = "consent-withdrawn",
        Released = "released",
        Shipped = "shipped",
        Dispensed = "dispensed",
        Returned = "returned",
        Quarantined = "quarantined",
        Recalled = "recalled",
        Destroyed = "destroyed",
        Granted = "granted",
        Revoked = "revoked",
        Opened = "opened",
        Erased = "erased",
        Recorded = "recorded",
    }
}

codes! {
    /// How a record relates to an earlier one.
    Rel, "relation", {
        Amends = "amends",
        Supersedes = "supersedes",
        Corrects = "corrects",
        PartOf = "part-of",
        TranslationOf = "translation-of",
        LocalVersionOf = "local-version-of",
        CertifiedCopyOf = "certified-copy-of",
        RedactedCopyOf = "redacted-copy-of",
        DecidesOn = "decides-on",
        RespondsTo = "responds-to",
        Activates = "activates",
        Unlocks = "unlocks",
        UsesInput = "uses-input",
        UsesProgram = "uses-program",
        UsesEnvironment = "uses-environment",
        Reproduces = "reproduces",
        Acknowledges = "acknowledges",
        Countersigns = "countersigns",
        AuthorisedBy = "authorised-by",
        ConsentsTo = "consents-to",
        Under = "under",
        Withdraws = "withdraws",
        Erases = "erases",
    }
}

codes! {
    /// What a signature means (21 CFR 11.50).
    Meaning, "meaning", {
        Authorship = "authorship",
        Review = "review",
        Approval = "approval",
        Responsibility = "responsibility",
        Verification = "verification",
        Endorsement = "endorsement",
        Authorisation = "authorisation",
        Decision = "decision",
        Receipt = "receipt",
        Witnessing = "witnessing",
        Execution = "execution",
    }
}

codes! {
    /// What a board or an authority decided.
    Decision, "decision", {
        Approved = "approved",
        ApprovedWithConditions = "approved-with-conditions",
        Acknowledged = "acknowledged",
        ModificationsRequired = "modifications-required",
        Deferred = "deferred",
        Disapproved = "disapproved",
        Suspended = "suspended",
        SuspensionLifted = "suspension-lifted",
        Terminated = "terminated",
        Withdrawn = "withdrawn",
        NotRequired = "not-required",
    }
}

codes! {
    /// What data or outputs are for.
    Purpose, "purpose", {
        Test = "test",
        DryRun = "dry-run",
        Interim = "interim",
        Final = "final",
        PostHoc = "post-hoc",
    }
}

codes! {
    /// On what a record rests.
    Basis, "basis", {
        Signed = "signed",
        Recorded = "recorded",
        Reported = "reported",
        UrgentSafetyMeasure = "urgent-safety-measure",
    }
}

codes! {
    /// What a member acts as in a register.
    Role, "role", {
        Sponsor = "sponsor",
        DataManager = "data-manager",
        Statistician = "statistician",
        Programmer = "programmer",
        Pipeline = "pipeline",
        Monitor = "monitor",
        Safety = "safety",
        RandomisationProvider = "randomisation-provider",
        Laboratory = "laboratory",
        Vendor = "vendor",
        Investigator = "investigator",
        SiteStaff = "site-staff",
        EthicsBoard = "ethics-board",
        Authority = "authority",
        Dsmb = "dsmb",
        Auditor = "auditor",
        Inspector = "inspector",
        QualifiedPerson = "qualified-person",
        Archivist = "archivist",
        Participant = "participant",
        Public = "public",
    }
}

codes! {
    /// Whether a grant lets its member see treatment assignments.
    Blind, "blinding", {
        Blinded = "blinded",
        Unblinded = "unblinded",
    }
}

codes! {
    /// Whether a person or a machine signs.
    SignerKind, "kind of signer", {
        Person = "person",
        System = "system",
    }
}

codes! {
    /// What an item of a manifest is to the record.
    ItemUse, "use of an item", {
        Input = "input",
        Program = "program",
        Environment = "environment",
        Log = "log",
        Output = "output",
        Document = "document",
    }
}

codes! {
    /// What an account record enrols or revokes.
    AccountType, "account type", {
        Organisation = "organisation",
        Member = "member",
        Key = "key",
        Token = "token",
    }
}

codes! {
    /// Whether a transfer holds everything or what changed.
    TransferMode, "mode of transfer", {
        Full = "full",
        Incremental = "incremental",
    }
}

codes! {
    /// A part of a record that can be erased.
    ErasablePart, "part", {
        What = "what",
        Who = "who",
        Why = "why",
        Manifest = "manifest",
    }
}

codes! {
    /// How the identity behind an account was checked.
    IdentityGrade, "identity grade", {
        SelfAsserted = "self-asserted",
        OperatorChecked = "operator-checked",
        Certificate = "certificate",
    }
}

codes! {
    /// What an organisation is, as it was enrolled.
    OrganizationKind, "kind of organisation", {
        Sponsor = "sponsor",
        Cro = "cro",
        Site = "site",
        EthicsBoard = "ethics-board",
        Authority = "authority",
        Dsmb = "dsmb",
        Laboratory = "laboratory",
        Vendor = "vendor",
        Other = "other",
    }
}

codes! {
    /// From whom the treatment is hidden.
    Blinding, "blinding of a trial", {
        OpenLabel = "open-label",
        SingleBlind = "single-blind",
        DoubleBlind = "double-blind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_no_code_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for class in Class::ALL {
            assert_eq!(class.as_str().parse::<Class>().unwrap(), *class);
            assert!(seen.insert(class.as_str()));
        }
        let mut seen = std::collections::BTreeSet::new();
        for event in Event::ALL {
            assert_eq!(event.as_str().parse::<Event>().unwrap(), *event);
            assert!(seen.insert(event.as_str()));
        }
        assert_eq!((Class::ALL.len(), Event::ALL.len(), Rel::ALL.len()), (50, 53, 23));
        assert_eq!(
            (Role::ALL.len(), Meaning::ALL.len(), Decision::ALL.len()),
            (21, 11, 11)
        );
    }

    #[test]
    fn an_unknown_code_is_named_with_the_known_ones() {
        let error = "locked".parse::<Purpose>().unwrap_err().to_string();
        assert_eq!(
            error,
            "\"locked\" is not a known purpose; the codes are: test dry-run interim final post-hoc"
        );
        assert!("Dataset".parse::<Class>().is_err());
        assert!("".parse::<Event>().is_err());
    }
}
