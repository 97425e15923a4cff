//! Which crate may use which.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The arrows between this repository's crates: what each may use. Nothing points back.
const ARROWS: [(&str, &[&str]); 15] = [
    ("domain", &[]),
    ("api", &[]),
    ("workflows", &["domain"]),
    ("prover", &["domain"]),
    ("store", &["domain"]),
    ("runtime", &["domain", "workflows"]),
    ("outbound", &[]),
    ("sources", &["domain", "outbound"]),
    // For tests, benchmarks and `sbh chaos`; nothing that serves users may use it.
    ("standins", &[]),
    ("activities", &["domain", "workflows", "prover", "store", "runtime", "outbound", "sources"]),
    // The two programs build what they hand to the layers below.
    (
        "workers",
        &["domain", "activities", "workflows", "prover", "store", "runtime", "outbound", "sources"],
    ),
    ("starter", &["domain", "api", "workflows", "store", "runtime", "outbound", "sources"]),
    ("cli", &["domain", "api", "prover", "standins"]),
    // The harness of the end-to-end tests, which the benchmarks start their stacks with.
    ("tests", &["domain", "api", "prover", "standins"]),
    ("bench", &["domain", "api", "prover", "workflows", "runtime", "tests", "standins", "sources"]),
];

/// All that the pure rules may use: nothing async, no clock, no randomness, no Temporal.
const PURE: [&str; 5] = ["serde", "uuid", "thiserror", "sha2", "hex"];

/// Crates that only some may use directly, and why.
const RESERVED: [(&str, &[&str], &str); 3] = [
    ("sqlx", &["store", "tests", "bench"], "SQL is the store's alone (tests and bench look on)"),
    (
        "temporalio-sdk",
        &["activities", "workers", "bench"],
        "only workers run workflows and activities",
    ),
    ("temporalio-sdk-core", &[], "it is the SDK's own affair"),
];

/// Crates that must not be reached even through others, and why.
const FAR_AWAY: [(&str, &str, &str); 4] = [
    ("starter", "temporalio-sdk", "the starter is a client of Temporal, never a worker"),
    ("workflows", "temporalio-sdk", "workflow code compiles without the worker"),
    ("workflows", "sqlx", "workflows reach the world through activities alone"),
    ("cli", "sqlx", "the command line speaks HTTP"),
];

/// A crate of the workspace and what it depends on.
pub struct Package {
    /// The folder, which is the name without `sbh-`.
    name: String,
    /// Direct dependencies of the program or library (not of its tests).
    direct: BTreeSet<String>,
    /// Everything that is reached through them.
    reached: BTreeSet<String>,
}

impl Package {
    /// The packages as cargo resolves them for this machine: what other systems need may not have
    /// been downloaded.
    pub fn of_this_workspace() -> Vec<Self> {
        let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
        let version = Self::output(Command::new(rustc).arg("-vV"));
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let metadata = Self::output(
            Command::new(cargo)
                .args(["metadata", "--format-version=1", "--locked", "--filter-platform", host])
                .current_dir(env!("CARGO_MANIFEST_DIR")),
        );
        Self::read(&serde_json::from_str(&metadata).unwrap())
    }

    fn output(command: &mut Command) -> String {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn read(metadata: &Value) -> Vec<Self> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let names: BTreeMap<String, String> = list(&metadata["packages"])
            .iter()
            .map(|p| (text(&p["id"]), text(&p["name"])))
            .collect();
        let edges: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
            .iter()
            .map(|node| {
                let shipped =
                    |dep: &&Value| list(&dep["dep_kinds"]).iter().any(|k| k["kind"].is_null());
                let deps = list(&node["deps"]);
                (text(&node["id"]), deps.iter().filter(shipped).map(|d| text(&d["pkg"])).collect())
            })
            .collect();
        list(&metadata["workspace_members"])
            .iter()
            .map(|member| {
                let id = text(member);
                let mut reached = BTreeSet::new();
                let mut open = edges[&id].clone();
                while let Some(next) = open.pop() {
                    if reached.insert(next.clone()) {
                        open.extend(edges[&next].iter().cloned());
                    }
                }
                let named = |ids: &mut dyn Iterator<Item = &String>| {
                    ids.map(|i| names[i].clone()).collect()
                };
                Self {
                    name: names[&id].trim_start_matches("sbh-").to_owned(),
                    direct: named(&mut edges[&id].iter()),
                    reached: named(&mut reached.iter()),
                }
            })
            .collect()
    }

    /// The folders of this repository's crates that it uses directly.
    fn own(&self) -> impl Iterator<Item = &str> {
        self.direct.iter().filter_map(|name| name.strip_prefix("sbh-"))
    }
}

/// Dependencies that no arrow allows.
pub fn against_the_arrows(packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            problems.push(format!("{name} is a new crate: say in ARROWS what it may use"));
            continue;
        };
        for used in package.own().filter(|used| !allowed.contains(used)) {
            problems.push(format!("{name} must not depend on {used}"));
        }
        for (what, who, why) in RESERVED {
            if package.direct.contains(what) && !who.contains(&name) {
                problems.push(format!("{name} must not depend on {what}: {why}"));
            }
        }
        if name == "domain" {
            for used in package.direct.iter().filter(|used| !PURE.contains(&used.as_str())) {
                problems.push(format!("domain must not depend on {used}: its rules are pure"));
            }
        }
    }
    problems
}

/// Crates that reach themselves. Cargo refuses circles of libraries; this one names them.
pub fn circles(packages: &[Package]) -> Vec<String> {
    let reaches_itself = |p: &&Package| p.reached.contains(&format!("sbh-{}", p.name));
    packages
        .iter()
        .filter(reaches_itself)
        .map(|p| format!("{} depends on itself", p.name))
        .collect()
}

/// Dependencies that must not be there even through others.
pub fn forbidden_far_away(packages: &[Package]) -> Vec<String> {
    FAR_AWAY
        .iter()
        .filter(|(who, what, _)| {
            packages.iter().any(|p| p.name == *who && p.reached.contains(*what))
        })
        .map(|(who, what, why)| format!("{who} reaches {what}: {why}"))
        .collect()
}

/// Cargo's answer for a made-up workspace: crates and what they use.
fn metadata(crates: &[(&str, &[&str])]) -> Value {
    let node = |(name, deps): &(&str, &[&str])| {
        let deps: Vec<_> = deps
            .iter()
            .map(|d| serde_json::json!({"pkg": d, "dep_kinds": [{"kind": null}]}))
            .chain([serde_json::json!({"pkg": "proptest", "dep_kinds": [{"kind": "dev"}]})])
            .collect();
        serde_json::json!({"id": name, "name": name, "deps": deps})
    };
    let mut nodes: Vec<_> = crates.iter().map(node).collect();
    nodes.push(serde_json::json!({"id": "proptest", "name": "proptest", "deps": []}));
    let members: Vec<_> = crates.iter().map(|c| c.0).filter(|n| n.starts_with("sbh-")).collect();
    serde_json::json!({"packages": nodes, "resolve": {"nodes": nodes}, "workspace_members": members})
}

#[test]
fn a_wrong_arrow_is_found() {
    let packages = Package::read(&metadata(&[
        ("sbh-domain", &["serde", "chrono"]),
        ("sbh-workflows", &["sbh-activities"]),
        ("sbh-activities", &["sbh-domain", "sqlx"]),
        ("sbh-extra", &[]),
        ("serde", &[]),
        ("chrono", &[]),
        ("sqlx", &[]),
    ]));
    assert_eq!(
        against_the_arrows(&packages),
        [
            "domain must not depend on chrono: its rules are pure",
            "workflows must not depend on activities",
            "activities must not depend on sqlx: SQL is the store's alone (tests and bench look on)",
            "extra is a new crate: say in ARROWS what it may use",
        ]
    );
    assert_eq!(
        forbidden_far_away(&packages),
        ["workflows reaches sqlx: workflows reach the world through activities alone"]
    );
}

#[test]
fn a_circle_is_found() {
    let packages =
        Package::read(&metadata(&[("sbh-store", &["sbh-domain"]), ("sbh-domain", &["sbh-store"])]));
    assert_eq!(circles(&packages), ["store depends on itself", "domain depends on itself"]);
}
