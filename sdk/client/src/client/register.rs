//! Reading a register: its records with what is withheld and why, what was stated of it, who holds which role,
//! what waits for a signature, who read it.

use std::time::Duration;

use tonic::Streaming;
use trialseal_core::checkpoint::Origin;
use trialseal_core::hash::{Hash, RecordId};
use trialseal_core::identifiers::{MemberName, RegisterName};
use trialseal_core::index::{LogIndex, LogSize, Sequence};
use trialseal_core::receipt::Receipt;
use trialseal_core::record::{Scope, Scopes};
use trialseal_core::register_statement::{RegisterStatement, ShownLine};
use trialseal_core::time::{Date, Instant};
use trialseal_proto::v1;

use super::retry::retry;
use super::status::{Failure, failure};
use super::{Client, Wait, now, wire};
use crate::error::ClientError;

/// Between two looks at what evidence a statement has by now.
const LEVEL_PAUSE: Duration = Duration::from_millis(500);

/// Why a part of a record is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WithheldWhy {
    /// The record is sealed, and the reader's grants are blinded.
    Sealed,
    /// It is about sites or countries that none of the reader's grants covers.
    Scope,
    /// The reader's role sees only what was opened to it.
    Role,
    /// It was erased; a tombstone on record says by whom.
    Erased,
    /// A reason that this version does not know.
    Other,
}

/// A part that a receipt does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithheldPart {
    /// `what`, `who`, `why` or `submission`.
    pub part: String,
    /// Why.
    pub why: WithheldWhy,
}

/// One record of a register as the reader may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRecord {
    /// Its place in its register.
    pub sequence: Sequence,
    /// Verified, as every receipt.
    pub receipt: Receipt,
    /// What is not shown, and why.
    pub withheld: Vec<WithheldPart>,
    /// Whether it is a record of an organisation's own register, sent because accounts were asked for.
    pub account: bool,
}

/// Which part of a register is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadRange {
    /// From this place on; the first where absent.
    pub from: Option<Sequence>,
    /// To this place; the last where absent.
    pub until: Option<Sequence>,
    /// Also the enrolments of everybody who signed.
    pub accounts: bool,
}

/// The records of a register as they come.
pub struct RegisterReader {
    client: Client,
    register: RegisterName,
    answers: Streaming<v1::ReadRegisterResponse>,
}

/// A record by its place and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRef {
    /// The log that holds it.
    pub log: Origin,
    /// Its index there.
    pub index: LogIndex,
    /// Its id.
    pub record: RecordId,
}

/// A role that somebody holds. Codes are texts here: a newer notary may know more of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRole {
    /// Who.
    pub member: MemberName,
    /// The role.
    pub role: String,
    /// `blinded` or `unblinded`.
    pub blind: String,
    /// Where; everywhere where absent.
    pub scope: Option<Scope>,
    /// Until when.
    pub expires: Option<Instant>,
    /// The record that granted it.
    pub record: RecordRef,
    /// The agreement, or the delegator's own grant, that it is under.
    pub under: Option<RecordRef>,
    /// Whether it comes with having opened the register.
    pub opened: bool,
}

/// The roles in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles {
    /// By the index of their grants.
    pub held: Vec<HeldRole>,
    /// The notary's time.
    pub at: Instant,
    /// The log size that this reflects.
    pub log_size: LogSize,
}

/// An act that waits for signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAct {
    /// Its record.
    pub record: RecordRef,
    /// Its place in the register.
    pub sequence: Sequence,
    /// Class.
    pub class: String,
    /// Event.
    pub event: String,
    /// Who signed first.
    pub signer: String,
    /// Since when, by the notary.
    pub since: Instant,
    /// What it still needs, a plain sentence each.
    pub needs: Vec<String>,
    /// Whether the caller could give one of them.
    pub yours: bool,
}

/// A page of reads, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadsPage {
    /// Those that the caller may see in full.
    pub reads: Vec<RegisterRead>,
    /// Those of which he may know the number; of several pages they add up.
    pub counts: Vec<ReadCount>,
    /// Where the next page starts; none after the last.
    pub next: Option<String>,
}

/// One read of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterRead {
    /// When, by the notary.
    pub at: Instant,
    /// Who read.
    pub reader: String,
    /// By which roles.
    pub roles: Vec<String>,
    /// How: `receipt`, `list`, `register` and so on.
    pub kind: String,
    /// The first place that was shown; none where it was none.
    pub from: Option<Sequence>,
    /// The last place that was shown.
    pub until: Option<Sequence>,
    /// Records of which something besides `when` was shown.
    pub shown: u64,
}

/// How often a role read on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadCount {
    /// The role.
    pub role: String,
    /// The day in UTC.
    pub day: Date,
    /// How many reads.
    pub reads: u64,
}

/// What the notary has stated of a register, not yet judged.
#[derive(Clone, Debug)]
pub struct Stated {
    /// The statement with its evidence, as a file holds it: [`RegisterStatement::verify`] judges it.
    pub statement: RegisterStatement,
    /// From when on a newer one can be asked for; none while nothing was put on record since.
    pub fresh_from: Option<Instant>,
}

impl Client {
    /// What the notary has stated of a register; `fresh` asks for a new statement where one can be made.
    ///
    /// # Errors
    ///
    /// There is no such register, or it is not for this account, or nobody answers.
    pub async fn register_statement(
        &self,
        register: &RegisterName,
        fresh: bool,
    ) -> Result<Stated, ClientError> {
        let shared = &self.shared;
        let request = v1::GetStatementRequest {
            register: register.to_string(),
            fresh,
        };
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut registers = shared.connections.registers();
            let request = request.clone();
            async move { registers.get_statement(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?;
        stated(register, answer.into_inner()).map_err(untrusted)
    }

    /// The same, waiting until the evidence of the statement reaches a level by the caller's own trust. What was
    /// reached in time is returned, which is no error.
    ///
    /// # Errors
    ///
    /// As [`Client::register_statement`].
    pub async fn register_statement_until(
        &self,
        register: &RegisterName,
        fresh: bool,
        wait: Wait,
    ) -> Result<Stated, ClientError> {
        let until = tokio::time::Instant::now() + wait.up_to;
        let mut stated = self.register_statement(register, fresh).await?;
        loop {
            let report = stated.statement.verify(self.trust(), now());
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            if report.level >= Some(wait.level) || left.is_zero() {
                return Ok(stated);
            }
            tokio::time::sleep(LEVEL_PAUSE.min(left)).await;
            // The same statement, or a newer one that somebody else asked for.
            stated = self.register_statement(register, false).await?;
        }
    }

    /// Reads a register from first to last, each record with a verified receipt. It is one read on record.
    ///
    /// # Errors
    ///
    /// There is no such register, or it is not for this account, or nobody answers.
    pub async fn read_register(
        &self,
        register: &RegisterName,
        range: ReadRange,
    ) -> Result<RegisterReader, ClientError> {
        let shared = &self.shared;
        let request = v1::ReadRegisterRequest {
            register: register.to_string(),
            from: range.from.map_or(0, Sequence::get),
            until: range.until.map_or(0, Sequence::get),
            accounts: range.accounts,
        };
        let answers = retry(shared.policy, &shared.endpoint, || {
            let mut registers = shared.connections.registers();
            let request = request.clone();
            async move { registers.read_register(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?;
        Ok(RegisterReader {
            client: self.clone(),
            register: register.clone(),
            answers: answers.into_inner(),
        })
    }

    /// The roles in force in a register.
    ///
    /// # Errors
    ///
    /// There is no such register, or it is not for this account, or nobody answers.
    pub async fn roles(&self, register: &RegisterName) -> Result<Roles, ClientError> {
        let shared = &self.shared;
        let request = v1::GetRolesRequest {
            register: register.to_string(),
        };
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut registers = shared.connections.registers();
            let request = request.clone();
            async move { registers.get_roles(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?
        .into_inner();
        let read = || {
            Ok(Roles {
                held: answer.grants.iter().map(held).collect::<Result<_, String>>()?,
                at: instant(&answer.at)?,
                log_size: LogSize::new(answer.log_size).map_err(|error| error.to_string())?,
            })
        };
        read().map_err(untrusted)
    }

    /// The acts that wait for signatures.
    ///
    /// # Errors
    ///
    /// There is no such register, or it is not for this account, or nobody answers.
    pub async fn pending_acts(&self, register: &RegisterName) -> Result<Vec<PendingAct>, ClientError> {
        let shared = &self.shared;
        let request = v1::GetPendingRequest {
            register: register.to_string(),
        };
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut registers = shared.connections.registers();
            let request = request.clone();
            async move { registers.get_pending(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?;
        let acts = answer.into_inner().acts.into_iter().map(pending_act);
        acts.collect::<Result<_, _>>().map_err(untrusted)
    }

    /// One page of who read a register; `page` is [`ReadsPage::next`] of the page before.
    ///
    /// # Errors
    ///
    /// There is no such register, or it is not for this account, or nobody answers.
    pub async fn reads(&self, register: &RegisterName, page: Option<&str>) -> Result<ReadsPage, ClientError> {
        let shared = &self.shared;
        let request = v1::ListReadsRequest {
            register: register.to_string(),
            page_token: page.unwrap_or_default().to_owned(),
        };
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut registers = shared.connections.registers();
            let request = request.clone();
            async move { registers.list_reads(request).await }
        })
        .await
        .map_err(|error| error.of_a_question(&shared.endpoint))?;
        reads_page(answer.into_inner()).map_err(untrusted)
    }
}

fn stated(register: &RegisterName, answer: v1::RegisterStatement) -> Result<Stated, String> {
    if answer.register != register.as_str() {
        return Err("the statement is about another register than was asked for".to_owned());
    }
    let id = Hash::from_slice(&answer.id).map_err(|error| error.to_string())?;
    let evidence = answer.evidence.into_iter().map(wire::evidence);
    let lines = answer.lines.into_iter().map(|line| {
        let path = line.path.iter().map(|hash| Hash::from_slice(hash));
        let path = path
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        ShownLine::parse(line.position, line.text, path).map_err(|error| error.to_string())
    });
    let statement = RegisterStatement::new(
        register.as_str(),
        RecordId::from_hash(id),
        answer.statement,
        evidence.collect::<Result<_, String>>()?,
        lines.collect::<Result<_, String>>()?,
    );
    let fresh_from = match answer.fresh_from.as_str() {
        "" => None,
        text => Some(instant(text)?),
    };
    Ok(Stated {
        statement: statement.map_err(|error| error.to_string())?,
        fresh_from,
    })
}

impl RegisterReader {
    /// The next record; none after the last.
    ///
    /// # Errors
    ///
    /// The connection broke, or what came does not verify.
    pub async fn next(&mut self) -> Result<Option<ReadRecord>, ClientError> {
        let patience = self.client.shared.policy.attempt_timeout;
        let message = next_message(&mut self.answers, patience, self.client.endpoint()).await?;
        let Some(message) = message else {
            return Ok(None);
        };
        self.read(message).map(Some).map_err(untrusted)
    }

    fn read(&self, message: v1::ReadRegisterResponse) -> Result<ReadRecord, String> {
        let receipt = wire::receipt(message.receipt)?;
        let receipt = self.client.judge().fetched(receipt)?;
        let sequence = Sequence::new(message.sequence).map_err(|error| error.to_string())?;
        if !message.account {
            let place = super::RecordPlace::Position(self.register.clone(), sequence);
            wire::check_place(&receipt, &place)?;
        }
        let withheld = message.withheld.into_iter().map(withheld).collect();
        Ok(ReadRecord {
            sequence,
            receipt,
            withheld,
            account: message.account,
        })
    }
}

/// The next message of a stream that records nothing.
pub(super) async fn next_message<T>(
    answers: &mut Streaming<T>,
    patience: Duration,
    endpoint: &str,
) -> Result<Option<T>, ClientError> {
    let no_answer = |cause: String| ClientError::NoAnswer {
        endpoint: endpoint.to_owned(),
        tries: 1,
        waited: Duration::ZERO,
        cause,
    };
    match tokio::time::timeout(patience, answers.message()).await {
        Ok(Ok(message)) => Ok(message),
        Ok(Err(status)) => Err(match failure(&status) {
            Failure::Final(error) => error,
            Failure::NotTaken { cause, .. } | Failure::Unknown { cause } => no_answer(cause),
        }),
        Err(_) => Err(no_answer(format!("no answer for {} s", patience.as_secs()))),
    }
}

fn withheld(message: v1::WithheldPart) -> WithheldPart {
    let why = v1::Withheld::try_from(message.reason);
    WithheldPart {
        part: message.part,
        why: why.map_or(WithheldWhy::Other, WithheldWhy::from),
    }
}

impl From<v1::Withheld> for WithheldWhy {
    fn from(why: v1::Withheld) -> Self {
        match why {
            v1::Withheld::Sealed => Self::Sealed,
            v1::Withheld::Scope => Self::Scope,
            v1::Withheld::Role => Self::Role,
            v1::Withheld::Erased => Self::Erased,
            v1::Withheld::Unspecified => Self::Other,
        }
    }
}

fn held(message: &v1::Grant) -> Result<HeldRole, String> {
    let name = format!("{}/{}", message.organization, message.member);
    let record = message.record.clone().ok_or("the record of a grant is missing")?;
    Ok(HeldRole {
        member: name.parse().map_err(|error| format!("{error}"))?,
        role: message.role.clone(),
        blind: message.blind.clone(),
        scope: message.scope.as_ref().and_then(scope),
        expires: match message.expires.as_str() {
            "" => None,
            text => Some(instant(text)?),
        },
        record: record_ref(record)?,
        under: message.under.clone().map(record_ref).transpose()?,
        opened: message.opened,
    })
}

/// None where it bounds nothing. What cannot be read bounds nothing that could be shown.
fn scope(message: &v1::Scope) -> Option<Scope> {
    fn all<T: std::str::FromStr>(texts: &[String]) -> Vec<T> {
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }
    let only = Scopes {
        sites: all(&message.sites),
        countries: all(&message.countries),
        visits: all(&message.visits),
        forms: all(&message.forms),
        datasets: all(&message.datasets),
    };
    (!message.all && only != Scopes::default()).then(|| Scope::Only(Box::new(only)))
}

pub(super) fn record_ref(message: v1::RecordRef) -> Result<RecordRef, String> {
    let record = Hash::from_slice(&message.record).map_err(|error| error.to_string())?;
    Ok(RecordRef {
        log: Origin::new(&message.log).map_err(|error| error.to_string())?,
        index: LogIndex::new(message.index).map_err(|error| error.to_string())?,
        record: RecordId::from_hash(record),
    })
}

fn pending_act(message: v1::PendingAct) -> Result<PendingAct, String> {
    let record = message.record.ok_or("the record of a pending act is missing")?;
    Ok(PendingAct {
        record: record_ref(record)?,
        sequence: Sequence::new(message.sequence).map_err(|error| error.to_string())?,
        class: message.class,
        event: message.event,
        signer: format!("{}/{}", message.organization, message.member),
        since: instant(&message.since)?,
        needs: message.needs,
        yours: message.yours,
    })
}

fn reads_page(message: v1::ListReadsResponse) -> Result<ReadsPage, String> {
    let read = |one: v1::RegisterRead| {
        Ok(RegisterRead {
            at: instant(&one.at)?,
            reader: format!("{}/{}", one.organization, one.member),
            roles: one.roles,
            kind: one.kind,
            from: Sequence::new(one.from).ok(),
            until: Sequence::new(one.until).ok(),
            shown: one.shown,
        })
    };
    let count = |one: v1::ReadCount| {
        Ok(ReadCount {
            role: one.role,
            day: Date::parse(&one.day).map_err(|error| error.to_string())?,
            reads: one.reads,
        })
    };
    Ok(ReadsPage {
        reads: message
            .reads
            .into_iter()
            .map(read)
            .collect::<Result<_, String>>()?,
        counts: message
            .counts
            .into_iter()
            .map(count)
            .collect::<Result<_, String>>()?,
        next: (!message.next_page_token.is_empty()).then_some(message.next_page_token),
    })
}

pub(super) fn instant(text: &str) -> Result<Instant, String> {
    Instant::parse(text).map_err(|error| error.to_string())
}

pub(super) fn untrusted(problem: String) -> ClientError {
    ClientError::Untrusted { problem }
}
