//! The project's own programs as parts of the stack: their configuration in variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::plan::{Launch, Plan};
use super::secrets::Secrets;
use super::temporal::NAMESPACE;
use crate::home::{Home, private_folder, write_private};

/// The sections of the programs' configuration: variables of other names are the launcher's own.
const SECTIONS: [&str; 15] = [
    "DATABASE",
    "TEMPORAL",
    "VALKEY",
    "STARTER",
    "AUTH",
    "KEYRING",
    "WORKERS",
    "GIT",
    "OUTBOUND",
    "SOURCES",
    "NOTIFY",
    "DRIFT",
    "DEBOUNCE",
    "PROVER",
    "TELEMETRY",
];

/// Whether a variable of the user's is handed on to the programs. What the stack decides itself
/// is set after that.
pub(super) fn is_handed_on(variable: &str) -> bool {
    let Some(rest) = variable.strip_prefix("SBH_") else { return true };
    rest == "CONFIG"
        || (rest != "TEMPORAL_TEST_SERVER"
            && SECTIONS.iter().any(|section| {
                rest.strip_prefix(section).is_some_and(|field| field.starts_with('_'))
            }))
}

pub(super) fn starter(plan: &Plan, home: &Home, secrets: &Secrets) -> Launch {
    let mut launch =
        Launch::new([plan.programs.join("sbh-starter").into_os_string(), "serve".into()]);
    launch.variables = variables(plan, home, secrets);
    launch
}

pub(super) fn workers(plan: &Plan, home: &Home, secrets: &Secrets, index: usize) -> Launch {
    let mut launch = Launch::new([plan.programs.join("sbh-workers")]);
    launch.variables = variables(plan, home, secrets);
    let port = plan.port(&super::part::Part::Workers(index).name().replace('-', "_"));
    launch.variables.insert("SBH_WORKERS_LISTEN".into(), format!("127.0.0.1:{port}").into());
    launch
}

/// A run of the starter's program that does one thing and ends, such as `migrate`.
pub fn starter_command(plan: &Plan, home: &Home, secrets: &Secrets, arguments: &[&str]) -> Launch {
    let program = plan.programs.join("sbh-starter").into_os_string();
    let mut launch = Launch::new([program].into_iter().chain(arguments.iter().map(OsString::from)));
    launch.variables = variables(plan, home, secrets);
    // For `migrate` alone; the other runs do not look at them.
    let admin = plan.database_url("postgres", &secrets.passwords.admin);
    for (name, value) in [
        ("SBH_ADMIN_URL", &admin),
        ("SBH_APP_PASSWORD", &secrets.passwords.app),
        ("SBH_DISPATCH_PASSWORD", &secrets.passwords.dispatch),
    ] {
        launch.variables.insert(name.into(), value.into());
    }
    launch
}

/// The address under which sources of webhooks reach the API: a tunnel's, when one is told.
fn public_url(plan: &Plan) -> String {
    let told = std::env::var("SBH_STARTER_PUBLIC_URL").unwrap_or_default();
    if told.is_empty() { plan.api_url() } else { told }
}

/// The configuration that the stack decides.
fn variables(plan: &Plan, home: &Home, secrets: &Secrets) -> BTreeMap<String, OsString> {
    let passwords = &secrets.passwords;
    let local = |port: &str| format!("127.0.0.1:{}", plan.port(port));
    let keys = home.keys();
    let mut variables: BTreeMap<String, OsString> = [
        ("DATABASE_APP_URL", plan.database_url("sbh_app", &passwords.app)),
        ("DATABASE_DISPATCH_URL", plan.database_url("sbh_dispatch", &passwords.dispatch)),
        ("TEMPORAL_ADDRESS", format!("http://{}", local("temporal"))),
        ("TEMPORAL_NAMESPACE", NAMESPACE.into()),
        ("TEMPORAL_UI_URL", plan.temporal_ui_url()),
        ("VALKEY_URL", format!("redis://{}", local("valkey"))),
        ("STARTER_LISTEN", local("api")),
        ("STARTER_PUBLIC_URL", public_url(plan)),
    ]
    .into_iter()
    .map(|(name, value)| (format!("SBH_{name}"), value.into()))
    .collect();
    for (name, path) in [
        ("AUTH_HS256_KEYS_FILE", keys.join("jwt.json")),
        ("AUTH_CODEC_TOKEN_FILE", keys.join("codec-token")),
        ("KEYRING_FILE", keys.join("keyring.json")),
        ("GIT_MIRRORS", home.mirrors()),
        ("PROVER_Z3", plan.z3.clone()),
    ] {
        variables.insert(format!("SBH_{name}"), path.into());
    }
    let roots =
        file_roots(home).iter().map(|root| root.to_string_lossy()).collect::<Vec<_>>().join(",");
    variables.insert("SBH_GIT_FILE_ROOTS".into(), roots.into());
    variables
}

/// The folders below which repositories may be added by their path: the demo's, what
/// `SBH_GIT_FILE_ROOTS` says, and what the user of this machine added.
pub fn file_roots(home: &Home) -> Vec<PathBuf> {
    let told = std::env::var("SBH_GIT_FILE_ROOTS").unwrap_or_default();
    let told = told.split(',').map(str::trim).filter(|root| !root.is_empty()).map(PathBuf::from);
    let added = fs::read_to_string(roots_file(home)).unwrap_or_default();
    let added = added.lines().filter(|line| !line.is_empty()).map(PathBuf::from);
    let mut roots: Vec<PathBuf> = [home.demo()].into_iter().chain(told).chain(added).collect();
    roots.dedup();
    roots
}

/// Adds such a folder. The programs know it when they are started the next time. `false` when it
/// was allowed already.
pub fn allow_file_root(home: &Home, root: &Path) -> Result<bool> {
    if file_roots(home).iter().any(|allowed| root.starts_with(allowed)) {
        return Ok(false);
    }
    if root.to_string_lossy().contains([',', '\n']) {
        anyhow::bail!(
            "{} cannot be allowed: its name holds a comma or a line break",
            root.display()
        );
    }
    let file = roots_file(home);
    private_folder(home.root())?;
    let mut roots = fs::read_to_string(&file).unwrap_or_default();
    roots += &format!("{}\n", root.display());
    write_private(&file, roots.as_bytes()).context("cannot note the folder")?;
    Ok(true)
}

fn roots_file(home: &Home) -> PathBuf {
    home.root().join("file-roots")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_programs_configuration_is_handed_on() {
        for yes in ["PATH", "SBH_CONFIG", "SBH_DEBOUNCE_QUIET_MS", "SBH_TEMPORAL_NAMESPACE"] {
            assert!(is_handed_on(yes), "{yes}");
        }
        for no in
            ["SBH_HOME", "SBH_TEMPORAL", "SBH_TEMPORAL_TEST_SERVER", "SBH_PORT_API", "SBH_TOKEN"]
        {
            assert!(!is_handed_on(no), "{no}");
        }
    }

    #[test]
    fn a_folder_is_allowed_once_with_all_below() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert!(allow_file_root(&home, Path::new("/srv/specs")).unwrap());
        assert!(!allow_file_root(&home, Path::new("/srv/specs/a")).unwrap());
        assert!(!allow_file_root(&home, &home.demo().join("x")).unwrap());
        assert!(allow_file_root(&home, Path::new("/srv/specs-2")).unwrap());
        assert!(allow_file_root(&home, Path::new("/a,b")).is_err());
    }
}
