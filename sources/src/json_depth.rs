//! How deep JSON is nested. The parser has a limit of its own, but not for the fields that it skips.

/// How deep brackets are nested outside of strings.
pub fn depth(text: &str) -> u32 {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_u32, 0, false, false);
    for byte in text.bytes() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert_eq!(depth(&format!(r#"{{"x":"{}\"["}}"#, "[".repeat(1_000))), 1);
        assert_eq!(depth(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))), 10_000);
        assert_eq!(depth("}}]"), 0);
    }
}
