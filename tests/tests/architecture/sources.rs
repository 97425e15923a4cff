//! What sources may hold, and how much of it.

use super::tree::Tree;

/// Lines that a Rust file has at most.
const MAX_LINES: usize = 400;

/// Files that may be longer, and why each is easier to read in one piece.
pub const LONG_ON_PURPOSE: &[(&str, &str)] = &[];

/// Names that say nothing about what is inside.
const JUNK: [&str; 8] = ["common", "helper", "helpers", "misc", "shared", "stuff", "util", "utils"];

/// What pure rules and workflow code must not touch: a replay would give another answer.
const IMPURE: [&str; 13] = [
    "SystemTime::now",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "new_v4",
    "now_v7",
    "rand::",
    "thread::sleep",
    "tokio::",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
];

/// Beginnings of SQL statements, in lower case.
const SQL: [&str; 7] = [
    "insert into ",
    "delete from ",
    "create table ",
    "alter table ",
    "truncate table ",
    "drop table ",
    "select * from ",
];

/// The lines of a file that are code: without comments, and without the tests at its end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

/// Whether a line of code holds SQL.
fn is_sql(line: &str) -> bool {
    let line = line.to_lowercase();
    let select = line.find("select ").is_some_and(|at| line[at..].contains(" from "));
    let update = line.find("update ").is_some_and(|at| line[at..].contains(" set "));
    select || update || SQL.iter().any(|start| line.contains(start))
}

/// SQL in programs and libraries outside the store.
pub fn sql_outside_the_store(tree: &Tree) -> Vec<String> {
    tree.rust()
        .filter(|(path, _)| {
            path.contains("/src/")
                && !["store/", "tests/", "bench/"].iter().any(|c| path.starts_with(c))
        })
        .flat_map(|(path, text)| code(text).map(move |(number, line)| (path, number, line)))
        .filter(|(_, _, line)| is_sql(line))
        .map(|(path, number, _)| format!("{path}:{number}: SQL belongs into store/"))
        .collect()
}

/// Clocks, randomness and I/O in the pure rules and in workflow code.
pub fn impure_lines(tree: &Tree) -> Vec<String> {
    let pure = tree.below("domain/src/").chain(tree.below("workflows/src/"));
    pure.flat_map(|(path, text)| code(text).map(move |(number, line)| (path, number, line)))
        .filter_map(|(path, number, line)| {
            let what = IMPURE.iter().find(|what| line.contains(**what))?;
            Some(format!("{path}:{number}: {what} has no place in a replayed or pure function"))
        })
        .collect()
}

/// Files and folders whose name says nothing.
pub fn junk_drawers(tree: &Tree) -> Vec<String> {
    tree.rust()
        .filter(|(path, _)| {
            path.trim_end_matches(".rs").split('/').any(|part| JUNK.contains(&part))
        })
        .map(|(path, _)| format!("{path}: name it after what is inside"))
        .collect()
}

/// Files over the limit, and exceptions that are not needed.
pub fn too_long(tree: &Tree, on_purpose: &[(&str, &str)]) -> Vec<String> {
    let is_long = |text: &str| text.lines().count() > MAX_LINES;
    let listed = |path: &str| on_purpose.iter().any(|(file, _)| *file == path);
    let long = tree
        .rust()
        .filter(|(path, text)| is_long(text) && !listed(path))
        .map(|(path, text)| format!("{path}: {} lines, split it", text.lines().count()));
    let needless = on_purpose
        .iter()
        .filter(|(file, _)| !tree.text(file).is_some_and(is_long))
        .map(|(file, _)| format!("{file} is short or gone: take it off LONG_ON_PURPOSE"));
    long.chain(needless).collect()
}

#[test]
fn sql_is_found_in_code_and_not_in_comments_or_the_store() {
    let tree = Tree::of(&[
        ("starter/src/a.rs", "// select x from y\nquery(\"SELECT id FROM inbox\");\n"),
        ("cli/src/b.rs", "let a = 1;\nlet b = \"insert into t values (1)\";\n"),
        ("cli/src/c.rs", "#[cfg(test)]\nlet b = \"delete from t\";\n"),
        ("store/src/d.rs", "query!(\"update t set a = 1\");\n"),
        ("activities/src/e.rs", "select(update); let from = \" update the set\";\n"),
        ("activities/src/f.rs", "query(\"UPDATE t SET a = 1\");\n"),
    ]);
    assert_eq!(
        sql_outside_the_store(&tree),
        [
            "activities/src/f.rs:1: SQL belongs into store/",
            "cli/src/b.rs:2: SQL belongs into store/",
            "starter/src/a.rs:2: SQL belongs into store/",
        ]
    );
}

#[test]
fn a_clock_in_a_workflow_is_found() {
    let tree = Tree::of(&[
        ("workflows/src/tide/workflow.rs", "let at = SystemTime::now();\n"),
        ("domain/src/id.rs", "/// Not Utc::now.\nlet id = Uuid::new_v4();\n"),
        ("store/src/tide.rs", "let at = Utc::now();\n"),
    ]);
    assert_eq!(
        impure_lines(&tree),
        [
            "domain/src/id.rs:2: new_v4 has no place in a replayed or pure function",
            "workflows/src/tide/workflow.rs:1: SystemTime::now has no place in a replayed or pure function",
        ]
    );
}

#[test]
fn a_junk_drawer_is_found() {
    let tree = Tree::of(&[
        ("cli/src/utils.rs", ""),
        ("starter/src/common/mod.rs", ""),
        ("prover/src/utility.rs", ""),
    ]);
    assert_eq!(
        junk_drawers(&tree),
        [
            "cli/src/utils.rs: name it after what is inside",
            "starter/src/common/mod.rs: name it after what is inside",
        ]
    );
}

#[test]
fn the_limit_and_its_exceptions_are_kept() {
    let long = "\n".repeat(MAX_LINES + 1);
    let tree = Tree::of(&[("a/src/long.rs", &long), ("a/src/short.rs", &long[1..])]);
    assert_eq!(too_long(&tree, &[]), ["a/src/long.rs: 401 lines, split it"]);
    assert_eq!(too_long(&tree, &[("a/src/long.rs", "one table")]), Vec::<String>::new());
    assert_eq!(
        too_long(&tree, &[("a/src/long.rs", "one table"), ("a/src/short.rs", "one table")]),
        ["a/src/short.rs is short or gone: take it off LONG_ON_PURPOSE"]
    );
}
