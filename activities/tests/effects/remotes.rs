//! Hostile and awkward remotes: addresses, credentials, redirects, limits.

use std::os::unix::fs::symlink;
use std::path::Path;

use sbh_activities::FailureKind;
use sbh_activities::git::{Credential, Git, credential};
use sbh_domain::RepositoryId;
use sbh_runtime::config::GitConfig;
use sbh_store::connection::{NewConnection, SealedCredential};
use uuid::Uuid;

use crate::https::{HttpsServer, certificate};
use crate::origin::{Origin, document};
use crate::valkey::free_address;
use crate::world::World;

fn git(folder: &Path, configure: impl FnOnce(&mut GitConfig)) -> Git {
    let mut config = GitConfig {
        mirrors: folder.join("mirrors"),
        file_roots: vec![folder.join("allowed")],
        allow_addresses: vec!["127.0.0.0/8".into(), "::1".into()],
        ..GitConfig::default()
    };
    configure(&mut config);
    Git::new(&config).unwrap().with_certificates(certificate())
}

fn origin(path: &Path) -> Origin {
    let origin = Origin::create(path.to_owned());
    origin.write("specs/a.md", document("a", [1])).commit();
    origin
}

/// The command lines of all processes that can be seen.
fn command_lines() -> String {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ") + "\n").collect()
}

#[tokio::test]
async fn addresses_of_this_network_are_refused_however_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let git = git(folder.path(), |config| config.allow_addresses.clear());
    for url in [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://LOCALHOST:8443/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://0x7f.1/x",
        "https://2130706433/x",
        "https://0/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "ssh://git@192.168.0.1/x",
        "git@10.1.2.3:x",
        "git@localhost:x",
    ] {
        let failure = git.remote(url, None).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Address, "{url}: {failure}");
    }
}

#[tokio::test]
async fn only_repositories_below_an_allowed_folder_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let git = git(&root, |_| {});
    let good = origin(&root.join("allowed/good"));
    let outside = origin(&root.join("outside"));
    symlink(outside.path(), root.join("allowed/link")).unwrap();
    std::fs::create_dir_all(root.join("allowed/inner")).unwrap();
    symlink(outside.path().join(".git"), root.join("allowed/inner/.git")).unwrap();
    std::fs::create_dir_all(root.join("allowed/bare")).unwrap();
    for name in ["HEAD", "refs", "objects"] {
        symlink(outside.path().join(".git").join(name), root.join("allowed/bare").join(name))
            .unwrap();
    }
    let tree = root.join("allowed/tree").display().to_string();
    outside.git(&["worktree", "add", "--quiet", &tree, "-b", "tree"]);
    let shared = root.join("allowed/shared").display().to_string();
    outside.git(&["clone", "--quiet", "--shared", "--", ".", &shared]);

    let remote = git.remote(&format!("file://{}", good.path().display()), None).await.unwrap();
    assert_eq!(git.head(&remote, Some("main")).await.unwrap().len(), 40);
    for (path, kind) in [
        ("outside", FailureKind::Address),
        ("allowed/../outside", FailureKind::Address),
        ("allowed/link", FailureKind::Address),
        ("allowed/inner", FailureKind::Address),
        ("allowed/bare", FailureKind::Address),
        ("allowed/shared", FailureKind::Address),
        ("allowed/tree", FailureKind::RepositoryMissing),
        ("allowed/absent", FailureKind::RepositoryMissing),
    ] {
        let url = root.join(path).display().to_string();
        let failure = git.remote(&url, None).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{path}: {failure}");
    }
    let nothing = self::git(&root, |config| config.file_roots.clear());
    let failure = nothing.remote(&good.path().display().to_string(), None).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Address);
}

#[tokio::test]
async fn a_repository_of_another_user_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let git = git(&root, |_| {});
    let origin = origin(&root.join("allowed/theirs"));
    // Only root can give files away; for others their own repository must do.
    let owner =
        std::process::Command::new("chown").arg("-R").arg("1234").arg(origin.path()).output();
    drop(owner);
    let remote = git.remote(&origin.path().display().to_string(), None).await.unwrap();
    let mirror = git.mirror(&"acme".parse().unwrap(), RepositoryId(Uuid::new_v4())).await.unwrap();
    assert_eq!(mirror.fetch(&remote, None).await.unwrap().len(), 40);
}

#[tokio::test]
async fn https_with_a_credential_that_nobody_sees() {
    let world = World::new().await;
    let root = world.folder().canonicalize().unwrap();
    let git = git(&root, |_| {});
    let server = HttpsServer::serve(&origin(&root.join("o")), &root);
    let tenant = "acme".parse().unwrap();
    let mirror = git.mirror(&tenant, RepositoryId(Uuid::new_v4())).await.unwrap();

    // The credential comes out of its seal as the activities take it.
    let sealed = world.keyring.seal(credential::PURPOSE, b"ada:s3cret");
    let plain = world.keyring.open(credential::PURPOSE, &sealed).unwrap();
    let ada = Credential::parse(&plain).unwrap();
    let remote = git.remote(&server.url("secret"), Some(ada.clone())).await.unwrap();
    let commit = mirror.fetch(&remote, Some("main")).await.unwrap();
    assert_eq!(git.head(&remote, None).await.unwrap(), commit);
    assert_eq!(mirror.entries(&commit).await.unwrap()[0].path, b"specs/a.md");

    let wrong = Credential::parse(b"ada:wr0ng").unwrap();
    for (credential, secret) in [(Some(wrong), "wr0ng"), (None, "s3cret")] {
        let remote = git.remote(&server.url("secret"), credential).await.unwrap();
        for failure in [
            git.head(&remote, None).await.unwrap_err(),
            mirror.fetch(&remote, None).await.unwrap_err(),
        ] {
            assert_eq!(failure.kind, FailureKind::Authentication, "{failure}");
            assert!(!failure.message.contains(secret), "{failure}");
            assert!(failure.kind.is_final());
        }
    }
    let key = Credential::parse(b"-----BEGIN OPENSSH PRIVATE KEY-----\nx\n").unwrap();
    let failure = git.remote(&server.url("open"), Some(key)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Credential);

    // While git waits for an answer, its command lines are looked at.
    let settings = std::fs::read_to_string(mirror.path().join("config")).unwrap();
    assert!(!settings.contains("s3cret") && !settings.contains("Authorization"));
    let slow = git.remote(&server.url("slow"), Some(ada)).await.unwrap();
    server.requests();
    let waiting = git.head(&slow, None);
    let look = tokio::task::spawn_blocking(move || {
        assert!(server.request().starts_with("/slow/"));
        let lines = command_lines();
        (server, lines)
    });
    let lines = tokio::select! {
        result = waiting => panic!("{result:?}"),
        look = look => look.unwrap().1,
    };
    assert!(lines.contains("/slow/repo.git"), "the call was seen");
    for secret in ["s3cret", "YWRhOnMzY3JldA"] {
        assert!(!lines.contains(secret), "a command line holds the credential");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let git = git(&root, |_| {});
    let server = HttpsServer::serve(&origin(&root.join("o")), &root);
    let open = git.remote(&server.url("open"), None).await.unwrap();
    git.head(&open, None).await.unwrap();
    server.requests();
    let moved = git.remote(&server.url("moved"), None).await.unwrap();
    let failure = git.head(&moved, None).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Address, "{failure}");
    assert!(server.requests().iter().all(|request| request.starts_with("/moved/")));
}

#[tokio::test]
async fn a_remote_that_does_not_answer_is_given_up_with_all_its_processes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let git = git(&root, |config| config.fetch_timeout_s = 1);
    let server = HttpsServer::serve(&origin(&root.join("o")), &root);
    let remote = git.remote(&server.url("slow"), None).await.unwrap();
    let mirror = git.mirror(&"acme".parse().unwrap(), RepositoryId(Uuid::new_v4())).await.unwrap();
    let failure = mirror.fetch(&remote, None).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut, "{failure}");
    assert!(!failure.kind.is_final());
    let url = server.url("slow");
    while command_lines().contains(&url) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_mirror_has_a_quota() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let git = git(&root, |config| config.mirror_quota_mb = 1);
    let origin = origin(&root.join("allowed/o"));
    // Bytes that do not compress.
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..3 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    let mirror = git.mirror(&"acme".parse().unwrap(), RepositoryId(Uuid::new_v4())).await.unwrap();
    let remote = git.remote(&origin.path().display().to_string(), None).await.unwrap();
    mirror.fetch(&remote, None).await.unwrap();
    origin.write("noise", noise).commit();
    let failure = mirror.fetch(&remote, None).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Quota, "{failure}");
    assert!(!mirror.path().exists(), "what is too large does not stay");
}

#[tokio::test]
async fn nobody_there_is_not_final() {
    let folder = tempfile::tempdir().unwrap();
    let git = git(folder.path(), |_| {});
    let address = free_address();
    let key = Credential::parse(b"-----BEGIN OPENSSH PRIVATE KEY-----\nx\n").unwrap();
    for (url, credential) in [
        (format!("https://{address}/x"), None),
        (format!("ssh://git@{address}/x"), None),
        (format!("ssh://git@{address}/x"), Some(key)),
    ] {
        let remote = git.remote(&url, credential).await.unwrap();
        let failure = git.head(&remote, None).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable, "{url}: {failure}");
    }
}

#[tokio::test]
async fn a_hostile_repository_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let git = git(&root, |_| {});
    let origin = origin(&root.join("allowed/o"));
    let trap = root.join("trapped");
    let script = format!("#!/bin/sh\ntouch '{}'\n", trap.display());
    for hook in
        ["post-checkout", "reference-transaction", "post-rewrite", "pre-auto-gc", "upload-pack"]
    {
        let path = origin.path().join(".git/hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &script).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, executable).unwrap();
    }
    let hook = origin.path().join(".git/hooks/upload-pack").display().to_string();
    origin.git(&["config", "uploadpack.packObjectsHook", &hook]);
    origin.git(&["config", "core.fsmonitor", &hook]);
    origin.git(&["config", "core.sshCommand", &hook]);
    let remote = git.remote(&origin.path().display().to_string(), None).await.unwrap();
    let mirror = git.mirror(&"acme".parse().unwrap(), RepositoryId(Uuid::new_v4())).await.unwrap();
    mirror.fetch(&remote, None).await.unwrap();
    origin.write("specs/a.md", "changed\n").commit();
    // The commit above may have set the trap off: it is the owner's own.
    let _ = std::fs::remove_file(&trap);
    mirror.fetch(&remote, None).await.unwrap();
    assert!(!trap.exists(), "a hook of the remote ran");
}

#[tokio::test]
async fn a_credential_is_not_opened_for_another_host() {
    let world = World::new().await;
    let sealed = world.keyring.seal(credential::PURPOSE, b"ada:s3cret");
    let host = "github.com".parse().unwrap();
    let stored = SealedCredential { sealed: &sealed, host: Some(&host) };
    let connection = world
        .store
        .create_connection(
            &world.tenant,
            "ada",
            &NewConnection {
                source: "github",
                name: "hub",
                settings: &serde_json::json!({}),
                sealed_secret: b"s",
                credential: Some(stored),
            },
        )
        .await
        .unwrap();
    // Somebody listens where the repository points.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://{}/acme/shop", listener.local_addr().unwrap());
    let repository = world.track(&url, None, Some(connection)).await;
    let (kind, is_final, message) = world.sync_fails(repository).await;
    assert_eq!((kind.as_str(), is_final), ("CredentialUnusable", true), "{message}");
    assert!(message.contains("github.com") && !message.contains("s3cret"), "{message}");
    assert!(listener.accept().is_err(), "nobody came");
}
