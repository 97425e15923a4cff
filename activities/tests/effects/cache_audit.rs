//! What Valkey says about proofs is believed only where it is ours, and looked at again.

use sbh_domain::{RepositoryId, Verdict};
use sbh_runtime::Keyring;

use crate::origin::{Origin, document, refuted};
use crate::valkey::ValkeyServer;
use crate::world::World;

const PROVED: &str = r#"{"verdict":"proved","counterexample":null,"duration_ms":1.0}"#;

async fn world(valkey: &ValkeyServer, share: f64) -> World {
    let configure = |config: &mut sbh_runtime::Config| {
        config.valkey.url = valkey.url();
        config.prover.audit_share = share;
    };
    World::with(configure).await
}

/// The verdict on the statement of [`refuted`] in one more document.
async fn next(world: &World, origin: &Origin, repository: RepositoryId, name: &str) -> Verdict {
    origin.write(&format!("specs/{name}.md"), refuted(name)).commit();
    world.sync(repository).await;
    world.settle(repository).await;
    world.invariants(repository, &format!("specs/{name}.md")).await[0].verdict
}

/// The key, or the value, that has a verdict in its value.
fn entry(valkey: &ValkeyServer, what: &str, verdict: &str) -> String {
    let script = format!(
        "for _, key in ipairs(redis.call('KEYS', '*')) do \
           local value = redis.call('GET', key) \
           if value:find('\"verdict\":\"{verdict}\"', 1, true) then return {what} end \
         end return ''"
    );
    valkey.command(&["EVAL", &script, "0"])
}

fn tagged(keyring: &Keyring, key: &str) -> String {
    let tag = keyring.tag("proof cache", &[key.as_bytes(), PROVED.as_bytes()]);
    format!("{tag}\n{PROVED}")
}

#[tokio::test]
async fn a_forged_verdict_is_ignored() {
    let valkey = ValkeyServer::start();
    let world = world(&valkey, 0.0).await;
    let origin = world.origin("a");
    origin.write("specs/r.md", refuted("R")).write("specs/p.md", document("P", [1])).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    world.settle(repository).await;
    let key = entry(&valkey, "key", "refuted");
    assert!(key.starts_with("sbh:proof:acme:"), "{key:?}");

    let other = Keyring::load_or_create(&world.folder().join("other.json")).unwrap();
    let forged = [
        PROVED.to_owned(),
        // A true one, of another statement.
        entry(&valkey, "value", "proved"),
        tagged(&other, &key),
    ];
    for (index, forged) in forged.iter().enumerate() {
        valkey.spoil(forged);
        let verdict = next(&world, &origin, repository, &format!("f{index}")).await;
        assert_eq!(verdict, Verdict::Refuted, "{forged}");
        assert_eq!(world.metric("sbh_cache_untrusted_total"), index as u64 + 1, "{forged}");
    }
    assert_eq!((world.metric("sbh_proofs_total"), world.metric("sbh_cache_hits_total")), (5, 0));

    // Only who has the keyring could do it.
    valkey.spoil(&tagged(&world.keyring, &key));
    assert_eq!(next(&world, &origin, repository, "own").await, Verdict::Proved);
    assert_eq!(world.metric("sbh_cache_hits_total"), 1);
    assert_eq!(world.metric("sbh_cache_audits_total"), 0);
}

#[tokio::test]
async fn an_audit_finds_a_wrong_verdict_and_mends_the_cache() {
    let valkey = ValkeyServer::start();
    let world = world(&valkey, 1.0).await;
    let origin = world.origin("a");
    origin.write("specs/r.md", refuted("R")).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    world.settle(repository).await;
    let audits = |world: &World| {
        ["same", "different"].map(|result| world.metric_of("sbh_cache_audits_total", result))
    };
    assert_eq!(next(&world, &origin, repository, "a").await, Verdict::Refuted);
    assert_eq!(audits(&world), [1, 0]);

    let key = entry(&valkey, "key", "refuted");
    valkey.spoil(&tagged(&world.keyring, &key));
    assert_eq!(next(&world, &origin, repository, "b").await, Verdict::Refuted);
    assert_eq!(audits(&world), [1, 1]);
    assert_eq!(entry(&valkey, "key", "refuted"), key, "the cached verdict is replaced");
    assert_eq!(next(&world, &origin, repository, "c").await, Verdict::Refuted);
    assert_eq!(audits(&world), [2, 1]);
    assert_eq!(world.metric("sbh_cache_hits_total"), 3);
    assert_eq!(world.metric("sbh_cache_untrusted_total"), 0);
}
