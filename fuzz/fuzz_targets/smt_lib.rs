#![no_main]
//! Specs: whatever is read prints to a text that is read again as the same.

use sbh_prover::{Invariant, Kind, parse};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for kind in [Kind::Smt2, Kind::Markdown] {
        for block in parse(kind, text).invariants {
            let Ok(invariant) = &block.parsed else { continue };
            if invariant.language().is_some() {
                continue;
            }
            let printed = invariant.statement();
            let again = Invariant::parse(printed, 1)
                .unwrap_or_else(|error| panic!("{error}: cannot be read again:\n{printed}"));
            assert_eq!(again.statement(), printed);
            assert_eq!(again.statement_hash(), invariant.statement_hash());
            assert_eq!(again.form(), invariant.form());
        }
    }
});
