//! `trialseal submit`: the bytes are kept before they are sent, and until the receipt is saved.

mod fields;
mod files;
mod send;

use std::path::{Path, PathBuf};

use trialseal::core::checkpoint::Origin;
use trialseal::core::hash::{Hash, RecordId, sha256_of};
use trialseal::{
    Class, Event, HashedFile, Level, Meaning, MemberKey, Outgoing, Pending, PendingFolder, Role, Signatory,
    SignerKind, Submission, durable, now,
};

use crate::args::{Signing, Submit};
use crate::config::{Config, Place};
use crate::errors::{self, Ended, configuration};
use crate::outcome::{Answer, Exit, Printer};
use crate::{progress, secrets};

/// One record that is to be made.
struct Job {
    submission: Submission,
    receipt: PathBuf,
    request: Hash,
}

/// How records are signed and sent; what they say is another matter.
#[derive(Clone, Copy)]
struct Manner<'a> {
    /// Not signed.
    draft: bool,
    passphrase_file: Option<&'a Path>,
    /// The idempotency key is the caller's own.
    own_key: bool,
    level: Level,
    deadline: u64,
}

impl<'a> Manner<'a> {
    fn of(command: &'a Submit) -> Self {
        Self {
            draft: command.draft,
            passphrase_file: command.passphrase_file.as_deref(),
            own_key: command.idempotency_key.is_some(),
            level: command.level,
            deadline: command.deadline,
        }
    }
}

/// An act that is signed and put on record with a receipt of its own.
pub(crate) struct Act {
    pub(crate) submission: Submission,
    /// Where the receipt goes unless the arguments say.
    pub(crate) receipt: PathBuf,
}

/// Signs an act, after its statement was shown, and puts it on record.
pub(crate) fn act(config: &Config, act: Act, signing: &Signing, printer: &Printer) -> Result<Answer, Ended> {
    let receipt = signing.receipt.clone().unwrap_or(act.receipt);
    durable::check_writable(&receipt).map_err(|error| errors::cannot_write(&receipt, &error))?;
    let mut submission = act.submission;
    if let Some(reason) = &signing.reason {
        submission = submission.reason(reason);
    }
    if let Some(remark) = &signing.remark {
        submission = submission.remark(remark);
    }
    let (class, event) = (submission.what().class, submission.what().event);
    let (role, meaning) = signature(config, signing.role, signing.meaning, class, event)?;
    let submission = submission.signed_as(role, meaning);
    let request = request(config, &submission, &[], &receipt, &[]);
    let job = Job {
        submission,
        receipt,
        request,
    };
    let manner = Manner {
        draft: false,
        passphrase_file: signing.passphrase_file.as_deref(),
        own_key: false,
        level: signing.level,
        deadline: signing.deadline,
    };
    put_on_record(manner, config, vec![job], printer)
}

/// Whether such an act may take effect only when others have signed too.
fn may_need_others(class: Class, event: Event) -> bool {
    match event {
        Event::Finalised => class == Class::StatisticalAnalysisPlan,
        Event::HardLock | Event::Unlock | Event::UnblindingAuthorised | Event::Erased => true,
        _ => false,
    }
}

/// What is kept and will be sent, and what it was made from: it may have to be signed again.
struct Waiting {
    pending: Pending,
    submission: Submission,
}

pub(crate) fn run(command: &Submit, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let groups = files::gather(command)?;
    for group in &groups {
        durable::check_writable(&group.receipt)
            .map_err(|error| errors::cannot_write(&group.receipt, &error))?;
    }
    let mut links = fields::links(&command.links)?;
    if links.iter().any(|link| link.log.is_some()) {
        // A link names its log only where that is another one; a draft is not signed, which would see to it.
        let present = log(&config)?;
        for link in &mut links {
            link.log = link.log.take().filter(|log| *log != present);
        }
    }
    let meaning = signed_as(command, &config)?;
    let mut jobs = Vec::with_capacity(groups.len());
    for group in groups {
        let hashed = progress::hash(&group.files, printer.is_json())?;
        let submission = fields::submission(command, &links, &hashed);
        let submission = match meaning {
            Some((role, meaning)) => submission.signed_as(role, meaning),
            None => submission,
        };
        let more = [
            command
                .idempotency_key
                .map(|key| key.to_string())
                .unwrap_or_default(),
            command.used_as.map(|code| code.to_string()).unwrap_or_default(),
        ];
        let request = request(&config, &submission, &hashed, &group.receipt, &more);
        jobs.push(Job {
            submission,
            receipt: group.receipt,
            request,
        });
    }
    put_on_record(Manner::of(command), &config, jobs, printer)
}

/// Keeps the exact bytes, sends them, saves the receipts, and forgets the bytes.
fn put_on_record(
    manner: Manner<'_>,
    config: &Config,
    jobs: Vec<Job>,
    printer: &Printer,
) -> Result<Answer, Ended> {
    let folder = PendingFolder::below(Path::new(""));
    let (waiting, resumed) = prepare(manner, config, jobs, &folder, printer)?;
    let subject = waiting.first().map(|one| one.submission.what().clone());
    let answer = send::all(manner, config, waiting, &folder, printer);
    let answer = if resumed > 0 {
        answer.map_err(errors::after_an_earlier_run)
    } else {
        answer
    }?;
    // One act at a time is signed by several people; many files at once are no such acts.
    let record = answer
        .data
        .get("records")
        .and_then(|records| match records.as_array()?.as_slice() {
            [one] => RecordId::from_hex(one.get("record")?.as_str()?).ok(),
            _ => None,
        });
    Ok(match (subject, record) {
        (Some(what), Some(record)) if !manner.draft && may_need_others(what.class, what.event) => {
            let needs = super::roles::still_needs(config, &what.register, &record);
            super::roles::with_needs(answer, "It", needs)
        }
        _ => answer,
    })
}

/// As what and with which meaning it is signed; none for a draft.
fn signed_as(command: &Submit, config: &Config) -> Result<Option<(Role, Meaning)>, Ended> {
    if command.draft {
        return Ok(None);
    }
    signature(
        config,
        command.role,
        command.meaning,
        command.class,
        command.event,
    )
    .map(Some)
}

fn signature(
    config: &Config,
    role: Option<Role>,
    meaning: Option<Meaning>,
    class: Class,
    event: Event,
) -> Result<(Role, Meaning), Ended> {
    let Some(signer) = &config.signer else {
        let answer = configuration("There is no key to sign with.");
        return Err(Box::new(answer.next(
            "Log in with --key; only `submit` can leave a record unsigned, with --draft.",
        )));
    };
    let role = match role {
        Some(role) => role,
        None => signer.role()?.ok_or_else(|| {
            Box::new(configuration("As what do you sign?").next("Give --role, here or at login."))
        })?,
    };
    let meaning = meaning.unwrap_or(match signer.kind()? {
        // A machine may mean nothing else.
        SignerKind::System => Meaning::Execution,
        SignerKind::Person => trialseal::records::usual_meaning(class, event),
    });
    Ok((role, meaning))
}

/// Equal exactly if the same is asked for again, so that a second run finds what the first left.
fn request(
    config: &Config,
    submission: &Submission,
    files: &[HashedFile],
    receipt: &Path,
    more: &[String],
) -> Hash {
    let signer = config.signer.as_ref().filter(|_| submission.is_signed());
    let mut text = format!(
        "{}\n{}\n{}\n{}\n{}\n",
        config.endpoint,
        signer
            .map(|signer| signer.key.display().to_string())
            .unwrap_or_default(),
        submission.statement(),
        receipt.display(),
        more.join("\n"),
    );
    text.push_str(&submission.what().to_json());
    text.push('\n');
    text.push_str(&submission.why().to_json());
    for file in files {
        text.push_str(&format!("\n{}\n", file.path));
        text.push_str(&trialseal::core::encoding::hex_encode(&file.digests.sha256));
    }
    sha256_of(&[text.as_bytes()])
}

/// Finds or makes the exact bytes of every job, and keeps them durably. Tells how many were found.
fn prepare(
    manner: Manner<'_>,
    config: &Config,
    jobs: Vec<Job>,
    folder: &PendingFolder,
    printer: &Printer,
) -> Result<(Vec<Waiting>, usize), Ended> {
    let kept = folder.list().map_err(errors::pending)?;
    let find = |request: &Hash| kept.iter().find(|one| one.request == *request).cloned();
    let found: Vec<Option<Pending>> = jobs.iter().map(|job| find(&job.request)).collect();
    let new: Vec<&Job> = jobs
        .iter()
        .zip(&found)
        .filter(|(_, found)| found.is_none())
        .map(|(job, _)| job)
        .collect();
    for job in &new {
        check_place(job, manner)?;
    }
    let resumed = jobs.len() - new.len();
    if resumed > 0 {
        printer.message(&format!(
            "  RESUMED  {resumed} pending: the same bytes are sent again."
        ));
    }
    let signatory = match (new.first(), manner.draft) {
        (Some(job), false) => {
            let statement = job.submission.statement();
            let signatory = signatory(manner, config, &statement, new.len(), printer)?;
            Some((signatory, log(config)?))
        }
        _ => None,
    };
    let mut waiting = Vec::with_capacity(jobs.len());
    for (job, found) in jobs.into_iter().zip(found) {
        let submission = job.submission;
        if let Some(pending) = found {
            waiting.push(Waiting { pending, submission });
            continue;
        }
        let outgoing: Outgoing = match &signatory {
            Some((signatory, log)) => submission
                .sign(signatory, log, now())
                .map_err(errors::prepare)?
                .into(),
            None => submission.draft().map_err(errors::prepare)?.into(),
        };
        let pending = Pending {
            submission: outgoing,
            receipt: job.receipt,
            request: job.request,
        };
        folder.write(&pending).map_err(errors::pending)?;
        waiting.push(Waiting { pending, submission });
    }
    Ok((waiting, resumed))
}

/// A receipt is the only thing that opens its record: one that is there is never written over.
fn check_place(job: &Job, manner: Manner<'_>) -> Result<(), Ended> {
    // With a key of one's own the answer may well be the record that this receipt is for.
    if !job.receipt.exists() || manner.own_key {
        return Ok(());
    }
    let sentence = format!(
        "{} is there already and is not written over. Nothing was sent.",
        job.receipt.display()
    );
    let answer = Answer::new(Exit::CannotWrite, "NOT SENT", sentence);
    Err(Box::new(
        answer.next("Move it away, or give another place: --receipt FILE."),
    ))
}

/// Shows the statement, then asks for the passphrase.
fn signatory(
    manner: Manner<'_>,
    config: &Config,
    statement: &str,
    count: usize,
    printer: &Printer,
) -> Result<Signatory, Ended> {
    let signer = config
        .signer
        .as_ref()
        .ok_or_else(|| Box::new(configuration("There is no key to sign with.")))?;
    let others = if count > 1 {
        format!(" ({count} records)")
    } else {
        String::new()
    };
    let statement = format!("  You sign: \"{statement}\"{others}");
    let prompt = format!("{statement} Passphrase: ");
    if manner.passphrase_file.is_some() {
        printer.message(&statement);
    }
    // A mistake in the fields is told before anyone types a passphrase.
    let passphrase = secrets::passphrase(manner.passphrase_file, &prompt)?;
    let key = MemberKey::load(&signer.key, &passphrase).map_err(errors::key_to_load)?;
    Ok(Signatory {
        key,
        name: signer.name.clone(),
        kind: signer.kind()?,
        enrolment: signer.enrolment()?,
    })
}

/// The log that is signed for: the one that the trust file holds valid now.
fn log(config: &Config) -> Result<Origin, Ended> {
    let trust = config.trust()?;
    let now = now();
    let mut valid = trust
        .logs()
        .iter()
        .filter(|log| log.is_valid_at(now))
        .map(|log| log.origin.clone());
    match (valid.next(), valid.next()) {
        (Some(log), None) => Ok(log),
        (None, _) => Err(Box::new(configuration(format!(
            "The trust file names no log that is valid at {now}."
        )))),
        // Two logs overlap around a rotation: the notary says which one it writes to.
        (Some(_), Some(_)) => {
            super::block_on(async { Ok(config.connect(send::CONNECT_S).await?.log().clone()) })
        }
    }
}
