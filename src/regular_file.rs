//! Opens files, and nothing else: a pipe would wait for ever, a device has no end.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// `O_NONBLOCK`, where its value is the same on every common processor: a pipe that takes a file's place between the two
/// looks below opens at once, and is refused by the second.
#[cfg(target_os = "linux")]
const WITHOUT_WAITING: i32 = 0o4000;
#[cfg(target_vendor = "apple")]
const WITHOUT_WAITING: i32 = 0x4;

/// Opens a regular file (links are followed) for reading; never waits.
///
/// # Errors
/// The file cannot be opened; a folder, pipe, device or socket is [`io::ErrorKind::InvalidInput`].
pub fn open(path: &Path) -> io::Result<File> {
    refuse_others(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, WITHOUT_WAITING);
    let file = options.open(path)?;
    refuse_others(&file.metadata()?)?;
    Ok(file)
}

fn refuse_others(about: &Metadata) -> io::Result<()> {
    let refused = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    if about.is_dir() {
        return refused("this is a folder");
    }
    if !about.is_file() {
        return refused("this is a pipe, device or socket, not a file. Copy its content into a file first");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_file_is_read_and_a_folder_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"content").unwrap();
        let mut text = String::new();
        open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
        let error = open(folder.path()).unwrap_err();
        assert_eq!((error.kind(), &*error.to_string()), (io::ErrorKind::InvalidInput, "this is a folder"));
        let error = open(&folder.path().join("none")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    #[cfg(unix)]
    fn pipes_sockets_and_devices_are_refused_at_once() {
        use std::sync::mpsc::channel;
        use std::time::Duration;

        let folder = tempfile::tempdir().unwrap();
        let (pipe, socket) = (folder.path().join("pipe.tif"), folder.path().join("socket.tif"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("link.tif");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        let device = std::path::PathBuf::from("/dev/zero");
        for path in [pipe, socket, link].into_iter().chain(Some(device).filter(|path| path.exists())) {
            let (send, answer) = channel();
            let asked = path.clone();
            std::thread::spawn(move || send.send(open(&asked).map(|_| ())));
            let result = answer.recv_timeout(Duration::from_secs(10));
            let result = result.unwrap_or_else(|_| panic!("{} is waited for", path.display()));
            let error = result.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{}", path.display());
            assert!(error.to_string().contains("pipe, device or socket"), "{error}");
        }
    }
}
