//! The sandbox as a program of its own: `sbh-sandbox sandbox … -- PROGRAM ARGUMENTS…`. The workers
//! and the command line need none, they are their own; tests and other programs do.

use std::process::ExitCode;

fn main() -> ExitCode {
    sbh_prover::sandbox::run_if_asked().unwrap_or_else(|| {
        #[allow(clippy::print_stderr, reason = "there is nobody else to tell")]
        {
            eprintln!(
                "usage: sbh-sandbox sandbox … -- PROGRAM ARGUMENTS…; see sbh_prover::sandbox"
            );
        }
        ExitCode::from(2)
    })
}
