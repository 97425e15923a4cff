//! The program `sbh`.

use std::process::ExitCode;

use clap::Parser as _;
use sbh_cli::args::Cli;
use sbh_cli::commands;
use sbh_cli::failure::Failure;
use sbh_cli::style::Style;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{} {error:#}", Style::Bad.paint("error:"));
            if let Some(hint) = Failure::hint_of(&error) {
                eprintln!("{} {hint}", Style::Dim.paint("   →"));
            }
            ExitCode::from(Failure::status_of(&error))
        }
    }
}
