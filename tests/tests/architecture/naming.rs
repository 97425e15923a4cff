//! One concern has one name in every layer: `git ls-files '*spec_drift*'` lists all of it.

use std::collections::BTreeSet;

use super::tree::Tree;

/// Concerns without a route of their own, and why. Routes are files of `starter/src/routes/`.
pub const WITHOUT_ROUTE: &[(&str, &str)] = &[
    ("head_poll", "a schedule starts it, and nobody asks it anything"),
    ("drift_backlog", "a schedule starts it; what it finds is answered by routes/drift.rs"),
    ("notify", "what it tells, and whom, is answered by routes/alert.rs and alert_channel.rs"),
    ("source_upkeep", "a schedule starts it; how it stands is answered by routes/connection.rs"),
];

/// The concerns: the folders of `workflows/src/` with a contract.
pub fn concerns(tree: &Tree) -> BTreeSet<&str> {
    tree.below("workflows/src/")
        .filter_map(|(path, _)| path.strip_prefix("workflows/src/")?.strip_suffix("/contract.rs"))
        .collect()
}

/// `repo_sync` → `RepoSync`.
fn camel_case(concern: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    concern.split('_').map(word).collect()
}

/// What a concern needs and does not have.
pub fn missing_pieces(tree: &Tree, without_route: &[(&str, &str)]) -> Vec<String> {
    let mut problems = Vec::new();
    let fleet = tree.text("workers/src/fleet.rs").unwrap_or_default();
    let architecture = tree.text("docs/ARCHITECTURE.md").unwrap_or_default();
    for concern in concerns(tree) {
        let file = |path: String| tree.text(&path).is_some();
        let folder = |path: String| tree.below(&path).next().is_some();
        let mut need = |there: bool, what: String| {
            if !there {
                problems.push(format!("{concern}: {what}"));
            }
        };
        let workflow = format!("workflows/src/{concern}/workflow.rs");
        need(file(workflow.clone()), format!("write the workflow in {workflow}"));
        for call in [
            format!("register_workflow::<{}Workflow>()", camel_case(concern)),
            format!("register_activities(activities.{concern}())"),
        ] {
            need(fleet.contains(&call), format!("call {call} in workers/src/fleet.rs"));
        }
        let histories = format!("workflows/tests/histories/{concern}/");
        need(
            tree.below(&histories).any(|(path, _)| path.ends_with(".json")),
            format!("record a history for the replay test in {histories}"),
        );
        let activities = format!("activities/src/{concern}");
        need(
            file(format!("{activities}.rs")) || folder(format!("{activities}/")),
            format!("write its activities in {activities}.rs or {activities}/"),
        );
        let end_to_end = format!("tests/tests/{concern}.rs");
        need(file(end_to_end.clone()), format!("write an end-to-end test in {end_to_end}"));
        need(
            architecture.contains(&format!("`{concern}`")),
            "describe it in docs/ARCHITECTURE.md".into(),
        );
        let routed = file(format!("starter/src/routes/{concern}.rs"));
        let exempt = without_route.iter().any(|(name, _)| *name == concern);
        need(
            routed || exempt,
            format!("write starter/src/routes/{concern}.rs, or say in WITHOUT_ROUTE why not"),
        );
        need(!(routed && exempt), "it has a route: take it off WITHOUT_ROUTE".into());
    }
    problems
}

/// Pieces of concerns that are gone or were never there.
pub fn pieces_of_nothing(tree: &Tree) -> Vec<String> {
    let concerns = concerns(tree);
    let mut problems = BTreeSet::new();
    for (path, _) in tree.below("workflows/tests/histories/") {
        let name = path.split('/').nth(3).unwrap_or_default();
        if !concerns.contains(name) {
            problems.insert(format!("workflows/tests/histories/{name} belongs to no concern"));
        }
    }
    for (name, _) in WITHOUT_ROUTE {
        if !concerns.contains(name) {
            problems.insert(format!("WITHOUT_ROUTE: there is no concern {name}"));
        }
    }
    problems.into_iter().collect()
}

/// A concern with all its pieces, `skip` left out.
fn whole(skip: &str) -> Tree {
    let files = [
        ("workflows/src/tide/contract.rs", ""),
        ("workflows/src/tide/workflow.rs", ""),
        (
            "workers/src/fleet.rs",
            ".register_workflow::<TideWorkflow>()? .register_activities(activities.tide())",
        ),
        ("workflows/tests/histories/tide/once.json", ""),
        ("activities/src/tide.rs", ""),
        ("tests/tests/tide.rs", ""),
        ("docs/ARCHITECTURE.md", "| `tide` |"),
        ("starter/src/routes/tide.rs", ""),
    ];
    let kept: Vec<_> = files.into_iter().filter(|(path, _)| *path != skip).collect();
    Tree::of(&kept)
}

#[test]
fn each_forgotten_piece_is_named() {
    assert_eq!(missing_pieces(&whole(""), &[]), Vec::<String>::new());
    for piece in [
        "workflows/src/tide/workflow.rs",
        "workers/src/fleet.rs",
        "workflows/tests/histories/tide/once.json",
        "activities/src/tide.rs",
        "tests/tests/tide.rs",
        "docs/ARCHITECTURE.md",
        "starter/src/routes/tide.rs",
    ] {
        let problems = missing_pieces(&whole(piece), &[]);
        assert!(!problems.is_empty(), "without {piece}");
        let place = piece.trim_end_matches("once.json").trim_end_matches(".rs");
        assert!(problems.iter().all(|p| p.contains(place)), "without {piece}: {problems:?}");
    }
}

#[test]
fn an_exemption_must_be_needed() {
    let exempt = [("tide", "nobody asks it")];
    assert_eq!(missing_pieces(&whole("starter/src/routes/tide.rs"), &exempt), Vec::<String>::new());
    assert_eq!(
        missing_pieces(&whole(""), &exempt),
        ["tide: it has a route: take it off WITHOUT_ROUTE"]
    );
}

#[test]
fn what_belongs_to_no_concern_is_named() {
    let contract = |name: &str| format!("workflows/src/{name}/contract.rs");
    let mut files: Vec<_> = WITHOUT_ROUTE.iter().map(|(name, _)| contract(name)).collect();
    files.push("workflows/tests/histories/gone/once.json".to_owned());
    let files: Vec<_> = files.iter().map(|path| (path.as_str(), "")).collect();
    let problems = pieces_of_nothing(&Tree::of(&files));
    assert_eq!(problems, ["workflows/tests/histories/gone belongs to no concern"]);
    let problems = pieces_of_nothing(&Tree::of(&[]));
    assert_eq!(problems.len(), WITHOUT_ROUTE.len());
    assert!(problems.contains(&"WITHOUT_ROUTE: there is no concern head_poll".to_owned()));
}
