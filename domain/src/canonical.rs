//! The canonical text of a spec document: what is hashed to tell whether it changed.

/// Line ends become `\n`, white space at the end of lines and empty lines at the end of the text
/// go, a byte-order mark goes, and a text that is not empty ends in one `\n`. Everything else
/// stays, so that line numbers still point into the author's file.
///
/// Applying it twice is the same as applying it once.
pub fn canonical_text(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    let mut canonical = String::with_capacity(text.len() + 1);
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in unified.split('\n') {
        canonical.push_str(line.trim_end());
        canonical.push('\n');
    }
    canonical.truncate(canonical.trim_end_matches('\n').len());
    if !canonical.is_empty() {
        canonical.push('\n');
    }
    canonical
}

#[cfg(test)]
mod tests {
    use super::canonical_text;
    use proptest::prelude::*;

    #[test]
    fn noise_goes_and_lines_stay() {
        assert_eq!(canonical_text("\u{feff}a \r\n\r\n b\t\r\n\n\n"), "a\n\n b\n");
        assert_eq!(canonical_text(" \n\t\n"), "");
    }

    proptest! {
        #[test]
        fn twice_is_once(text in "(?s)[ -~\r\n\t\u{feff}ä]{0,200}") {
            let once = canonical_text(&text);
            prop_assert_eq!(canonical_text(&once), once);
        }

        #[test]
        fn line_ends_do_not_count(lines in proptest::collection::vec("[ -~]{0,20}", 0..20)) {
            prop_assert_eq!(canonical_text(&lines.join("\r\n")), canonical_text(&lines.join("\n")));
        }
    }
}
