//! A real PostgreSQL for tests (feature `testing`): one server per test program, started with the
//! first test that asks, and one database per test, copied from a template.
//!
//! The server is found like the other native tools: below `SBH_TOOLS`, else below `.sbh/tools` of
//! the workspace. It ends with the test program, however that ends: a shell in between waits for
//! the end of its input, which the test program's death closes.

// This is test code, although other crates' tests need it as a library.
#![allow(clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, PgConnection};
use tokio::sync::OnceCell;

use crate::migrate::{RolePasswords, migrate};
use crate::{Store, StoreOptions};

/// Arguments: the folder of PostgreSQL's programs, and a port.
const SERVE: &str = r#"
set -e
if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses to run as root; in a user namespace it sees an ordinary user.
    exec unshare --user --map-user=1000 --map-group=1000 sh -c "$SERVE" sh "$@"
fi
work=$(mktemp -d)
stop() { "$1/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$work"; }
"$1/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$work/log" 2>&1 &&
"$1/pg_ctl" -D "$work/data" -l "$work/log" -w -o "-p $2 -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories='' -c fsync=off -c max_connections=300" start >/dev/null || {
    tail -n 3 "$work/log" | tr '\n' ' '
    echo
    stop "$1"
    exit 1
}
echo ready
cat >/dev/null
stop "$1"
"#;

/// A running server, for as long as the test program runs.
struct Server {
    port: u16,
    // Its input is what keeps the server alive.
    _shell: Child,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();
static TEMPLATE: OnceCell<()> = OnceCell::const_new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A database of one test, with all migrations applied.
#[derive(Clone, Debug)]
pub struct TestDatabase {
    /// As a superuser, for looking behind the store and for breaking things.
    pub admin_url: String,
    /// As `sbh_app`.
    pub app_url: String,
    /// As `sbh_dispatch`.
    pub dispatch_url: String,
}

impl TestDatabase {
    /// A store with up to 12 connections, with pools of its own at each call.
    pub async fn store(&self) -> Store {
        Store::connect(&StoreOptions {
            app_url: self.app_url.clone(),
            dispatch_url: self.dispatch_url.clone(),
            max_connections: 12,
        })
        .await
        .expect("the test's database can be used")
    }

    /// A connection as a superuser, which row-level security does not bind.
    pub async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.admin_url).await.expect("the test's database answers")
    }
}

/// A database of the test's own, with all migrations applied.
pub async fn database() -> TestDatabase {
    let port = port().await;
    TEMPLATE
        .get_or_init(|| async {
            migrate(&url("postgres", port, "sbh_template"), &passwords())
                .await
                .expect("the migrations can be applied");
        })
        .await;
    let name = unique();
    let mut admin = PgConnection::connect(&url("postgres", port, "postgres"))
        .await
        .expect("the test's server answers");
    sqlx::raw_sql(&format!("CREATE DATABASE {name} TEMPLATE sbh_template OWNER sbh_owner"))
        .execute(&mut admin)
        .await
        .expect("a database can be copied");
    at(port, &name)
}

/// The addresses of a database that does not exist yet, on the same server.
pub async fn absent_database() -> TestDatabase {
    at(port().await, &unique())
}

/// The passwords of the two roles in the test's server.
pub fn passwords() -> RolePasswords {
    RolePasswords { app: "app".to_owned(), dispatch: "dispatch".to_owned() }
}

fn at(port: u16, name: &str) -> TestDatabase {
    TestDatabase {
        admin_url: url("postgres", port, name),
        app_url: url("sbh_app:app", port, name),
        dispatch_url: url("sbh_dispatch:dispatch", port, name),
    }
}

fn url(role: &str, port: u16, database: &str) -> String {
    format!("postgres://{role}@127.0.0.1:{port}/{database}")
}

fn unique() -> String {
    format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

async fn port() -> u16 {
    SERVER.get_or_init(|| async { start() }).await.port
}

// A shell that serves is not waited for: it outlives the test program by a moment, to tidy up.
#[allow(clippy::zombie_processes)]
fn start() -> Server {
    let programs = programs();
    let mut complaint = String::new();
    // A free port may be taken by someone else before the server takes it.
    for _ in 0..5 {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .expect("a port of the loopback interface is free")
            .port();
        let mut shell = Command::new("sh")
            .args(["-c", SERVE, "sh"])
            .arg(&programs)
            .arg(port.to_string())
            .env("SERVE", SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A Ctrl-C at the tests must not reach the shell, which is to tidy up after them.
            .process_group(0)
            .spawn()
            .expect("a shell can be started");
        complaint.clear();
        let output = shell.stdout.take().expect("the output is piped");
        BufReader::new(output).read_line(&mut complaint).expect("the shell can be read");
        if complaint.trim() == "ready" {
            return Server { port, _shell: shell };
        }
        shell.wait().expect("the shell ends by itself");
    }
    panic!("PostgreSQL does not start: {complaint}");
}

/// The folder of PostgreSQL's programs.
fn programs() -> PathBuf {
    let tools = std::env::var_os("SBH_TOOLS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.sbh/tools")),
        PathBuf::from,
    );
    let entries = |folder: PathBuf| {
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
    };
    entries(tools.join("lib"))
        .flat_map(|python| entries(python.join("site-packages")))
        .map(|package| package.join("pginstall/bin"))
        .find(|programs| programs.join("initdb").exists())
        .unwrap_or_else(|| {
            panic!("no PostgreSQL below {}: run ./sbh up once, or set SBH_TOOLS", tools.display())
        })
}
