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

use std::path::PathBuf;
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
            if exit == Exit::Usage {
                usage_reports(&error.to_string());
            }
            return exit.into();
        }
    };
    let printer = Printer::new(arguments.json);
    let answer = run(&arguments, &printer).unwrap_or_else(|answer| *answer);
    printer.answer(&answer);
    answer.exit.into()
}

/// JUnit and summary of a command line that could not be read, where it names files for them.
fn usage_reports(problem: &str) {
    let words: Vec<String> = std::env::args().collect();
    let after = |option: &str| {
        let with_equals = format!("{option}=");
        words
            .iter()
            .enumerate()
            .find_map(|(place, word)| match word.strip_prefix(&with_equals) {
                Some(path) => Some(PathBuf::from(path)),
                None if word == option => words.get(place + 1).map(PathBuf::from),
                None => None,
            })
    };
    let command = words.get(1).map_or("trialseal", String::as_str);
    // The first line says what is wrong; the others how the command is used.
    let problem = problem
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ");
    let answer = Answer::new(Exit::Usage, "USAGE", errors::sentence(problem));
    // The command line is what went wrong; that a report cannot be written as well changes nothing.
    let _ = findings::write_error(
        command,
        &answer,
        after("--junit").as_deref(),
        after("--summary").as_deref(),
    );
}

/// Runs the command. Both arms are answers; the error arm ends a command early.
fn run(arguments: &Arguments, printer: &Printer) -> Result<Answer, Box<Answer>> {
    let config = || config::Place::new(arguments.config.as_deref());
    match &arguments.command {
        Command::Keygen(command) => commands::keygen::run(command),
        Command::Login(command) => commands::login::run(command, &config()?, printer),
        Command::Submit(command) => commands::submit::run(command, &config()?, printer),
        Command::Countersign(command) => commands::countersign::run(command, &config()?, printer),
        Command::Decline(command) => commands::countersign::decline(command, &config()?, printer),
        Command::Trial(command) => commands::trial::run(command, &config()?, printer),
        Command::Member(command) => commands::member::run(command, &config()?, printer),
        Command::Grant(command) => commands::grants::grant(command, &config()?, printer),
        Command::Revoke(command) => commands::grants::revoke(command, &config()?, printer),
        Command::Register(command) => commands::register::run(command, arguments.config.as_deref(), printer),
        Command::Roles(command) => commands::roles::roles(command, &config()?, printer),
        Command::Pending(command) => commands::roles::pending(command, &config()?, printer),
        Command::Reads(command) => commands::roles::reads(command, &config()?, printer),
        Command::Find(command) => commands::roles::find(command, &config()?, printer),
        Command::Open(command) => commands::open::run(command, &config()?, printer),
        Command::Erase(command) => commands::open::erase(command, &config()?, printer),
        Command::Verify(command) => commands::verify::run(command, arguments.config.as_deref(), printer),
        Command::Check(command) => commands::check::run(command, arguments.config.as_deref(), printer),
        Command::Ask(command) => commands::ask::run(command, arguments.config.as_deref(), printer),
        Command::Report(command) => commands::report::run(command, arguments.config.as_deref(), printer),
        Command::Bundle(command) => commands::bundle::run(command, arguments.config.as_deref(), printer),
        Command::Show(command) => commands::show::run(command, printer),
        Command::List(command) => commands::list::run(command, arguments.config.as_deref(), printer),
        Command::Get(command) => commands::get::run(command, &config()?),
        Command::Upgrade(command) => commands::upgrade::run(command, &config()?, printer),
        Command::Export(command) => commands::export::run(command, printer),
        Command::Status(command) => commands::status::run(command, &config()?, printer),
    }
}
