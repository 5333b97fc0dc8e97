//! `trialseal keygen`.

use trialseal::{MemberKey, public_path};

use crate::args::Keygen;
use crate::errors::{self, Ended};
use crate::outcome::{Answer, Exit};
use crate::secrets;

pub(crate) fn run(command: &Keygen) -> Result<Answer, Ended> {
    if command.out.exists() {
        return Err(errors::key(trialseal::KeyError::Exists {
            path: command.out.clone(),
        }));
    }
    let passphrase = secrets::new_passphrase(command.passphrase_file.as_deref())?;
    let key =
        MemberKey::generate(command.organization.clone(), command.member.clone()).map_err(errors::key)?;
    key.save(&command.out, &passphrase).map_err(errors::key)?;
    let vkey = key.verifier().to_string();
    let public = public_path(&command.out);
    let sentence = format!("{} and {}.", command.out.display(), public.display());
    Ok(Answer::new(Exit::Done, "SAVED", sentence)
        .because(format!("The public key is {vkey}"))
        .next("Send the public key to the operator of the notary; keep the private key and its passphrase apart.")
        .with("vkey", vkey)
        .with("key", command.out.display().to_string())
        .with("public", public.display().to_string()))
}
