//! Who takes part, and their accounts.

use tonic::Request;
use trialseal::{Enrolment, Meaning, MemberKey, Role, SignerKind, Token, records};
use trialseal_core::hash::{Hash, RecordId};
use trialseal_core::identifiers::{MemberId, MemberName, OrganizationId};
use trialseal_core::index::LogIndex;
use trialseal_core::time::Instant;
use trialseal_core::vocabulary::OrganizationKind;
use trialseal_proto::v1::{self, operator_server::Operator as _};

use super::tale::Tale;
use super::words::{DATA_MANAGER, PIPELINE, PROGRAMMER};
use crate::world::done;

/// When every token ends.
const TOKENS_END: &str = "2027-06-30T00:00:00Z";

/// An organisation, what it is, and its members with their printed names.
type Enrolled = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const ORGANIZATIONS: &[Enrolled] = &[
    (
        "nordpharma",
        "sponsor",
        &[("m-lund", "Astrid Lund"), ("m-dahl", "Per Dahl")],
    ),
    (
        "datacraft",
        "cro",
        &[
            // The rest of the CRO is enrolled by its own administrators.
            ("m-roth", "Jonas Roth"),
            ("m-weiss", "Clara Weiss"),
        ],
    ),
    ("statcheck", "cro", &[("m-iva", "Iva Horvat")]),
    ("randomate", "vendor", &[("m-quist", "Nils Quist")]),
    ("spree-clinic", "site", &[("m-adler", "Dr Ruth Adler")]),
    ("rhone-hospital", "site", &[("m-blanc", "Dr Luc Blanc")]),
    ("aros-hospital", "site", &[("m-holm", "Dr Mette Holm")]),
    ("ethics-berlin", "ethics-board", &[("m-vogt", "Prof. Hanna Vogt")]),
    ("vek-midt", "ethics-board", &[("m-friis", "Bo Friis")]),
    ("authority-de", "authority", &[("m-desk", "Eva Stern")]),
    ("inspectorate", "other", &[("m-brandt", "Kai Brandt")]),
    ("dsmb-4573", "dsmb", &[("m-okoye", "Dr Ada Okoye")]),
    (
        "medtrust",
        "sponsor",
        &[("m-ortega", "Ines Ortega"), ("m-salas", "Marco Salas")],
    ),
];

/// What an organisation of the story was enrolled as.
#[must_use]
pub fn kind_of(organization: &OrganizationId) -> Option<OrganizationKind> {
    let known = ORGANIZATIONS
        .iter()
        .find(|known| known.0 == organization.as_str());
    // The board that joins in March is the only other one in the trial's register.
    let kind = known.map_or("ethics-board", |known| known.1);
    kind.parse().ok()
}

/// Enrols everybody who is there from the beginning.
pub(super) async fn enrol(tale: &mut Tale) {
    for (organization, kind, members) in ORGANIZATIONS {
        enrol_organization(tale, organization, kind, members).await;
    }
    join_by_administrator(tale, PROGRAMMER, "Timo Kern", SignerKind::Person).await;
    join_by_administrator(tale, PIPELINE, "Analysis pipeline 7", SignerKind::System).await;
}

/// The CRO's administrator enrols a member, whose key then countersigns its own enrolment.
async fn join_by_administrator(tale: &mut Tale, member: &str, printed: &str, kind: SignerKind) {
    let name: MemberName = member.parse().unwrap();
    let (seed, token) = (rand::random(), Token::generate().unwrap());
    let key = MemberKey::from_seed(name.organization.clone(), name.member.clone(), &seed).unwrap();
    let key_enrolled = format!("key of {member}");
    let expires = Instant::parse(TOKENS_END).unwrap();
    for (what, submission) in [
        (
            format!("account of {member}"),
            records::enrol_member(&name, kind, Vec::new()),
        ),
        (
            key_enrolled.clone(),
            records::enrol_key(key.verifier().clone()).unwrap(),
        ),
        (
            format!("token of {member}"),
            records::enrol_token(&name, token.sha256(), expires),
        ),
    ] {
        tale.put(
            &what,
            DATA_MANAGER,
            Role::DataManager,
            Meaning::Authorisation,
            submission,
        )
        .await;
    }
    let enrolled = tale.target(&key_enrolled);
    let enrolment = Enrolment {
        index: enrolled.index,
        record: enrolled.record,
    };
    tale.join(key, seed, token, printed, enrolment).await;
    tale.person_mut(member).signatory.kind = kind;
    let (role, meaning) = match kind {
        SignerKind::Person => (Role::Programmer, Meaning::Approval),
        SignerKind::System => (Role::Pipeline, Meaning::Execution),
    };
    let confirmed = records::confirm_key(&enrolled);
    tale.put(
        &format!("key of {member} confirmed"),
        member,
        role,
        meaning,
        confirmed,
    )
    .await;
}

/// Enrols another key of a member, who signs with it from then on.
pub(super) async fn enrol_second_key(tale: &mut Tale, member: &str) {
    let (organization, id) = member.split_once('/').expect("organisation/member");
    let seed: [u8; 32] = rand::random();
    let key = MemberKey::from_seed(organization.parse().unwrap(), id.parse().unwrap(), &seed).unwrap();
    let request = v1::AddMemberRequest {
        organization: organization.to_owned(),
        member: id.to_owned(),
        kind: "person".to_owned(),
        key: key.verifier().to_string(),
    };
    let enrolled = done(tale.world.operator().add_member(Request::new(request)).await);
    let signatory = &mut tale.person_mut(member).signatory;
    signatory.key = key;
    signatory.enrolment = enrolment(&enrolled);
}

/// Revokes a member.
pub(super) async fn revoke(tale: &Tale, member: &str) {
    let (organization, member) = member.split_once('/').expect("organisation/member");
    let request = v1::RevokeMemberRequest {
        organization: organization.to_owned(),
        member: member.to_owned(),
    };
    done(tale.world.operator().revoke_member(Request::new(request)).await);
}

fn enrolment(change: &v1::AccountChange) -> Enrolment {
    Enrolment {
        index: LogIndex::new(change.index).unwrap(),
        record: RecordId::from_hash(Hash::from_slice(&change.record).unwrap()),
    }
}

/// Enrols an organisation and its members.
pub(super) async fn enrol_organization(
    tale: &mut Tale,
    organization: &str,
    kind: &str,
    members: &[(&str, &str)],
) {
    let operator = tale.world.operator();
    let request = v1::AddOrganizationRequest {
        organization: organization.to_owned(),
        kind: kind.to_owned(),
        grade: "operator-checked".to_owned(),
        identifiers: Vec::new(),
    };
    done(operator.add_organization(Request::new(request)).await);
    for (member, name) in members {
        let seed: [u8; 32] = rand::random();
        let key = MemberKey::from_seed(
            OrganizationId::new(organization).unwrap(),
            MemberId::new(member).unwrap(),
            &seed,
        );
        let (key, token) = (key.unwrap(), Token::generate().unwrap());
        let request = v1::AddMemberRequest {
            organization: organization.to_string(),
            member: member.to_string(),
            kind: "person".to_owned(),
            key: key.verifier().to_string(),
        };
        let enrolled = done(operator.add_member(Request::new(request)).await);
        let request = v1::IssueTokenRequest {
            organization: organization.to_string(),
            member: member.to_string(),
            token_sha256: token.sha256().as_bytes().to_vec().into(),
            expires: TOKENS_END.to_owned(),
        };
        done(operator.issue_token(Request::new(request)).await);
        let enrolment = enrolment(&enrolled);
        tale.join(key, seed, token, name, enrolment).await;
    }
}
