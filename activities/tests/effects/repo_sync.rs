//! `repo_sync.sync` follows a branch through everything that can happen to it.

use sbh_domain::SyncId;
use sbh_store::repo_sync::{About, CanonicalText, DocumentChange};
use uuid::Uuid;

use crate::origin::document;
use crate::world::World;

#[tokio::test]
async fn pushes_are_followed_by_their_differences() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("A", [1])).write("specs/sub/b.smt2", "; nothing\n");
    origin.write("README.md", "# no spec\n").write("specs/code.rs", "fn main() {}\n");
    let first = origin.commit();
    let repository = world.track_origin(&origin).await;

    let outcome = world.sync(repository).await;
    assert_eq!(outcome.commit.as_deref(), Some(first.as_str()));
    assert_eq!((outcome.changed, outcome.removed, outcome.notices), (2, 0, 1));
    assert_eq!(world.paths(repository).await, ["specs/a.md", "specs/sub/b.smt2"]);
    world.settle(repository).await;
    assert_eq!(world.notices(repository).await[0].0, "closed");

    // Two commits, of which the second takes half of the first back.
    origin.write("specs/a.md", document("A", [2])).write("specs/c.md", "c\n").commit();
    let third = origin.remove("specs/c.md").commit();
    world.notice(repository, "push").await;
    let outcome = world.sync(repository).await;
    assert_eq!(outcome.commit.as_deref(), Some(third.as_str()));
    assert_eq!((outcome.changed, outcome.removed, outcome.notices), (1, 0, 1));
    assert_eq!(world.metric("sbh_repo_sync_full_listings_total"), 1, "the first, and no other");

    // White space at line ends is no change, and neither is a commit elsewhere.
    origin.write("specs/a.md", document("A", [2]).replace('\n', "  \r\n")).commit();
    world.notice(repository, "push").await;
    assert_eq!(world.sync(repository).await.changed, 0);
    origin.write("README.md", "# still no spec\n").commit();
    assert_eq!(world.sync(repository).await.changed, 0);
    // Nothing at all.
    assert_eq!(world.sync(repository).await.changed, 0);

    origin.remove("specs/sub/b.smt2").commit();
    let outcome = world.sync(repository).await;
    assert_eq!((outcome.changed, outcome.removed), (0, 1));
    assert_eq!(world.paths(repository).await, ["specs/a.md"]);
}

#[tokio::test]
async fn a_forced_push_is_compared_tree_by_tree() {
    let world = World::new().await;
    let origin = world.origin("a");
    for name in ["a", "b", "c"] {
        origin.write(&format!("specs/{name}.md"), document(name, [1]));
    }
    let base = origin.commit();
    origin.write("specs/a.md", document("a", [2])).write("specs/d.md", document("d", [1])).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    world.settle(repository).await;

    origin.git(&["reset", "--quiet", "--hard", &base]);
    origin.write("specs/b.md", document("b", [2])).commit();
    let outcome = world.sync(repository).await;
    assert_eq!((outcome.changed, outcome.removed), (2, 1), "a back, b forth, d gone");
    assert_eq!(world.paths(repository).await, ["specs/a.md", "specs/b.md", "specs/c.md"]);
    assert_eq!(world.metric("sbh_repo_sync_full_listings_total"), 1);
}

#[tokio::test]
async fn a_lost_or_broken_mirror_is_made_again() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1])).write("specs/b.md", document("b", [1])).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    world.settle(repository).await;
    let mirror = world.config.git.mirrors.join("acme").join(repository.to_string());
    let outcome_after = async |edit: u64| {
        origin.write("specs/a.md", document("a", [edit])).commit();
        origin.git(&["rm", "--quiet", "--ignore-unmatch", "specs/b.md"]);
        origin.commit();
        world.sync(repository).await
    };

    std::fs::remove_dir_all(&mirror).unwrap();
    let outcome = outcome_after(2).await;
    assert_eq!((outcome.changed, outcome.removed), (1, 1));

    // Garbage in place of every pack and object.
    for file in walk(&mirror.join("objects")) {
        let mut permissions = std::fs::metadata(&file).unwrap().permissions();
        #[expect(clippy::permissions_set_readonly_false, reason = "a file of this test")]
        permissions.set_readonly(false);
        std::fs::set_permissions(&file, permissions).unwrap();
        std::fs::write(&file, b"garbage").unwrap();
    }
    std::fs::write(mirror.join("shallow.lock"), b"").unwrap();
    origin.write("specs/a.md", document("a", [3])).commit();
    let mut outcome = world.sync_as(repository, SyncId(Uuid::new_v4())).await;
    if outcome.is_err() {
        // Git may notice only when it reads: then the mirror is gone, and a retry makes it again.
        outcome = world.sync_as(repository, SyncId(Uuid::new_v4())).await;
    }
    assert_eq!(outcome.unwrap().changed, 1);

    std::fs::write(mirror.join("HEAD"), b"garbage").unwrap();
    assert_eq!(outcome_after(4).await.changed, 1);
    assert_eq!(world.paths(repository).await, ["specs/a.md"]);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn renames_keep_the_document_except_across_the_globs() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin
        .write("specs/a.md", document("a", 1..20))
        .write("old/b.md", document("b", 1..20))
        .commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    let before = world.document(repository, "specs/a.md").await.id;
    world.settle(repository).await;

    origin.git(&["mv", "specs/a.md", "specs/renamed.md"]);
    origin.git(&["mv", "old/b.md", "specs/b.md"]);
    origin.commit();
    let outcome = world.sync(repository).await;
    assert_eq!((outcome.changed, outcome.removed), (1, 0), "only b came; a has its content still");
    assert_eq!(world.document(repository, "specs/renamed.md").await.id, before);
    world.settle(repository).await;

    origin.git(&["mv", "specs/renamed.md", "old/a.md"]);
    origin.commit();
    let outcome = world.sync(repository).await;
    assert_eq!((outcome.changed, outcome.removed), (0, 1));
    assert_eq!(world.paths(repository).await, ["specs/b.md"]);
}

#[tokio::test]
async fn what_is_no_text_is_an_error_of_its_document() {
    let world = World::with(|config| config.git.max_document_bytes = 1 << 20).await;
    let origin = world.origin("a");
    let big = document("big", [1]) + &"x".repeat(1 << 20);
    origin
        .write("specs/big.md", big)
        .write("specs/binary.md", b"a\0b")
        .write("specs/latin.md", b"caf\xe9\n")
        .write("specs/fine.md", document("fine", [1]));
    std::os::unix::fs::symlink("fine.md", origin.path().join("specs/link.md")).unwrap();
    let sub = world.origin("sub");
    sub.write("x", "x").commit();
    let sub = sub.path().display().to_string();
    origin.git(&["submodule", "--quiet", "add", "--", &sub, "specs/sub.md"]);
    origin.commit();
    let repository = world.track_origin(&origin).await;

    assert_eq!(world.sync(repository).await.changed, 4, "neither the link nor the submodule");
    assert_eq!(world.metric("sbh_repo_sync_refused_total"), 3);
    world.settle(repository).await;
    for (path, reason) in [
        ("specs/big.md", "a document may have 1048576"),
        ("specs/binary.md", "byte 1 is NUL"),
        ("specs/latin.md", "not UTF-8 at byte 3"),
    ] {
        let invariants = world.invariants(repository, path).await;
        assert_eq!(invariants.len(), 1, "{path}");
        assert_eq!(invariants[0].name, "document");
        assert_eq!(invariants[0].verdict, sbh_domain::Verdict::Error);
        assert!(invariants[0].reason.as_ref().unwrap().contains(reason), "{:?}", invariants[0]);
    }
    assert_eq!(world.invariants(repository, "specs/fine.md").await[0].verdict.as_str(), "proved");
    assert_eq!(world.notices(repository).await[0].0, "closed");

    // A link in a document's place, and a text in a binary's.
    origin.remove("specs/fine.md").write("specs/binary.md", document("now", [1]));
    std::os::unix::fs::symlink("latin.md", origin.path().join("specs/fine.md")).unwrap();
    origin.commit();
    let outcome = world.sync(repository).await;
    assert_eq!((outcome.changed, outcome.removed), (1, 1));
}

#[tokio::test]
async fn other_branches_and_tags_change_nothing() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1])).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    world.settle(repository).await;

    origin.git(&["checkout", "--quiet", "-b", "other"]);
    origin.write("specs/a.md", document("a", [2])).commit();
    origin.git(&["tag", "v1"]);
    world.notice(repository, "push-of-other").await;
    let outcome = world.sync(repository).await;
    assert_eq!((outcome.changed, outcome.notices), (0, 1));
    let closed = ("closed".to_owned(), Some("unchanged".to_owned()));
    assert_eq!(world.notices(repository).await[1], closed);
}

#[tokio::test]
async fn a_deleted_branch_is_said_and_its_notices_are_parked_in_the_end() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1])).commit();
    origin.git(&["branch", "release"]);
    let url = origin.path().display().to_string();
    let repository = world.track(&url, Some("release"), None).await;
    world.sync(repository).await;
    world.settle(repository).await;

    origin.git(&["branch", "--quiet", "-D", "release"]);
    world.notice(repository, "push").await;
    for attempt in 1..=3 {
        let (kind, is_final, message) = world.sync_fails(repository).await;
        assert_eq!((kind.as_str(), is_final), ("BranchMissing", true));
        assert!(message.contains("no branch release"), "{message}");
        assert_eq!(message.contains("parked"), attempt == 3, "{message}");
        let noted = world.store.repository(&world.tenant, repository).await.unwrap().last_error;
        assert!(noted.unwrap().contains("no branch release"));
    }
    assert_eq!(world.notices(repository).await[1].0, "parked");
    // What was recorded stands, and the branch may come back.
    assert_eq!(world.paths(repository).await, ["specs/a.md"]);
    origin.git(&["branch", "release"]);
    world.sync(repository).await;
    let repository = world.store.repository(&world.tenant, repository).await.unwrap();
    assert_eq!(repository.last_error, None);
}

#[tokio::test]
async fn what_only_a_person_can_mend_is_parked_at_once() {
    let world = World::new().await;
    let repository = world.track("https://127.0.0.1/specs.git", None, None).await;
    let (kind, is_final, message) = world.sync_fails(repository).await;
    assert_eq!((kind.as_str(), is_final), ("AddressRefused", true), "{message}");
    let notices = world.notices(repository).await;
    assert_eq!(notices[0].0, "parked");
    assert!(message.contains(notices[0].1.as_deref().unwrap()), "{message}: {notices:?}");
}

#[tokio::test]
async fn without_a_branch_the_remote_s_default_is_followed() {
    let world = World::new().await;
    let origin = world.origin("a");
    let url = origin.path().display().to_string();
    let repository = world.track(&url, None, None).await;
    let (kind, _, message) = world.sync_fails(repository).await;
    assert_eq!(kind, "BranchMissing");
    assert!(message.contains("no default branch with a commit"), "{message}");
    origin.write("specs/a.md", document("a", [1])).commit();
    assert_eq!(world.sync(repository).await.changed, 1);
    origin.git(&["checkout", "--quiet", "-b", "trunk"]);
    let head = origin.write("specs/b.md", document("b", [1])).commit();
    assert_eq!(world.sync(repository).await.commit, Some(head));
}

#[tokio::test]
async fn a_repeated_synchronisation_ends_where_the_first_did() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1])).commit();
    let repository = world.track_origin(&origin).await;
    let sync = SyncId(Uuid::new_v4());
    assert_eq!(world.sync_as(repository, sync).await.unwrap().changed, 1);
    let documents = format!("{:?}", world.documents(repository).await);
    let notices = world.notices(repository).await;
    // Its worker may have died before it could say so: what it found is still to be announced.
    assert_eq!(world.sync_as(repository, sync).await.unwrap().changed, 1);
    assert_eq!(format!("{:?}", world.documents(repository).await), documents);
    assert_eq!(world.notices(repository).await, notices);
}

/// The process dies after it staged a commit, and before the retry the branch moves on to one that
/// takes the change back: against the baseline nothing differs, but the store is ahead of it.
#[tokio::test]
async fn a_crash_between_staging_and_the_end_leaves_no_trace() {
    for same_sync in [true, false] {
        let world = World::new().await;
        let origin = world.origin("a");
        let text = document("a", [1]);
        origin.write("specs/a.md", &text).commit();
        let repository = world.track_origin(&origin).await;
        world.sync(repository).await;
        world.settle(repository).await;

        let crashed = SyncId(Uuid::new_v4());
        let staged = "# lost\n".to_owned();
        let changes = ["specs/a.md", "specs/new.md"].map(|path| DocumentChange::Present {
            path: path.to_owned(),
            renamed_from: None,
            blob: "b".repeat(40),
            about: About::default(),
            content: Ok(CanonicalText {
                hash: sbh_domain::Digest::of(&staged),
                text: staged.clone(),
            }),
        });
        world.store.stage_documents(&world.tenant, repository, crashed, &changes).await.unwrap();
        world.notice(repository, "push").await;

        let next = if same_sync { crashed } else { SyncId(Uuid::new_v4()) };
        world.sync_as(repository, next).await.unwrap();
        world.settle(repository).await;
        let document = world.document(repository, "specs/a.md").await;
        assert_eq!(document.observed, Some(sbh_domain::Digest::of(&text)));
        assert_eq!(document.recorded, document.observed);
        assert_eq!(world.paths(repository).await, ["specs/a.md"]);
        assert_eq!(world.notices(repository).await[1].0, "closed");
    }
}

#[tokio::test]
async fn synchronisations_at_once_do_not_disturb_each_other() {
    let world = World::new().await;
    let origin = world.origin("a");
    for index in 0..50 {
        origin.write(&format!("specs/{index}.md"), document(&format!("d{index}"), [index]));
    }
    let head = origin.commit();
    let repository = world.track_origin(&origin).await;
    let runs = (0..6).map(|_| world.sync_as(repository, SyncId(Uuid::new_v4())));
    let outcomes = futures::future::join_all(runs).await;
    for outcome in outcomes {
        assert_eq!(outcome.unwrap().commit.as_deref(), Some(head.as_str()));
    }
    assert_eq!(world.paths(repository).await.len(), 50);
    let repository = world.store.repository(&world.tenant, repository).await.unwrap();
    assert_eq!(repository.baseline, Some(head));
}

#[tokio::test]
async fn a_removed_repository_is_left_alone() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1])).commit();
    let repository = world.track_origin(&origin).await;
    world.store.remove_repository(&world.tenant, "ada", repository).await.unwrap();
    let outcome = world.sync(repository).await;
    assert_eq!((outcome.commit, outcome.changed), (None, 0));
}
