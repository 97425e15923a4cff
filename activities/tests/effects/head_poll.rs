//! `head_poll.compare_heads` finds pushes that nobody announced.

use crate::origin::document;
use crate::world::World;

#[tokio::test]
async fn a_push_without_a_webhook_is_found_once() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1])).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    world.settle(repository).await;
    assert_eq!(world.poll().await, (1, 0, 0));

    let head = origin.write("specs/a.md", document("a", [2])).commit();
    assert_eq!(world.poll().await, (1, 1, 0));
    assert_eq!(world.poll().await, (1, 0, 0), "the same head is one notice");
    let rows = world.store.inbox(&world.tenant, Some("open"), None, 10).await.unwrap();
    assert_eq!((rows.len(), rows[0].source.as_str()), (1, "poll"));
    assert_eq!(rows[0].hint["commit"], head);

    assert_eq!(world.sync(repository).await.notices, 1);
    world.settle(repository).await;
    assert_eq!(world.notices(repository).await[1].0, "closed");
    assert_eq!(world.poll().await, (1, 0, 0));
}

#[tokio::test]
async fn one_broken_repository_does_not_end_the_round() {
    let world = World::new().await;
    let (good, broken) = (world.origin("good"), world.origin("broken"));
    good.write("specs/a.md", document("a", [1])).commit();
    broken.write("specs/a.md", document("b", [1])).commit();
    let (good_id, broken_id) = (world.track_origin(&good).await, world.track_origin(&broken).await);
    let hostile = world.track("https://127.0.0.1:1/x", None, None).await;
    world.sync(good_id).await;
    world.sync(broken_id).await;
    let moved = broken.path().with_extension("moved");
    std::fs::rename(broken.path(), &moved).unwrap();

    assert_eq!(world.poll().await, (1, 0, 2));
    let noted = async |id| world.store.repository(&world.tenant, id).await.unwrap().last_error;
    assert!(noted(broken_id).await.unwrap().contains("is no git repository"));
    assert!(noted(hostile).await.unwrap().contains("not a public one"));
    assert_eq!(noted(good_id).await, None);

    std::fs::rename(&moved, broken.path()).unwrap();
    assert_eq!(world.poll().await, (2, 0, 1));
    assert_eq!(noted(broken_id).await, None, "all is well again");
}

#[tokio::test]
async fn repositories_are_not_asked_more_often_than_configured() {
    let world = World::with(|config| config.git.poll_s = 3_600).await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1])).commit();
    world.track_origin(&origin).await;
    assert_eq!(world.poll().await, (1, 1, 0));
    assert_eq!(world.poll().await, (0, 0, 0));
}

#[tokio::test]
async fn the_mirror_of_a_removed_repository_goes() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1])).commit();
    let (kept, removed) = (world.track_origin(&origin).await, world.track_origin(&origin).await);
    let mirrored = |id: sbh_domain::RepositoryId| {
        let folder = world.config.git.mirrors.join(world.tenant.as_str());
        folder.join(id.to_string()).join("HEAD").exists()
    };
    for repository in [kept, removed] {
        world.sync(repository).await;
        world.settle(repository).await;
    }
    world.store.remove_repository(&world.tenant, "ada", removed).await.unwrap();
    assert!(mirrored(kept) && mirrored(removed));
    assert_eq!(world.poll().await, (1, 0, 0));
    assert!(mirrored(kept) && !mirrored(removed));

    world.store.restore_repository(&world.tenant, "ada", removed).await.unwrap();
    origin.write("specs/b.md", document("b", [1])).commit();
    world.sync(removed).await;
    assert!(mirrored(removed), "it is fetched anew");
    assert_eq!(world.paths(removed).await, ["specs/a.md", "specs/b.md"]);
}

#[tokio::test]
async fn a_head_that_comes_back_is_found_again() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1])).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    let back = origin.write("specs/a.md", document("a", [2])).commit();
    assert_eq!(world.poll().await, (1, 1, 0));
    world.sync(repository).await;

    // A push that was announced moves the baseline on; then the branch is forced back.
    origin.write("specs/a.md", document("a", [3])).commit();
    world.sync(repository).await;
    origin.git(&["reset", "--hard", &back]);
    assert_eq!(world.poll().await, (1, 1, 0));
}
