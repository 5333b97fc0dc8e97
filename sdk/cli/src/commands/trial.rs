//! `trialseal trial`: registering a trial, setting it up, handing it over.

use std::path::PathBuf;

use trialseal::core::record::TrialSettings;
use trialseal::{Submission, records};

use super::records::choose;
use super::{block_on, receipt_file, submit};
use crate::args::{Signing, Trial};
use crate::config::Place;
use crate::errors::{Ended, bad_input};
use crate::outcome::{Answer, Exit, Printer};

/// Seconds to wait for the notary to answer at all.
const CONNECT_S: u64 = 30;

pub(crate) fn run(command: &Trial, place: &Place, printer: &Printer) -> Result<Answer, Ended> {
    let config = place.read()?;
    let (submission, name, signing): (Submission, &str, &Signing) = match command {
        Trial::Register(command) => {
            if let Some(warning) = command.register.warning() {
                printer.message(&format!("  WARNING  {warning}"));
            }
            let submission = records::register_trial(command.register.clone(), command.aliases.clone());
            (submission, "trial-registered", &command.signing)
        }
        Trial::Settings(command) => {
            let settings = TrialSettings {
                blinding: command.blinding,
                countries: command.countries.iter().map(|rule| rule.0.clone()).collect(),
                sites: command.sites.iter().map(|rule| rule.0.clone()).collect(),
            };
            if settings == TrialSettings::default() {
                return Err(bad_input(
                    "Nothing is to be set: give --blinding, --country or --at-site.",
                ));
            }
            let submission = records::set_up_trial(command.register.clone(), settings);
            (submission, "trial-settings", &command.signing)
        }
        Trial::Offer(command) => {
            let submission = records::offer_custody(command.register.clone(), &command.to);
            (submission, "custody-offered", &command.signing)
        }
        Trial::Accept(command) => {
            let offer = block_on(async {
                let client = config.connect(CONNECT_S).await?;
                choose(&command.offer, &client).await
            })?;
            offer.show(printer);
            (
                records::accept_custody(&offer.target),
                "custody-accepted",
                &command.signing,
            )
        }
    };
    let id = submission.what().register.as_str().replace([':', '/'], "-");
    let receipt = PathBuf::from(format!("{id}-{name}{}", receipt_file::ENDING));
    let answer = submit::act(&config, submit::Act { submission, receipt }, signing, printer)?;
    Ok(match command {
        Trial::Register(command) if answer.exit == Exit::Done => answer.next(format!(
            "Grant the others their roles: trialseal grant {} --help",
            short(&command.register)
        )),
        _ => answer,
    })
}

/// As a person would write it.
fn short(register: &trialseal::core::identifiers::RegisterName) -> &str {
    let name = register.as_str();
    name.strip_prefix("trial:").unwrap_or(name)
}
