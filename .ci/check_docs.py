"""The documentation's links lead somewhere, the paths that it names exist, and so do the settings."""

import re
import subprocess
import sys
from pathlib import Path

from check_deploy import config_variables

LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
PATH = re.compile(r"[\w.-]+(/[\w.-]+)+/?")
# The made-up concern of docs/ADD_A_CONCERN.md, and the real one that its paths are tried with.
EXAMPLE = ("tide", "repo_sync")
SETTING = re.compile(r"SBH_[A-Z0-9]+_[A-Z0-9_]+")


def links(text):
    """The targets of links to files."""
    return [t for t, _ in LINK.findall(text) if not re.match(r"\w+:", t)]


def paths(text, top_level):
    """The paths below one of the repository's top-level folders that stand in code spans."""
    spans = CODE.findall(FENCE.sub("", text))
    spans = [s.replace(*EXAMPLE) for s in spans]
    return [s for s in spans if PATH.fullmatch(s) and s.split("/")[0] in top_level]


def settings(text):
    """The configuration variables that a text names."""
    return sorted(set(SETTING.findall(text)))


def main():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True,
    ).stdout.split("\n")
    top_level = {f.split("/")[0] for f in listed if "/" in f}
    source = "".join(Path(f).read_text() for f in ["runtime/src/config/mod.rs", "domain/src/debounce.rs"])
    known = config_variables(source)
    sections = {name.split("_")[1] for name in known}
    problems = []
    documents = [Path(f) for f in listed if f.endswith(".md") and Path(f).exists()]
    for document in documents:
        text = document.read_text()
        for target in links(text):
            if not (document.parent / target).exists():
                problems.append(f"{document}: the link to {target} leads nowhere")
        for path in paths(text, top_level):
            if not Path(path).exists():
                problems.append(f"{document}: there is no {path}")
        for setting in settings(text):
            if setting.split("_")[1] in sections and setting not in known:
                problems.append(f"{document}: the configuration has no {setting}")
    if len(documents) < 2:
        problems.append("found no documents: the check looks at the wrong place")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(documents)} documents, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
