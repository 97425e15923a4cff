//! Connections, their secrets and counters.

use sbh_domain::ConnectionId;
use sbh_store::StoreError;
use sbh_store::repository::NewRepository;

use crate::fixture::{credential, fleet, github, hub};

#[tokio::test]
async fn a_connection_holds_up_to_two_live_secrets_newest_first() {
    let fleet = fleet().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let id = store
        .create_connection(tenant, "ada", &hub("hub", b"s1", Some(credential(b"c", &github()))))
        .await
        .unwrap();
    let new = NewRepository {
        connection: Some(id),
        name: "hubbed".to_owned(),
        url: "https://git.example/hubbed".to_owned(),
        branch: Some("main".to_owned()),
        hosted: None,
        globs: vec!["*.md".to_owned()],
    };
    let repository = store.add_repository(tenant, "ada", &new).await.unwrap();
    let found = store.connection_for_webhook(id).await.unwrap().unwrap();
    assert_eq!((&found.tenant, found.source.as_str()), (tenant, "github"));
    assert_eq!(found.sealed_secrets, [b"s1"]);
    assert_eq!(found.repositories, [(repository.id, new.url.clone())]);

    store.rotate_connection(tenant, "ada", id, b"s2").await.unwrap();
    store.rotate_connection(tenant, "ada", id, b"s3").await.unwrap();
    let found = store.connection_for_webhook(id).await.unwrap().unwrap();
    assert_eq!(found.sealed_secrets, [b"s3", b"s2"]);
    let held = store.connection_credential(tenant, id).await.unwrap().unwrap();
    assert_eq!((held.sealed.as_slice(), held.host), (b"c".as_slice(), Some(github())));
    assert_eq!(store.connections(tenant).await.unwrap()[0].credential_host, Some(github()));

    store.remove_repository(tenant, "ada", repository.id).await.unwrap();
    assert!(store.connection_for_webhook(id).await.unwrap().unwrap().repositories.is_empty());
    let unknown = ConnectionId(uuid::Uuid::now_v7());
    assert!(store.connection_for_webhook(unknown).await.unwrap().is_none());
    let again = store.create_connection(tenant, "ada", &hub("hub", b"s", None)).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    let stranger = crate::fixture::tenant("stranger");
    let refused = store.create_connection(&stranger, "eve", &hub("hub", b"s", None)).await;
    assert!(matches!(refused, Err(StoreError::NotFound { kind: "tenant", .. })), "{refused:?}");
}

#[tokio::test]
async fn deliveries_add_up() {
    let fleet = fleet().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let id = store.create_connection(tenant, "ada", &hub("hub", b"s1", None)).await.unwrap();
    store.count_deliveries(tenant, id, 0, 2, Some("bad signature")).await.unwrap();
    let row = &store.connections(tenant).await.unwrap()[0];
    assert!(row.last_delivery_at.is_none() && !row.has_credential);
    store.count_deliveries(tenant, id, 5, 1, None).await.unwrap();
    let row = &store.connections(tenant).await.unwrap()[0];
    assert_eq!((row.deliveries, row.refused, row.live_secrets), (5, 3, 1));
    assert_eq!(row.last_error.as_deref(), Some("bad signature"));
    assert!(row.last_delivery_at.is_some());
}
