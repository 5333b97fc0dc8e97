//! Roles, pending acts, accounts of signers, and the directory.

use trialseal_core::{
    identifiers::TrialId,
    record::{Trial, Who},
};
use trialseal_proto::v1::directory_server::Directory as _;

use super::{super::super::DirectoryService, *};

impl Case {
    fn directory(&self) -> DirectoryService {
        DirectoryService {
            notary: Arc::clone(self.notary()),
        }
    }

    async fn roles(&self, by: usize) -> Vec<v1::Grant> {
        let request = v1::GetRolesRequest {
            register: REGISTER.to_owned(),
        };
        let answer = self.registers().get_roles(self.request(by, request)).await;
        answer.unwrap().into_inner().grants
    }

    async fn pending(&self, by: usize) -> Vec<v1::PendingAct> {
        let request = v1::GetPendingRequest {
            register: REGISTER.to_owned(),
        };
        let answer = self.registers().get_pending(self.request(by, request)).await;
        answer.unwrap().into_inner().acts
    }

    async fn trial(&self, by: usize, id: &str) -> Result<Vec<v1::TrialClaim>, Status> {
        let request = v1::GetTrialRequest { id: id.to_owned() };
        let answer = self.directory().get_trial(self.request(by, request)).await?;
        Ok(answer.into_inner().claims)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_pending_acts_are_told_to_those_who_see_their_records() {
    let case = Case::new().await;
    let all = case.roles(SPONSOR).await;
    assert_eq!(all.len(), 7);
    assert!(all[0].opened && all[0].role == "sponsor" && all[0].scope.as_ref().unwrap().all);
    let site_grant = all.iter().find(|grant| grant.organization == "site").unwrap();
    assert_eq!(site_grant.scope.as_ref().unwrap().sites, ["site-1"]);
    assert_eq!(site_grant.blind, "blinded");
    assert_eq!(case.roles(PUBLIC).await.len(), 1, "his own");
    let mut plan = What::new(register(), Class::StatisticalAnalysisPlan, Event::Finalised);
    plan.version = Some(VersionCode::new("1.0").unwrap());
    plan.manifest = Some(manifest(3).commitment());
    plan.scope = Some(site("site-2"));
    let record = case.record(BLINDED, Role::Statistician, plan).await;
    for (by, sees, yours) in [
        (SPONSOR, true, true),
        (BLINDED, true, false),
        (INSPECTOR, true, false),
        (SITE, false, false),
        (PUBLIC, false, false),
    ] {
        let acts = case.pending(by).await;
        assert_eq!(acts.len(), usize::from(sees), "{by}");
        if let Some(act) = acts.first() {
            assert_eq!(act.record.as_ref(), Some(&record));
            assert_eq!((act.organization.as_str(), act.yours), ("blinded", yours), "{by}");
            assert!(
                act.needs.len() == 1 && act.needs[0].contains("sponsor"),
                "{:?}",
                act.needs
            );
        }
        let listed = case
            .list(by, |request| {
                request.class = "statistical-analysis-plan".to_owned()
            })
            .await;
        assert_eq!(listed[0].pending, sees, "{by}");
    }
    case.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_of_signers_come_with_a_register_and_tokens_do_not() {
    let case = Case::new().await;
    case.records().await;
    for (by, signers) in [(UNBLINDED, 2), (BLINDED, 1)] {
        let request = v1::ReadRegisterRequest {
            register: REGISTER.to_owned(),
            accounts: true,
            ..v1::ReadRegisterRequest::default()
        };
        let answers = case
            .registers()
            .read_register(case.request(by, request))
            .await
            .unwrap();
        let answers: Vec<_> = answers.into_inner().map(Result::unwrap).collect().await;
        let accounts: Vec<_> = answers.into_iter().filter(|answer| answer.account).collect();
        // Of each signer that is shown: organisation, member, key; never the token.
        assert_eq!(accounts.len(), 3 * signers, "{by}");
        let mut vkeys = 0;
        for account in accounts {
            let text = format!("{account:?}");
            assert!(!text.contains("token_sha256"), "{text}");
            let record = account.receipt.as_ref().unwrap().record.as_ref().unwrap();
            vkeys += usize::from(
                record
                    .what
                    .as_ref()
                    .unwrap()
                    .text
                    .as_ref()
                    .unwrap()
                    .contains("vkey"),
            );
            assert!(record.who.as_ref().unwrap().withheld.is_some());
            // The operator's enrolments are drafts, which a verifier of accounts has to allow.
            let receipt = receipt_of(account.receipt.unwrap()).to_json_pretty();
            let trust = case.trust().with_drafts_allowed();
            let report = verify(receipt.as_bytes(), &trust, case.notary().now(), &FileQuery::None);
            assert_ne!(report.outcome, Outcome::Failed, "{:?}", report.first_failure());
        }
        assert_eq!(vkeys, signers);
    }
    // An organisation's own register is its own members' to read.
    let own = |by: usize, register: &str| {
        let request = v1::ReadRegisterRequest {
            register: register.to_owned(),
            ..v1::ReadRegisterRequest::default()
        };
        let request = case.request(by, request);
        async { case.registers().read_register(request).await }
    };
    assert_eq!(
        own(SPONSOR, "org:provider").await.unwrap_err().code(),
        tonic::Code::NotFound
    );
    let answers: Vec<_> = own(PROVIDER, "org:provider")
        .await
        .unwrap()
        .into_inner()
        .collect()
        .await;
    assert_eq!(answers.len(), 4);
    for answer in answers {
        let answer = answer.unwrap();
        assert!(answer.withheld.is_empty() && !answer.account);
        let who = answer.receipt.unwrap().record.unwrap().who.unwrap().text.unwrap();
        assert_eq!(
            Who::parse(who.as_bytes()).unwrap().organization.as_str(),
            "notary"
        );
    }
    case.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_register_that_claims_a_trial_is_named_to_whoever_sees_one() {
    let case = Case::new().await;
    let id = "NCT04573309";
    let claims = case.trial(SITE, id).await.unwrap();
    assert_eq!(claims.len(), 1);
    assert!(claims[0].canonical && claims[0].readable && claims[0].organization == "sponsor");
    for missing in [
        case.trial(OUTSIDER, id).await,
        case.trial(SPONSOR, "NCT00000001").await,
    ] {
        assert_eq!(missing.unwrap_err().code(), tonic::Code::NotFound);
    }
    let mut rival = What::new(
        "trial:NCT00000001".parse().unwrap(),
        Class::Trial,
        Event::Registered,
    );
    rival.trial = Some(Trial {
        aliases: vec![TrialId::parse(id).unwrap()],
    });
    case.record(OUTSIDER, Role::Sponsor, rival).await;
    for (by, own, others) in [
        (SPONSOR, REGISTER, "trial:NCT00000001"),
        (OUTSIDER, "trial:NCT00000001", REGISTER),
    ] {
        let claims = case.trial(by, id).await.unwrap();
        assert_eq!(claims.len(), 2, "a conflict, named on both sides");
        for claim in claims {
            assert_eq!(claim.canonical, claim.register == REGISTER);
            assert_eq!(claim.readable, claim.register == own);
            // Who is behind a register is for those who may see it.
            assert_eq!(claim.organization.is_empty(), claim.register == others);
            assert_eq!(
                claim.aliases.is_empty(),
                claim.register == others || claim.canonical
            );
        }
    }
    case.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_and_keys_are_for_their_own_organisation() {
    let case = Case::new().await;
    let organization = async |by: usize, organization: &str| {
        let request = v1::GetOrganizationRequest {
            organization: organization.to_owned(),
        };
        let answer = case.directory().get_organization(case.request(by, request)).await;
        answer.map(Response::into_inner)
    };
    let own = organization(PROVIDER, "").await.unwrap();
    assert_eq!(
        (own.organization.as_str(), own.kind.as_str()),
        ("provider", "other")
    );
    assert_eq!(own.members.len(), 1);
    let key = &own.members[0].keys[0];
    assert_eq!(key.vkey, case.people[PROVIDER].key.verifier().to_string());
    let enrolled = key.enrolled.clone().unwrap();
    assert!(
        case.receipt(PROVIDER, &enrolled)
            .await
            .unwrap()
            .withheld
            .is_empty()
    );
    let others = organization(SPONSOR, "provider").await.unwrap();
    assert!(others.members.is_empty() && others.enrolled.is_some());
    assert_eq!(
        organization(SPONSOR, "nobody").await.unwrap_err().code(),
        tonic::Code::NotFound
    );
    let request = case.request(UNBLINDED, v1::GetAccountRequest {});
    let account = case.directory().get_account(request).await.unwrap().into_inner();
    assert_eq!(account.registers.len(), 1);
    assert_eq!(account.registers[0].roles, ["statistician"]);
    assert!(account.registers[0].unblinded);
    assert_eq!(account.member.unwrap().member, "m-1");
    case.served.stop().await;
}
