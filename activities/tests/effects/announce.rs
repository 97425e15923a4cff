//! `repo_sync.announce` tells every document of each content that drifted, and hardly any twice.

use std::collections::HashSet;

use crate::origin::document;
use crate::world::World;

#[tokio::test]
async fn every_document_is_told_although_temporal_goes_away_in_between() {
    let world = World::new().await;
    let origin = world.origin("a");
    // More than a page.
    for index in 0..300 {
        origin.write(&format!("specs/{index}.md"), document(&format!("d{index}"), [index]));
    }
    origin.commit();
    let repository = world.track_origin(&origin).await;
    assert_eq!(world.announce(repository).await.unwrap(), 0);
    assert_eq!(world.sync(repository).await.changed, 300);

    *world.signals.until.lock().unwrap() = Some(100);
    let (kind, is_final, message) = world.announce(repository).await.unwrap_err();
    assert_eq!((kind.as_str(), is_final), ("SignalFailed", false));
    assert!(message.contains("Temporal is away"), "{message}");
    *world.signals.until.lock().unwrap() = None;

    // At most those whose signals were in flight are told twice.
    let rest = world.announce(repository).await.unwrap();
    assert!((200..=216).contains(&rest), "{rest}");
    let documents: HashSet<_> =
        world.documents(repository).await.into_iter().map(|document| document.id).collect();
    let told: HashSet<_> = world.signals.told.lock().unwrap().iter().copied().collect();
    assert_eq!(told, documents);

    // What was told is not told again, recorded or not; another content is.
    assert_eq!(world.announce(repository).await.unwrap(), 0);
    origin.write("specs/7.md", document("d7", [1_007]));
    origin.commit();
    assert_eq!(world.sync(repository).await.changed, 1);
    assert_eq!(world.announce(repository).await.unwrap(), 1);
}
