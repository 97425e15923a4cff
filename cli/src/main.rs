//! The program `sbh`.

use std::process::ExitCode;

use clap::Parser as _;
use sbh_cli::args::{Cli, Command};
use sbh_cli::failure::Failure;
use sbh_cli::style::Style;
use sbh_cli::{commands, interrupt};

fn main() -> ExitCode {
    // External provers run in a sandbox that this very program becomes.
    if let Some(code) = sbh_prover::sandbox::run_if_asked() {
        return code;
    }
    let cli = Cli::parse();
    let as_json = cli.json;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => {
            report(&error, as_json);
            ExitCode::from(Failure::status_of(&error))
        }
    }
}

/// Runs the command until it is done or interrupted.
async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // The supervisor listens itself, and a part is to be interrupted as it likes.
    if matches!(cli.command, Command::Supervise | Command::ExecPart { .. }) {
        return commands::run(cli).await;
    }
    // Following a log has no other end.
    let usual = matches!(cli.command, Command::Logs { follow: true, .. });
    interrupt::listen()?;
    let ran = tokio::select! {
        ran = commands::run(cli) => ran,
        () = interrupt::heard() => Err(interrupt::failure().into()),
    };
    match ran {
        Err(_) if interrupt::came() && usual => Ok(ExitCode::from(interrupt::STATUS)),
        // What was interrupted fails in a way of its own, which is not what people want to know.
        Err(_) if interrupt::came() => Err(interrupt::failure().into()),
        ran => ran,
    }
}

fn report(error: &anyhow::Error, as_json: bool) {
    let hint = Failure::hint_of(error);
    if as_json {
        eprintln!("{}", serde_json::json!({ "error": format!("{error:#}"), "hint": hint }));
        return;
    }
    eprintln!("{} {error:#}", Style::Bad.paint("error:"));
    if let Some(hint) = hint {
        eprintln!("{} {hint}", Style::Dim.paint("   →"));
    }
}
