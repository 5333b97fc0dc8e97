//! Listing registers and their records.

use trialseal_core::checkpoint::Origin;
use trialseal_core::hash::RecordId;
use trialseal_core::identifiers::RegisterName;
use trialseal_core::index::{LogIndex, LogSize, Sequence};
use trialseal_core::time::Instant;
use trialseal_core::vocabulary::{Class, Event, Role};
use trialseal_proto::v1;

use super::Client;
use super::register::WithheldWhy;
use super::retry::retry;
use crate::error::ClientError;

/// Which records of a register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only this class.
    pub class: Option<Class>,
    /// Only this event.
    pub event: Option<Event>,
    /// Only records received at or after this.
    pub received_from: Option<Instant>,
    /// Only records received before this.
    pub received_until: Option<Instant>,
    /// Only records of this organisation.
    pub organization: Option<String>,
    /// Only records of this member.
    pub member: Option<String>,
    /// Only records signed in this role.
    pub role: Option<Role>,
    /// Only this version.
    pub version: Option<String>,
    /// Only records whose reason or remark holds this text.
    pub why: Option<String>,
    /// Only records about this site, or not limited to sites.
    pub site: Option<String>,
    /// Only records about this country, or not limited to countries.
    pub country: Option<String>,
    /// The order; the register's own by default.
    pub order: ListOrder,
    /// The opposite order.
    pub descending: bool,
}

/// The order of a list; equal ones stand in register order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListOrder {
    /// As the register counts: by when.
    #[default]
    When,
    /// By class, event and version.
    What,
    /// By organisation and member.
    Who,
    /// By reason.
    Why,
}

/// A page of records, in register order. A claim of the notary: a receipt proves a record, a
/// list proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPage {
    /// The records.
    pub records: Vec<RecordSummary>,
    /// Where the next page starts; none after the last.
    pub next: Option<String>,
    /// The log size that this page reflects.
    pub log_size: LogSize,
}

/// A page of registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterPage {
    /// The registers.
    pub registers: Vec<RegisterSummary>,
    /// Where the next page starts; none after the last.
    pub next: Option<String>,
    /// The log size that this page reflects.
    pub log_size: LogSize,
}

/// One record in a list. Codes are texts here: a newer notary may know more of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSummary {
    /// The log that holds it: the present one, or one that it continues.
    pub log: Origin,
    /// Its index there.
    pub index: LogIndex,
    /// Place in the register.
    pub sequence: Sequence,
    /// The record's id.
    pub record: RecordId,
    /// Class.
    pub class: String,
    /// Event.
    pub event: String,
    /// Version, or empty.
    pub version: String,
    /// The notary's time.
    pub received_at: Instant,
    /// Organisation of the submitter.
    pub organization: String,
    /// Member of the submitter.
    pub member: String,
    /// False in a draft.
    pub signed: bool,
    /// True where blinded eyes may know only that it exists.
    pub sealed: bool,
    /// Reason, or empty.
    pub reason: String,
    /// Remark, or empty.
    pub remark: String,
    /// Why version, organisation, member, reason and all that follows are empty, where they are withheld.
    pub withheld: Option<WithheldWhy>,
    /// Name of the submitter as signed, or empty.
    pub name: String,
    /// The role signed in, or empty.
    pub role: String,
    /// What the signature means, or empty.
    pub meaning: String,
    /// What was decided, or empty.
    pub decision: String,
    /// When it happened, as the submitter states, or empty.
    pub declared_at: String,
    /// What it is for, or empty.
    pub purpose: String,
    /// Parts that were erased.
    pub erased: Vec<String>,
    /// Whether it takes effect only when others have signed too, and they have not.
    pub pending: bool,
}

/// One register in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterSummary {
    /// Its name.
    pub register: String,
    /// Number of its records.
    pub size: u64,
    /// Id of its last record.
    pub head: RecordId,
}

impl Client {
    /// One page of a register's records; `page` is [`RecordPage::next`] of the page before.
    ///
    /// # Errors
    ///
    /// There is no such register, or it is not for this account, or nobody answers.
    pub async fn list(
        &self,
        register: &RegisterName,
        filter: &ListFilter,
        page: Option<&str>,
    ) -> Result<RecordPage, ClientError> {
        let instant = |time: Option<Instant>| time.map(|time| time.to_string()).unwrap_or_default();
        let answer = self
            .ask(v1::ListRecordsRequest {
                register: register.to_string(),
                class: filter.class.map(|code| code.to_string()).unwrap_or_default(),
                event: filter.event.map(|code| code.to_string()).unwrap_or_default(),
                received_from: instant(filter.received_from),
                received_until: instant(filter.received_until),
                page_size: 0,
                page_token: page.unwrap_or_default().to_owned(),
                organization: filter.organization.clone().unwrap_or_default(),
                member: filter.member.clone().unwrap_or_default(),
                role: filter.role.map(|code| code.to_string()).unwrap_or_default(),
                version: filter.version.clone().unwrap_or_default(),
                why: filter.why.clone().unwrap_or_default(),
                site: filter.site.clone().unwrap_or_default(),
                country: filter.country.clone().unwrap_or_default(),
                order: i32::from(match filter.order {
                    ListOrder::When => v1::ListOrder::Unspecified,
                    ListOrder::What => v1::ListOrder::What,
                    ListOrder::Who => v1::ListOrder::Who,
                    ListOrder::Why => v1::ListOrder::Why,
                }),
                descending: filter.descending,
            })
            .await?;
        let records = answer.records.into_iter().map(record);
        let records = records.collect::<Result<_, _>>();
        let records = records.map_err(|problem| ClientError::Untrusted { problem })?;
        let log_size = log_size(answer.log_size)?;
        Ok(RecordPage {
            records,
            next: next(answer.next_page_token),
            log_size,
        })
    }

    /// One page of the registers of the caller's organisation.
    ///
    /// # Errors
    ///
    /// Nobody answers.
    pub async fn registers(&self, page: Option<&str>) -> Result<RegisterPage, ClientError> {
        let page_token = page.unwrap_or_default().to_owned();
        let answer = self
            .ask(v1::ListRecordsRequest {
                page_token,
                ..Default::default()
            })
            .await?;
        let register = |one: v1::RegisterSummary| {
            let head =
                trialseal_core::hash::Hash::from_slice(&one.head).map_err(|error| error.to_string())?;
            Ok(RegisterSummary {
                register: one.register,
                size: one.size,
                head: RecordId::from_hash(head),
            })
        };
        let registers = answer
            .registers
            .into_iter()
            .map(register)
            .collect::<Result<_, String>>();
        let registers = registers.map_err(|problem| ClientError::Untrusted { problem })?;
        let log_size = log_size(answer.log_size)?;
        Ok(RegisterPage {
            registers,
            next: next(answer.next_page_token),
            log_size,
        })
    }

    async fn ask(&self, request: v1::ListRecordsRequest) -> Result<v1::ListRecordsResponse, ClientError> {
        let shared = &self.shared;
        let answer = retry(shared.policy, &shared.endpoint, || {
            let mut notary = shared.connections.notary();
            let request = request.clone();
            async move { notary.list_records(request).await }
        })
        .await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(|error| error.of_a_question(&shared.endpoint))
    }
}

fn next(token: String) -> Option<String> {
    (!token.is_empty()).then_some(token)
}

fn log_size(size: u64) -> Result<LogSize, ClientError> {
    LogSize::new(size).map_err(|error| ClientError::Untrusted {
        problem: error.to_string(),
    })
}

fn record(one: v1::RecordSummary) -> Result<RecordSummary, String> {
    let root = trialseal_core::hash::Hash::from_slice(&one.record).map_err(|error| error.to_string())?;
    Ok(RecordSummary {
        log: Origin::new(&one.log).map_err(|error| error.to_string())?,
        index: LogIndex::new(one.index).map_err(|error| error.to_string())?,
        sequence: Sequence::new(one.sequence).map_err(|error| error.to_string())?,
        record: RecordId::from_hash(root),
        class: one.class,
        event: one.event,
        version: one.version,
        received_at: Instant::parse(&one.received_at).map_err(|error| error.to_string())?,
        organization: one.organization,
        member: one.member,
        signed: one.signed,
        sealed: one.sealed,
        reason: one.reason,
        remark: one.remark,
        withheld: match v1::Withheld::try_from(one.withheld) {
            Ok(v1::Withheld::Unspecified) => None,
            Ok(why) => Some(WithheldWhy::from(why)),
            Err(_) => Some(WithheldWhy::Other),
        },
        name: one.name,
        role: one.role,
        meaning: one.meaning,
        decision: one.decision,
        declared_at: one.declared_at,
        purpose: one.purpose,
        erased: one.erased,
        pending: one.pending,
    })
}
