//! Ports: configured ones, else the ones of the run before while they are free, else free ones.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;
use rand::Rng as _;

use super::process::Process;
use crate::failure::Failure;
use crate::progress::Progress;

/// Ports by name. Names are `postgres`, `valkey`, `temporal`, `temporal_ui`, `temporal_http`,
/// `api`, `workers`, `workers_2` …
pub type Ports = BTreeMap<String, u16>;

/// New ports come from here: below the range from which systems take the ports of connections,
/// so that no connection sits on one between two runs.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Chooses the ports of the named listeners.
///
/// # Errors
/// [`Failure`] when a configured port is not a port or is in use.
pub fn choose(names: &[String], before: &Ports) -> Result<Ports> {
    choose_with(names, before, |variable| std::env::var(variable).ok())
}

fn choose_with(
    names: &[String],
    before: &Ports,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Ports> {
    let mut ports = Ports::new();
    for name in names {
        let setting = format!("SBH_PORT_{}", name.to_uppercase());
        let port = match variable(&setting).filter(|value| !value.is_empty()) {
            Some(value) => configured(&setting, &value)?,
            None => {
                let kept = before.get(name).copied();
                let taken = |port: &u16| ports.values().any(|other| other == port);
                kept.filter(|port| !taken(port) && is_free(*port))
                    .map_or_else(|| free(&ports), Ok)?
            }
        };
        if let Some((other, _)) = ports.iter().find(|(_, taken)| **taken == port) {
            let what = format!("port {port} is configured for both {other} and {name}");
            return Err(Failure::new(what).hint(format!("change {setting}")).into());
        }
        ports.insert(name.clone(), port);
    }
    Ok(ports)
}

/// Says which variables do not count because the stack runs already.
pub fn say_ignored(ports: &Ports, progress: &Progress) {
    for (name, port) in ports {
        let setting = format!("SBH_PORT_{}", name.to_uppercase());
        let told = std::env::var(&setting).unwrap_or_default();
        if !told.is_empty() && told != port.to_string() {
            progress.say(format!(
                "{setting}={told} counts from the next start on: ./sbh down, then ./sbh up"
            ));
        }
    }
}

fn configured(setting: &str, value: &str) -> Result<u16> {
    let Ok(port) =
        value.parse::<u16>().map_err(drop).and_then(|p| if p == 0 { Err(()) } else { Ok(p) })
    else {
        let what = format!("{setting} is {value:?}, which is not a port");
        return Err(Failure::new(what).hint("use a number from 1 to 65535, or unset it").into());
    };
    if is_free(port) {
        return Ok(port);
    }
    let holder = holder(port).map_or_else(String::new, |process| {
        format!(" by {} (process {})", process.name().unwrap_or_default(), process.pid)
    });
    let what = format!("port {port} ({setting}) is in use{holder}");
    Err(Failure::new(what)
        .hint(format!("end that program, or set {setting} to another port"))
        .into())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn free(taken: &Ports) -> Result<u16> {
    let mut random = rand::rng();
    (0..200)
        .map(|_| random.random_range(RANGE))
        .find(|port| !taken.values().any(|other| other == port) && is_free(*port))
        .ok_or_else(|| {
            let what = format!("no free port was found between {} and {}", RANGE.start, RANGE.end);
            Failure::new(what).hint("set SBH_PORT_POSTGRES, SBH_PORT_API and so on").into()
        })
}

/// Who listens on a port, as far as this user may see.
fn holder(port: u16) -> Option<Process> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, port))?;
    let socket = format!("socket:[{inode}]");
    let numbers = fs::read_dir("/proc").ok()?.flatten();
    numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find_map(|pid| {
        let mut files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
        let holds =
            files.any(|file| fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == &*socket));
        holds.then(|| Process::now(pid))
    })
}

/// The inode of the socket that listens on a port, from the kernel's table.
fn listening_inode(table: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let local = fields.get(1)?.rsplit_once(':')?.1;
        let same = u16::from_str_radix(local, 16) == Ok(port) && fields.get(3) == Some(&LISTEN);
        fields.get(9).filter(|_| same).map(|inode| (*inode).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["postgres", "api"].map(String::from).to_vec()
    }

    #[test]
    fn ports_are_kept_while_they_are_free() {
        let first = choose_with(&names(), &Ports::new(), |_| None).unwrap();
        assert_eq!(choose_with(&names(), &first, |_| None).unwrap(), first);
        let taken = TcpListener::bind(("127.0.0.1", first["api"])).unwrap();
        let second = choose_with(&names(), &first, |_| None).unwrap();
        assert_eq!(second["postgres"], first["postgres"]);
        assert_ne!(second["api"], first["api"]);
        drop(taken);
    }

    #[test]
    fn a_configured_port_in_use_names_its_holder() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let set = |name: &str| (name == "SBH_PORT_API").then(|| port.to_string());
        let error = choose_with(&names(), &Ports::new(), set).unwrap_err().to_string();
        assert!(error.contains(&port.to_string()) && error.contains("SBH_PORT_API"), "{error}");
        if cfg!(target_os = "linux") {
            assert!(error.contains(&std::process::id().to_string()), "{error}");
        }
    }

    #[test]
    fn two_of_one_port_and_no_port_at_all_are_refused() {
        let free = free(&Ports::new()).unwrap().to_string();
        assert!(choose_with(&names(), &Ports::new(), |_| Some(free.clone())).is_err());
        assert!(choose_with(&names(), &Ports::new(), |_| Some("http".into())).is_err());
        assert!(choose_with(&names(), &Ports::new(), |_| Some("0".into())).is_err());
    }
}
