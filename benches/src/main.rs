//! Benchmarks: starts the real notary as a process, measures every figure that is promised, and
//! prints a table of them.
//!
//! `cargo run --release -p trialseal-benches -- --quick` for a first look.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, ValueEnum};

mod bundle;
mod echo;
mod growth;
mod harness;
mod hashing;
mod latency;
mod load;
mod mirror;
mod registers;
mod signed;
mod streams;
mod table;
mod unary;
mod witnessed;

use harness::{Failure, Outcome};
use table::Table;

/// Accounts of the runs with millions of records: one organisation may have two million
/// idempotency keys remembered.
const ORGANIZATIONS: usize = 4;

/// Measures the notary and the SDK on this machine.
#[derive(Parser)]
struct Arguments {
    /// Only these sections; all by default.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Section>,
    /// Records of the long stream; one fifth more follow it.
    #[arg(long, default_value_t = 5_000_000)]
    records: u64,
    /// Interleaved slices of each ratio; the median counts.
    #[arg(long, default_value_t = 11)]
    slices: usize,
    /// 300,000 records, 3 slices: shows that all of it works.
    #[arg(long)]
    quick: bool,
    /// Prints JSON instead of the table.
    #[arg(long)]
    json: bool,
    /// Where the notary keeps its data; on a real disk.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The notary's binary; built by cargo if not given.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Answers every submission with the response in this file, and does nothing else.
    #[arg(long, value_name = "FILE", hide = true)]
    echo: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    Hashing,
    Unary,
    Signed,
    Latency,
    Streams,
    Growth,
    Mirror,
    Registers,
    Bundle,
    Witnessed,
}

/// What every section needs to know.
struct Settings {
    server: PathBuf,
    dir: PathBuf,
    records: u64,
    slices: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| match &arguments.echo {
            Some(response) => runtime.block_on(echo::serve(response)),
            None => runtime.block_on(run(&arguments)),
        });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nowhere to say so if this fails as well.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Outcome {
    // Deleted at the end: some file systems are slow to make files soon after many were deleted.
    let dir = arguments.dir.clone().unwrap_or_else(std::env::temp_dir);
    let data = tempfile::Builder::new()
        .prefix("trialseal-bench-")
        .tempdir_in(dir)?;
    let settings = Settings {
        server: arguments.server.clone().map_or_else(build_server, Ok)?,
        dir: data.path().to_owned(),
        records: if arguments.quick {
            300_000
        } else {
            arguments.records
        },
        slices: if arguments.quick { 3 } else { arguments.slices },
    };
    let wanted = |section| arguments.only.is_empty() || arguments.only.contains(&section);
    let mut table = Table::new(&settings.dir);
    if wanted(Section::Hashing) {
        hashing::run(&settings, &mut table)?;
    }
    if wanted(Section::Unary) {
        unary::run(&settings, &mut table).await?;
    }
    if wanted(Section::Signed) {
        signed::run(&settings, &mut table).await?;
    }
    if wanted(Section::Latency) {
        latency::run(&settings, &mut table).await?;
    }
    if wanted(Section::Witnessed) {
        witnessed::run(&settings, &mut table).await?;
    }
    if wanted(Section::Streams) || wanted(Section::Growth) {
        let grown = streams::run(&settings, &mut table, wanted(Section::Streams)).await?;
        if wanted(Section::Growth) {
            growth::run(grown, &settings, &mut table).await?;
        }
    }
    if wanted(Section::Mirror) {
        mirror::run(&settings, &mut table).await?;
    }
    if wanted(Section::Registers) {
        registers::run(&settings, &mut table).await?;
    }
    if wanted(Section::Bundle) {
        bundle::run(&settings, &mut table).await?;
    }
    let text = if arguments.json {
        table.json()
    } else {
        table.text()
    };
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Builds the notary as it is delivered, and says where its binary is.
fn build_server() -> Outcome<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "-p", "trialseal-server"])
        .status()?;
    if !built.success() {
        return Err("trialseal-server could not be built".into());
    }
    let folder = std::env::current_exe()?;
    let folder = folder.parent().ok_or("the benchmark has no folder")?;
    let server = folder.join("trialseal-server");
    if server.is_file() {
        Ok(server)
    } else {
        Err(format!("{} is missing; name it with --server", server.display()).into())
    }
}

/// Says on standard error what is being done; the table alone goes to standard output.
fn progress(text: &str) {
    // A closed standard error is no reason to stop measuring.
    let _ = writeln!(std::io::stderr(), "{text}");
}
