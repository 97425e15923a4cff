#![no_main]
//! Jira's wiki markup: prose never becomes code.

use sbh_sources::text::{Limits, wiki};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(markdown) = wiki::to_markdown(text, Limits::default()) else { return };
    let lower = text.to_ascii_lowercase();
    let code = ["{code", "{noformat"].iter().map(|macro_| lower.matches(macro_).count()).sum();
    sbh_fuzz::no_more_than(code, &markdown);
});
