//! `trialseal login`.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use trialseal::core::identifiers::RegisterName;
use trialseal::core::note::VerifierKey;
use trialseal::core::record::What;
use trialseal::records::{Target, confirm_key};
use trialseal::{Client, Enrolment, Level, ListFilter, RecordPlace, Role, public_path};

use super::records::Chosen;
use super::{block_on, receipt_file, submit};
use crate::args::{Login, Signing};
use crate::config::{Config, Place, SignerConfig};
use crate::errors::{self, Ended, configuration};
use crate::outcome::{Answer, Exit, Printer};
use crate::secrets;

/// Seconds to wait for the notary.
const DEADLINE_S: u64 = 30;

/// What is known of the key's enrolment.
struct Enrolled {
    enrolment: Enrolment,
    /// Whether the key has confirmed it; none where the notary does not say.
    confirmed: Option<bool>,
}

pub(crate) fn run(command: &Login, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let token = secrets::token(command.token_file.as_deref())?;
    let mut config = Config {
        endpoint: command.endpoint.clone(),
        token: token.to_text().to_string(),
        trust: absolute(&command.trust)?,
        ca_certificate: command.ca_certificate.as_deref().map(absolute).transpose()?,
        signer: None,
    };
    let (log, confirmed) = block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        let mut confirmed = None;
        if let (Some(key), Some(name)) = (&command.key, &command.name) {
            let (signer, known) = signer(command, &client, key, name).await?;
            (config.signer, confirmed) = (Some(signer), known);
        }
        Ok((client.log().clone(), confirmed))
    })?;
    place.write(&config)?;
    let confirmation = match (&config.signer, confirmed) {
        (Some(signer), Some(false)) => Some(confirm(command, &config, signer, printer)?),
        _ => None,
    };
    let answer = Answer::new(
        Exit::Done,
        "SAVED",
        format!("{}: the notary of {log}.", place.path().display()),
    )
    .with("log", log.to_string())
    .with("config", place.path().display().to_string());
    let answer = match &config.signer {
        Some(signer) => answer.because(format!(
            "You sign as {} with {}.",
            signer.name,
            signer.key.display()
        )),
        None => answer.because("Without --key you can only send drafts."),
    };
    Ok(match confirmation {
        None => answer,
        Some(Confirmation::Done(record)) => answer
            .because(format!("The key has confirmed its enrolment: record {record}."))
            .with("confirmed", true),
        Some(Confirmation::Open) => answer
            .because("The key has not confirmed its enrolment yet.")
            .next("Confirm it: run the same command in a terminal, or with --passphrase-file.")
            .with("confirmed", false),
    })
}

/// What became of a key that had to be confirmed.
enum Confirmation {
    /// By the record with this index.
    Done(u64),
    /// There is nobody to ask for the passphrase.
    Open,
}

/// The key signs its own enrolment: so it is known that whoever enrolled it and whoever has it mean the same.
fn confirm(
    command: &Login,
    config: &Config,
    signer: &SignerConfig,
    printer: &Printer,
) -> Result<Confirmation, Ended> {
    let from_service = std::env::var_os("CREDENTIALS_DIRECTORY").is_some();
    let nobody = command.passphrase_file.is_none() && !from_service && !io::stdin().is_terminal();
    if command.unconfirmed || nobody {
        return Ok(Confirmation::Open);
    }
    let index = signer.enrolment()?.index;
    let (chosen, kind) = block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        let receipt = client.receipt(&RecordPlace::Index(index)).await;
        let receipt = receipt.map_err(errors::client_without_a_record)?;
        let kind = client
            .organization(None)
            .await
            .map(|own| own.kind)
            .unwrap_or_default();
        Ok((Chosen::of(receipt)?, kind))
    })?;
    if chosen.target.record != signer.enrolment()?.record {
        return Err(Box::new(configuration(format!(
            "Record {} is not the one that enrolled the key.",
            index.get()
        ))));
    }
    chosen.show(printer);
    let receipt = {
        let mut name = signer.key.clone().into_os_string();
        name.push(".confirmed.receipt.json");
        PathBuf::from(name)
    };
    let signing = Signing {
        role: Some(command.role.unwrap_or_else(|| usual_role(&kind))),
        meaning: None,
        reason: None,
        remark: None,
        receipt: None,
        passphrase_file: command.passphrase_file.clone(),
        level: Level::Sealed,
        deadline: DEADLINE_S,
    };
    let act = submit::Act {
        submission: confirm_key(&chosen.target),
        receipt: receipt.clone(),
    };
    submit::act(config, act, &signing, printer)?;
    let target = Target::of(&receipt_file::read(&receipt)?);
    let target = target.map_err(|error| Box::new(configuration(errors::sentence(&error.to_string()))))?;
    Ok(Confirmation::Done(target.index.get()))
}

/// As what a member of such an organisation signs, where nobody says.
fn usual_role(kind: &str) -> Role {
    match kind {
        "cro" => Role::DataManager,
        "site" => Role::Investigator,
        "ethics-board" => Role::EthicsBoard,
        "authority" => Role::Authority,
        "dsmb" => Role::Dsmb,
        "laboratory" => Role::Laboratory,
        "vendor" => Role::Vendor,
        _ => Role::Sponsor,
    }
}

async fn signer(
    command: &Login,
    client: &Client,
    key: &Path,
    name: &str,
) -> Result<(SignerConfig, Option<bool>), Ended> {
    let public = public_path(key);
    let text = std::fs::read_to_string(&public)
        .map_err(|error| Box::new(configuration(format!("{}: {error}.", public.display()))))?;
    let vkey = VerifierKey::parse(text.trim())
        .map_err(|error| Box::new(configuration(format!("{}: {error}.", public.display()))))?;
    let own = own_key(client, &vkey).await;
    let Enrolled { enrolment, confirmed } = match (command.enrolment, own) {
        (Some(enrolment), own) => Enrolled {
            enrolment,
            confirmed: own.and_then(|own| own.confirmed),
        },
        (None, Some(own)) => own,
        (None, None) => Enrolled {
            enrolment: find_enrolment(client, &vkey).await?,
            confirmed: None,
        },
    };
    let signer = SignerConfig {
        key: absolute(key)?,
        name: name.to_owned(),
        kind: command.kind.to_string(),
        role: command.role.map(|role| role.to_string()),
        enrolment_index: enrolment.index.get(),
        enrolment_record: enrolment.record.to_hex(),
    };
    Ok((signer, confirmed))
}

/// The key as the notary knows it, where the token is its member's own.
async fn own_key(client: &Client, vkey: &VerifierKey) -> Option<Enrolled> {
    let account = client.account().await.ok()?;
    let vkey = vkey.to_string();
    let key = account.member.keys.into_iter().find(|key| key.vkey == vkey)?;
    let enrolment = Enrolment {
        index: key.enrolled.index,
        record: key.enrolled.record,
    };
    Some(Enrolled {
        enrolment,
        confirmed: Some(key.confirmed),
    })
}

/// Looks in the organisation's own register for the record that enrolled this key: the last one,
/// should it have been enrolled again.
async fn find_enrolment(client: &Client, vkey: &VerifierKey) -> Result<Enrolment, Ended> {
    let not_found = |cause: String| {
        let answer = configuration(format!(
            "The record that enrolled the key {} was not found.",
            vkey.name()
        ));
        Box::new(
            answer
                .because(cause)
                .next("Give it: --enrolment INDEX:RECORD, as the operator was told."),
        )
    };
    let organization = vkey.name().as_str().split('/').next().unwrap_or_default();
    let register: RegisterName = format!("org:{organization}")
        .parse()
        .map_err(|error| not_found(format!("{error}.")))?;
    let mut found = None;
    let mut page = None;
    loop {
        let listed = client
            .list(&register, &ListFilter::default(), page.as_deref())
            .await;
        let listed = listed.map_err(|error| not_found(errors::sentence(&error.to_string())))?;
        for summary in listed
            .records
            .iter()
            .filter(|one| one.class == "member" && one.event == "registered")
        {
            let receipt = client
                .receipt(&RecordPlace::Position(register.clone(), summary.sequence))
                .await
                .map_err(errors::client)?;
            let what = receipt
                .record()
                .what
                .shown()
                .and_then(|part| What::parse(part.text.as_bytes()).ok());
            if what
                .and_then(|what| what.account)
                .and_then(|account| account.vkey)
                .as_ref()
                == Some(vkey)
            {
                let record = receipt.record().leaves().root();
                found = Some(Enrolment {
                    index: summary.index,
                    record,
                });
            }
        }
        page = listed.next;
        if page.is_none() {
            return found.ok_or_else(|| not_found(format!("No record of {register} names it.")));
        }
    }
}

/// The file is used from any folder later.
fn absolute(path: &Path) -> Result<PathBuf, Ended> {
    path.canonicalize()
        .map_err(|error| Box::new(configuration(format!("{}: {error}.", path.display()))))
}
