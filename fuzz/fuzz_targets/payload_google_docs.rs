#![no_main]
//! Deliveries of `google_docs`: read without a crash, always to the same small result.

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sbh_fuzz::parse("google_docs", data, &SETTINGS);
});

static SETTINGS: std::sync::LazyLock<serde_json::Value> =
    std::sync::LazyLock::new(|| sbh_fuzz::settings("google_docs"));
