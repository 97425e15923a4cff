//! The file system that a sandboxed program sees: the system's programs and libraries and what it
//! may read, all read-only, and one folder in memory that it may write to.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, mount_remount, unmount,
};
use rustix::process::pivot_root;

use super::{FOLDER, Jail};

/// What every program may read. Whatever is not there is left out. Of `/etc` there is only what
/// finds libraries and names the system: no account, no key, no configuration.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/os-release",
    "/etc/localtime",
    "/etc/java-17-openjdk",
    "/etc/java-21-openjdk",
];

const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom"];

/// Builds the tree and makes it the root. Needs a mount namespace of its own.
pub(super) fn build(jail: &Jail) -> Result<(), String> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(said("/ cannot be made private"))?;
    // The new root covers /tmp until it is one; then the old root's /tmp is visible again.
    in_memory("/tmp", 4, "0755")?;
    fs::create_dir("/tmp/old").map_err(|error| format!("a folder in memory: {error}"))?;
    pivot_root("/tmp", "/tmp/old").map_err(said("the root cannot be changed"))?;
    std::env::set_current_dir("/").map_err(|error| format!("/: {error}"))?;

    let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    read.retain(|path| old(path).symlink_metadata().is_ok());
    // Folders before what is in them.
    let mut more = jail.read.clone();
    more.sort_by_key(|path| path.components().count());
    read.extend(more);
    for path in &read {
        show(path).map_err(|error| format!("{} cannot be shown: {error}", path.display()))?;
    }
    devices().map_err(|error| format!("/dev cannot be set up: {error}"))?;
    for folder in ["/proc", FOLDER] {
        fs::create_dir(folder).map_err(|error| format!("{folder}: {error}"))?;
    }
    mount(
        "proc",
        "/proc",
        "proc",
        MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC,
        None,
    )
    .map_err(said("/proc cannot be mounted"))?;
    in_memory(FOLDER, jail.disk_mb, "0777")?;
    for link in ["/tmp", "/dev/shm"] {
        // There is a /tmp already where something in it may be read.
        if !Path::new(link).exists() {
            symlink(FOLDER, link).map_err(|error| format!("{link}: {error}"))?;
        }
    }
    unmount("/old", UnmountFlags::DETACH).map_err(said("the old root cannot be left"))?;
    fs::remove_dir("/old").map_err(|error| format!("the old root is still there: {error}"))?;
    let fixed = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    mount_remount("/", fixed, "").map_err(said("the root cannot be made read-only"))
}

fn said(what: &'static str) -> impl Fn(rustix::io::Errno) -> String {
    move |error| format!("{what}: {error}")
}

/// A file system in memory.
fn in_memory(folder: &str, megabytes: u64, mode: &str) -> Result<(), String> {
    let options = CString::new(format!("size={megabytes}m,nr_inodes=65536,mode={mode}"))
        .map_err(|error| error.to_string())?;
    mount("tmpfs", folder, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())
        .map_err(said("a folder in memory cannot be made"))
}

/// Where a path of the old root is now.
fn old(path: &Path) -> PathBuf {
    Path::new("/old").join(path.strip_prefix("/").unwrap_or(path))
}

/// Shows a file, folder or link of the old root at the same place, read-only.
fn show(path: &Path) -> io::Result<()> {
    let source = old(path);
    let about = source.symlink_metadata()?;
    if path.symlink_metadata().is_ok() {
        // Below something that is shown already.
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if about.is_symlink() {
        return symlink(fs::read_link(&source)?, path);
    }
    if about.is_dir() {
        fs::create_dir(path)?;
        mount_bind_recursive(&source, path)?;
    } else {
        File::create(path)?;
        mount_bind(&source, path)?;
    }
    for mounted in mounted_below(path)? {
        let kept = statvfs(&mounted)?.f_flag;
        let mut flags =
            MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
        if kept.contains(StatVfsMountFlags::NOEXEC) {
            flags |= MountFlags::NOEXEC;
        }
        mount_remount(&mounted, flags, "")?;
    }
    Ok(())
}

/// The mount points at and below a path.
fn mounted_below(path: &Path) -> io::Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/old/proc/self/mountinfo")?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape);
    Ok(points.map(PathBuf::from).filter(|point| point.starts_with(path)).collect())
}

/// `\040` and the like in the table of mounts.
fn unescape(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                text.push(char::from(code));
                text.push_str(&part[3..]);
            }
            None => {
                text.push('\\');
                text.push_str(part);
            }
        }
    }
    text
}

fn devices() -> io::Result<()> {
    fs::create_dir("/dev")?;
    fs::set_permissions("/dev", fs::Permissions::from_mode(0o755))?;
    for device in DEVICES {
        let path = Path::new("/dev").join(device);
        File::create(&path)?;
        mount_bind(old(&path), &path)?;
    }
    for (link, target) in
        [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1")]
    {
        symlink(target, Path::new("/dev").join(link))?;
    }
    symlink("/proc/self/fd/2", "/dev/stderr")
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn the_table_s_escapes_are_read() {
        assert_eq!(unescape("/a\\040b\\134c"), "/a b\\c");
        assert_eq!(unescape("/plain"), "/plain");
        assert_eq!(unescape("/odd\\9"), "/odd\\9");
    }
}
