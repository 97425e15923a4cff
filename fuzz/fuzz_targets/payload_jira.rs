#![no_main]
//! Deliveries of `jira`: read without a crash, always to the same small result.

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sbh_fuzz::parse("jira", data, &SETTINGS);
});

static SETTINGS: std::sync::LazyLock<serde_json::Value> =
    std::sync::LazyLock::new(|| sbh_fuzz::settings("jira"));
