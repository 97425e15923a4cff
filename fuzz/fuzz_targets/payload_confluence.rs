#![no_main]
//! Deliveries of `confluence`, Cloud and Data Center: read without a crash, always to the same small
//! result.

use std::sync::LazyLock;

use serde_json::Value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sbh_fuzz::parse("confluence", data, &CLOUD);
    sbh_fuzz::parse("confluence", data, &DATA_CENTER);
});

static CLOUD: LazyLock<Value> = LazyLock::new(|| sbh_fuzz::settings("confluence"));
static DATA_CENTER: LazyLock<Value> =
    LazyLock::new(|| sbh_fuzz::settings("confluence_data_center"));
