#![no_main]
//! Confluence's storage format: prose never becomes code.

use sbh_sources::text::storage;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(markdown) = storage::to_markdown(text) else { return };
    let lower = text.to_ascii_lowercase();
    let code = ["plain-text-body", "<pre"].iter().map(|tag| lower.matches(tag).count()).sum();
    sbh_fuzz::no_more_than(code, &markdown);
});
