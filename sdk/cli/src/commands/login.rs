//! `trialseal login`.

use std::path::{Path, PathBuf};

use trialseal::core::identifiers::RegisterName;
use trialseal::core::note::VerifierKey;
use trialseal::core::record::What;
use trialseal::{Client, Enrolment, ListFilter, RecordPlace, public_path};

use super::block_on;
use crate::args::Login;
use crate::config::{Config, Place, SignerConfig};
use crate::errors::{self, Ended, configuration};
use crate::outcome::{Answer, Exit};
use crate::secrets;

/// Seconds to wait for the notary.
const DEADLINE_S: u64 = 30;

pub(crate) fn run(command: &Login, place: &Place) -> Result<Answer, Ended> {
    let token = secrets::token(command.token_file.as_deref())?;
    let mut config = Config {
        endpoint: command.endpoint.clone(),
        token: token.to_text().to_string(),
        trust: absolute(&command.trust)?,
        ca_certificate: command.ca_certificate.as_deref().map(absolute).transpose()?,
        signer: None,
    };
    let log = block_on(async {
        let client = config.connect(DEADLINE_S).await?;
        if let (Some(key), Some(name)) = (&command.key, &command.name) {
            config.signer = Some(signer(command, &client, key, name).await?);
        }
        Ok(client.log().clone())
    })?;
    place.write(&config)?;
    let answer = Answer::new(
        Exit::Done,
        "SAVED",
        format!("{}: the notary of {log}.", place.path().display()),
    )
    .with("log", log.to_string())
    .with("config", place.path().display().to_string());
    Ok(match &config.signer {
        Some(signer) => answer.because(format!(
            "You sign as {} with {}.",
            signer.name,
            signer.key.display()
        )),
        None => answer.because("Without --key you can only send drafts."),
    })
}

async fn signer(command: &Login, client: &Client, key: &Path, name: &str) -> Result<SignerConfig, Ended> {
    let public = public_path(key);
    let text = std::fs::read_to_string(&public)
        .map_err(|error| Box::new(configuration(format!("{}: {error}.", public.display()))))?;
    let vkey = VerifierKey::parse(text.trim())
        .map_err(|error| Box::new(configuration(format!("{}: {error}.", public.display()))))?;
    let enrolment = match command.enrolment {
        Some(enrolment) => enrolment,
        None => find_enrolment(client, &vkey).await?,
    };
    Ok(SignerConfig {
        key: absolute(key)?,
        name: name.to_owned(),
        kind: command.kind.to_string(),
        role: command.role.map(|role| role.to_string()),
        enrolment_index: enrolment.index.get(),
        enrolment_record: enrolment.record.to_hex(),
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
