//! `trialseal`: notarize clinical-trial files and verify receipts.

mod args;
mod commands;
mod config;
mod errors;
mod findings;
#[cfg(test)]
mod golden;
mod outcome;
mod pages;
mod progress;
mod secrets;
mod table;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, Command};
use outcome::{Answer, Exit, Printer};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come here too; they are no mistakes.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            let _ = error.print();
            return exit.into();
        }
    };
    let printer = Printer::new(arguments.json);
    let answer = run(&arguments, &printer).unwrap_or_else(|answer| *answer);
    printer.answer(&answer);
    answer.exit.into()
}

/// Runs the command. Both arms are answers; the error arm ends a command early.
fn run(arguments: &Arguments, printer: &Printer) -> Result<Answer, Box<Answer>> {
    let config = || config::Place::new(arguments.config.as_deref());
    match &arguments.command {
        Command::Keygen(command) => commands::keygen::run(command),
        Command::Login(command) => commands::login::run(command, &config()?),
        Command::Submit(command) => commands::submit::run(command, &config()?, printer),
        Command::Verify(command) => commands::verify::run(command, arguments.config.as_deref(), printer),
        Command::Show(command) => commands::show::run(command, printer),
        Command::List(command) => commands::list::run(command, &config()?, printer),
        Command::Get(command) => commands::get::run(command, &config()?),
        Command::Upgrade(command) => commands::upgrade::run(command, &config()?, printer),
        Command::Export(command) => commands::export::run(command, printer),
        Command::Status(command) => commands::status::run(command, &config()?, printer),
    }
}
