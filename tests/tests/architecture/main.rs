//! The rules that keep the code readable, as tests: which crate may use which (`arrows`), one name
//! for one concern in every layer (`naming`), and what sources may hold (`sources`).
//!
//! Each rule is a function from a picture of the repository to a list of problems, so that it is
//! also tested on small made-up repositories that break it.

// Test code from end to end: a panic is how it reports.
#![allow(clippy::unwrap_used)]

mod arrows;
mod naming;
mod sources;
mod tree;

use tree::Tree;

/// Fails with one line for each problem.
fn none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n- {}\n", problems.join("\n- "));
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let packages = arrows::Package::of_this_workspace();
    none(arrows::against_the_arrows(&packages));
    none(arrows::circles(&packages));
    none(arrows::forbidden_far_away(&packages));
}

#[test]
fn a_concern_has_one_name_in_every_layer() {
    let tree = Tree::of_this_repository();
    let concerns = naming::concerns(&tree);
    assert!(concerns.len() >= 3, "{concerns:?}");
    none(naming::missing_pieces(&tree, naming::WITHOUT_ROUTE));
    none(naming::pieces_of_nothing(&tree));
}

#[test]
fn sources_keep_to_their_place_and_size() {
    let tree = Tree::of_this_repository();
    assert!(tree.rust().count() > 50, "the walk finds too little");
    none(sources::sql_outside_the_store(&tree));
    none(sources::impure_lines(&tree));
    none(sources::junk_drawers(&tree));
    none(sources::too_long(&tree, sources::LONG_ON_PURPOSE));
}
