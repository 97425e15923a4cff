//! How long a second `sbh demo` takes.

use std::time::Instant;

use anyhow::ensure;
use sbh_tests::Stack;

use crate::report::{Figure, Target};

/// Runs the demo twice and times the second.
pub fn run(stack: &Stack) -> anyhow::Result<Vec<Figure>> {
    let mut took = 0.0;
    for _ in 0..2 {
        let begun = Instant::now();
        let output = stack.sbh(&["demo", "--json"]);
        took = begun.elapsed().as_secs_f64();
        ensure!(output.status.success(), "sbh demo: {}", sbh_tests::harness::text(&output));
    }
    Ok(vec![Figure::new("warm sbh demo", took, "s").target(Target::AtMost(20.0))])
}
