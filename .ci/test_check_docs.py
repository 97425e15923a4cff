"""Each check of check_docs.py can fail."""

import unittest

from check_docs import links, paths, settings


class Checks(unittest.TestCase):
    def test_links_to_files_are_found_and_others_left_alone(self):
        text = "[a](docs/A.md) [b](docs/B.md#part) [c](https://example.org) [d](#here)"
        self.assertEqual(links(text), ["docs/A.md", "docs/B.md"])

    def test_paths_stand_in_code_spans_below_a_known_folder(self):
        text = "`store/src/gone.rs` `a/b` `cargo test` `store/`\n```\n`store/in/a/block`\n```\n"
        self.assertEqual(paths(text, {"store"}), ["store/src/gone.rs"])

    def test_settings_are_found_anywhere(self):
        self.assertEqual(settings("`SBH_GIT_POLL_S=5` and SBH_GIT_POLL_S"), ["SBH_GIT_POLL_S"])


if __name__ == "__main__":
    unittest.main()
