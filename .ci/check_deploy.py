"""The deployment's files are well formed and name only what exists: metrics that the code exports
and settings that the configuration has."""

import json
import re
import subprocess
import sys
from pathlib import Path

import promql_parser
import yaml

# What Prometheus itself makes for every scrape.
BUILT_IN = {"up"}
# The series of a histogram; the code names it without them.
SUFFIXES = ("_bucket", "_sum", "_count")


def metrics_of(expression):
    """The metric names in a PromQL expression. Raises ValueError when it cannot be parsed."""
    names, open_parts = set(), [promql_parser.parse(expression)]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, promql_parser.VectorSelector):
            if part.name is None:
                raise ValueError(f"a selector without a metric name: {expression}")
            names.add(part.name)
            continue
        for field in ("lhs", "rhs", "expr", "args", "vector_selector", "vs", "param"):
            value = getattr(part, field, None)
            open_parts.extend(value if isinstance(value, list) else [value] if value is not None else [])
    return names


def unknown_metrics(used, exported):
    """The used metrics that nothing exports."""

    def base(name):
        return next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s)), name)

    return sorted(n for n in used if n not in BUILT_IN | exported and base(n) not in exported)


def dashboard_expressions(dashboard):
    """The PromQL expressions of a Grafana dashboard, with its interval variables filled in."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield re.sub(r"\$__(rate_)?interval", "5m", target["expr"])


def rule_expressions(rules):
    """The PromQL expressions of a file of Prometheus rules."""
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


def literals(source):
    """The string literals in a Rust source, its tests left out, that can be metric names."""
    return set(re.findall(r'"([a-z][a-z0-9_]+)"', source.split("#[cfg(test)]")[0]))


def own_metrics(sources):
    """The metrics of this repository's programs: names in sources that use the metrics crate."""
    return {
        name
        for source in sources if "prometheus" in source
        for name in literals(source) if name.startswith("sbh_")
    }


def config_variables(source):
    """The variables that the configuration understands, from the Rust source of its structures."""
    structs = {
        name: re.findall(r"^\s*pub (\w+): ([\w:<>]+),", body, re.M)
        for name, body in re.findall(r"pub struct (\w+) \{(.*?)^\}", source, re.M | re.S)
    }
    return {
        f"SBH_{section}_{field}".upper()
        for section, kind in structs["Config"]
        for field, _ in structs.get(kind, [])
    }


def sdk_metrics():
    """The metrics of the Temporal SDK, from the source of the version that is locked."""
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--locked", "--format-version=1"],
            check=True, capture_output=True, text=True,
        ).stdout
    )
    for package in metadata["packages"]:
        if package["name"] == "temporalio-sdk-core":
            source = Path(package["manifest_path"]).parent / "src/telemetry/metrics.rs"
            return {f"temporal_{name}" for name in literals(source.read_text())}
    raise SystemExit("temporalio-sdk-core is not among the dependencies")


def main():
    problems = []
    deploy = Path("deploy")
    crates = ["runtime", "prover", "store", "activities", "workers", "starter"]
    sources = (f.read_text() for crate in crates for f in Path(crate, "src").rglob("*.rs"))
    exported = own_metrics(sources) | sdk_metrics()

    parsed = {f: yaml.safe_load(f.read_text()) for f in sorted(deploy.rglob("*.y*ml"))}
    dashboards = {f: json.loads(f.read_text()) for f in sorted(deploy.rglob("*.json"))}
    expressions = [(f, e) for f, d in dashboards.items() for e in dashboard_expressions(d)]
    rules = deploy / "prometheus/rules.yml"
    expressions += [(rules, e) for e in rule_expressions(parsed[rules])]
    for file, expression in expressions:
        try:
            for name in unknown_metrics(metrics_of(expression), exported):
                problems.append(f"{file}: nothing exports {name}")
        except ValueError as error:
            problems.append(f"{file}: {error}")

    compose = yaml.safe_load(Path("docker-compose.yml").read_text())
    structures = Path("runtime/src/config/mod.rs").read_text() + Path("domain/src/debounce.rs").read_text()
    known = config_variables(structures)
    for name, service in compose["services"].items():
        if name in ("workers", "starter"):
            for variable in service["environment"]:
                if variable not in known:
                    problems.append(f"docker-compose.yml: {name}: the configuration has no {variable}")

    if not dashboards or not expressions or not known:
        problems.append("found no dashboard, no expression or no setting: the check looks at the wrong place")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(parsed) + len(dashboards)} files, {len(expressions)} expressions, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
