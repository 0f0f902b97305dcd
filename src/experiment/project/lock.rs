//! One program writes a project at a time; others read.
//!
//! The operating system's lock on `lock` ends with the process that holds it, however that ends, so it is never
//! stale. `lock.json` says who holds it. Where a network file system knows no locks, or keeps them to one machine,
//! `lock.json` alone decides: its holder renews it while it lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::store::replace;
use crate::regular_file;

/// Held by the operating system.
pub const LOCK: &str = "lock";
/// Who holds it.
pub const OWNER: &str = "lock.json";

/// Longest `lock.json`.
const MAX_OWNER: u64 = 1 << 16;

/// How often a holder renews its name.
pub const RENEW: Duration = Duration::from_secs(20);
/// A holder on another machine that did not renew for so long is gone.
const GONE: Duration = Duration::from_secs(90);

/// Who has a project open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    pid: u32,
    host: String,
    /// Seconds since 1970.
    since: u64,
}

impl Owner {
    fn this() -> Self {
        Self {
            pid: std::process::id(),
            host: System::host_name().unwrap_or_default(),
            since: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        }
    }

    fn read(folder: &Path) -> Option<Self> {
        let mut text = Vec::new();
        let file = regular_file::open(&folder.join(OWNER)).ok()?;
        file.take(MAX_OWNER).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn write(&self, folder: &Path) -> std::io::Result<()> {
        replace(folder, OWNER, &serde_json::to_vec(self)?)
    }

    fn is_here(&self) -> bool {
        self.host == System::host_name().unwrap_or_default()
    }

    fn is_running(&self) -> bool {
        let pid = Pid::from_u32(self.pid);
        let mut system = System::new();
        let which = ProcessesToUpdate::Some(&[pid]);
        system.refresh_processes_specifics(which, true, ProcessRefreshKind::nothing());
        // A later process can have got the number; ours was there when it wrote its name.
        system.process(pid).is_some_and(|p| p.start_time() <= self.since.saturating_add(1))
    }

    fn describe(&self) -> String {
        if self.is_here() {
            format!("process {} on this computer", self.pid)
        } else {
            format!("process {} on {}", self.pid, self.host)
        }
    }
}

/// The right to write a project, as long as it lives.
#[derive(Debug)]
pub struct Lock {
    /// Keeps the operating system's lock.
    file: File,
    folder: PathBuf,
    owner: Owner,
}

/// A lock, and who left it behind without closing the project, if somebody did.
#[derive(Debug)]
pub struct Taken {
    /// The lock.
    pub lock: Lock,
    /// Who was gone without a goodbye, a whole sentence.
    pub left_open: Option<String>,
}

impl Lock {
    /// Takes the lock of a project folder, or says in a whole sentence why it cannot be had.
    pub fn take(folder: &Path) -> Result<Taken, String> {
        let lock = folder.join(LOCK);
        // A pipe of this name would be waited for.
        if lock.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(format!("{} is no file.", lock.display()));
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(lock)
            .map_err(|e| format!("The folder cannot be written ({e})."))?;
        let owner = Owner::read(folder);
        let in_use = |owner: Option<&Owner>| {
            let who = owner.map_or_else(|| "another program".to_owned(), Owner::describe);
            format!("It is open in {who}.")
        };
        let system_locks = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => return Err(in_use(owner.as_ref())),
            Err(TryLockError::Error(_)) => false,
        };
        if let Some(owner) = &owner {
            let alive = if owner.is_here() {
                !system_locks && owner.is_running()
            } else {
                since_renewed(folder).is_none_or(|age| age < GONE)
            };
            if alive {
                return Err(in_use(Some(owner)));
            }
        }
        let left_open = owner.map(|o| {
            format!("It was not closed last time ({}): it opens as it was last written.", o.describe())
        });
        let owner = Owner::this();
        owner.write(folder).map_err(|e| format!("The folder cannot be written ({e})."))?;
        Ok(Taken { lock: Self { file, folder: folder.to_owned(), owner }, left_open })
    }

    /// Says that the holder lives. An error is a whole sentence: somebody else has taken the project over, for example
    /// while this computer slept.
    pub fn renew(&self) -> Result<(), String> {
        match Owner::read(&self.folder) {
            Some(owner) if owner != self.owner => Err(format!("It was taken over by {}.", owner.describe())),
            // An error here (a full disk) comes up again, with its remedy, when the project itself is written.
            _ => {
                let _ = self.owner.write(&self.folder);
                Ok(())
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if Owner::read(&self.folder).as_ref() == Some(&self.owner) {
            let _ = std::fs::remove_file(self.folder.join(OWNER));
        }
        // Closing alone would leave it to a process that was started meanwhile and has not yet closed its copy.
        let _ = self.file.unlock();
    }
}

/// Time since the holder renewed its name, by the clock of the disk's own machine.
fn since_renewed(folder: &Path) -> Option<Duration> {
    let renewed = folder.join(OWNER).metadata().and_then(|m| m.modified()).ok()?;
    let now = tempfile::tempfile_in(folder).and_then(|f| f.metadata()?.modified()).ok()?;
    now.duration_since(renewed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(folder: &Path, by: Duration) {
        let file = OpenOptions::new().write(true).open(folder.join(OWNER)).unwrap();
        file.set_modified(SystemTime::now() - by).unwrap();
    }

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        assert_eq!(first.left_open, None);
        let why = Lock::take(folder.path()).unwrap_err();
        assert!(why.contains(&std::process::id().to_string()), "{why}");
        drop(first);
        assert!(!folder.path().join(OWNER).exists());
        assert_eq!(Lock::take(folder.path()).unwrap().left_open, None);
    }

    #[test]
    fn a_lock_left_by_a_dead_program_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        let dead = Owner { pid: u32::MAX - 7, ..Owner::this() };
        assert!(!dead.is_running());
        assert!(Owner::this().is_running());
        dead.write(folder.path()).unwrap();
        let taken = Lock::take(folder.path()).unwrap();
        assert!(taken.left_open.unwrap().contains("not closed"));
    }

    #[test]
    fn another_computer_holds_it_while_it_renews() {
        let folder = tempfile::tempdir().unwrap();
        let other = Owner { host: "microscope-3".into(), ..Owner::this() };
        other.write(folder.path()).unwrap();
        let why = Lock::take(folder.path()).unwrap_err();
        assert!(why.contains("microscope-3"), "{why}");
        age(folder.path(), GONE * 2);
        let taken = Lock::take(folder.path()).unwrap();
        // It wakes up and finds the project taken; its name is not ours to remove.
        other.write(folder.path()).unwrap();
        assert!(taken.lock.renew().unwrap_err().contains("microscope-3"));
        drop(taken);
        assert_eq!(Owner::read(folder.path()), Some(other));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_no_lock_and_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        for name in [LOCK, OWNER] {
            let pipe = folder.path().join(name);
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            let (send, answer) = std::sync::mpsc::channel();
            let asked = folder.path().to_owned();
            std::thread::spawn(move || send.send(Lock::take(&asked).map(|taken| taken.left_open)));
            let taken = answer.recv_timeout(Duration::from_secs(10)).expect("a pipe is waited for");
            match name {
                LOCK => assert!(taken.unwrap_err().contains("is no file")),
                _ => assert_eq!(taken, Ok(None)),
            }
            std::fs::remove_file(folder.path().join(LOCK)).unwrap();
        }
    }

    #[test]
    fn a_folder_that_is_gone_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Lock::take(&folder.path().join("gone")).is_err());
    }
}
