#![no_main]
//! Google's Markdown export: prose never becomes code.

use sbh_sources::google_docs::markdown;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(clean) = markdown::clean(text) else { return };
    // Typed fences count as fences, and four spaces make code as well.
    let code = text.matches(['`', '~']).count()
        + text.matches("    ").count()
        + text.matches('\t').count();
    sbh_fuzz::no_more_than(code, &clean);
});
