//! What a sandboxed program gets, as arguments of the sandbox's processes.

use std::ffi::OsString;
use std::path::PathBuf;

/// What a sandboxed program gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jail {
    /// Memory of all its processes together, in megabytes. Looked at every few hundredths of a
    /// second; until then [`Jail::address_space_mb`] holds.
    pub memory_mb: u64,
    /// What each process may map, in megabytes. Virtual machines map far more than they use.
    pub address_space_mb: u64,
    /// Processor time of each process, in seconds.
    pub cpu_s: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// The size of the private folder, and of the largest file, in megabytes.
    pub disk_mb: u64,
    /// Files and folders that it may read besides the system's programs and libraries.
    pub read: Vec<PathBuf>,
    /// Its environment, besides `PATH`, `HOME`, `TMPDIR` and `LANG`.
    pub env: Vec<(String, String)>,
    /// The files in its private folder: names, and how many bytes of the input each takes.
    pub files: Vec<(String, usize)>,
    /// As whom it runs; only root can say. `None`: as who asked.
    pub uid: Option<u32>,
    /// The program by its absolute path, and its arguments.
    pub command: Vec<String>,
}

impl Jail {
    /// How many bytes of input the files take together.
    pub fn input(&self) -> usize {
        self.files.iter().map(|(_, length)| length).sum()
    }

    /// The arguments that [`Jail::from_arguments`] reads.
    pub fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut number = |name: &str, value: u64| arguments.push(format!("{name}={value}").into());
        number("memory-mb", self.memory_mb);
        number("address-space-mb", self.address_space_mb);
        number("cpu-s", self.cpu_s);
        number("processes", self.processes);
        number("disk-mb", self.disk_mb);
        if let Some(uid) = self.uid {
            number("uid", uid.into());
        }
        for path in &self.read {
            let mut argument = OsString::from("read=");
            argument.push(path);
            arguments.push(argument);
        }
        arguments.extend(self.env.iter().map(|(name, value)| format!("env={name}={value}").into()));
        arguments
            .extend(self.files.iter().map(|(name, size)| format!("file={size}={name}").into()));
        arguments.push("--".into());
        arguments.extend(self.command.iter().map(OsString::from));
        arguments
    }

    /// Reads the arguments.
    ///
    /// # Errors
    /// Says which argument cannot be used.
    pub fn from_arguments(arguments: &[OsString]) -> Result<Self, String> {
        let mut jail = Self::default();
        let mut arguments = arguments.iter();
        for argument in arguments.by_ref() {
            let text = argument.to_str().ok_or("an argument is not UTF-8")?;
            if text == "--" {
                break;
            }
            jail.take(text).ok_or_else(|| format!("the argument {text:?} cannot be used"))?;
        }
        jail.command = arguments
            .map(|argument| argument.to_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or("an argument of the program is not UTF-8")?;
        match jail.command.first() {
            Some(program) if program.starts_with('/') => Ok(jail),
            _ => Err("name the program by its absolute path after --".to_owned()),
        }
    }

    fn take(&mut self, argument: &str) -> Option<()> {
        let (name, value) = argument.split_once('=')?;
        match name {
            "memory-mb" => self.memory_mb = value.parse().ok()?,
            "address-space-mb" => self.address_space_mb = value.parse().ok()?,
            "cpu-s" => self.cpu_s = value.parse().ok()?,
            "processes" => self.processes = value.parse().ok()?,
            "disk-mb" => self.disk_mb = value.parse().ok()?,
            "uid" => self.uid = Some(value.parse().ok()?),
            "read" if value.starts_with('/') => self.read.push(value.into()),
            "env" => {
                let (name, value) = value.split_once('=')?;
                self.env.push((name.to_owned(), value.to_owned()));
            }
            "file" => {
                let (length, name) = value.split_once('=')?;
                if name.is_empty() || name.starts_with('.') || name.contains('/') {
                    return None;
                }
                self.files.push((name.to_owned(), length.parse().ok()?));
            }
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_say_everything() {
        let jail = Jail {
            memory_mb: 1,
            address_space_mb: 2,
            cpu_s: 3,
            processes: 4,
            disk_mb: 5,
            read: vec!["/opt/a b".into()],
            env: vec![("A".into(), "b=c".into())],
            files: vec![("x=y.smt2".into(), 7)],
            uid: Some(6),
            command: vec!["/bin/p".into(), "--".into(), "read=x".into()],
        };
        assert_eq!(Jail::from_arguments(&jail.to_arguments()), Ok(jail.clone()));
        assert_eq!(jail.input(), 7);
    }

    #[test]
    fn what_leads_out_of_the_folder_is_refused() {
        for bad in ["file=1=../x", "file=1=/x", "file=1=.x", "file=1=", "read=x", "cpu-s=-1", "x"] {
            let arguments = [bad, "--", "/bin/true"].map(OsString::from);
            assert!(Jail::from_arguments(&arguments).is_err(), "{bad}");
        }
        for command in [["--", "true"], ["--", ""]] {
            assert!(Jail::from_arguments(&command.map(OsString::from)).is_err());
        }
    }
}
