//! `trialseal-server`: the notary's one binary.

use std::process::ExitCode;

use clap::Parser as _;

mod commands;

fn main() -> ExitCode {
    let arguments = match commands::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return commands::usage(&error),
    };
    match arguments.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}
