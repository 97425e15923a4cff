#![no_main]
//! Atlassian Document Format: prose never becomes code.

use sbh_sources::text::{Limits, adf};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(markdown) = adf::to_markdown(text, Limits::default()) else { return };
    // A string of JSON may be written with escapes: then its characters cannot be counted.
    if !text.contains("\\u") {
        sbh_fuzz::no_more_than(text.matches("codeBlock").count(), &markdown);
    }
});
