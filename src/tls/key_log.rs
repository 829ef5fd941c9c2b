//! The secrets of sessions in a file, for tools that decrypt recordings, in the format that browsers and they agreed on.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustls::KeyLog;

use super::failure::TlsFailure;

/// Appends to a file that its owner alone may read, if it is made here.
#[derive(Debug)]
pub(super) struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    pub(super) fn open(path: &Path) -> Result<Self, TlsFailure> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(KeyLogFile(Mutex::new(file))),
            Err(error) => Err(TlsFailure::internal(&format!("the key log cannot be opened: {error}"))),
        }
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        // A full disk must not end connections that work, and there is nobody to tell.
        let _ = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(line.as_bytes());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_label_client_random_and_secret() {
        let path = std::env::temp_dir().join(format!("winter-key-log-{}", std::process::id()));
        let log = KeyLogFile::open(&path).unwrap();
        log.log("CLIENT_RANDOM", &[0, 255], &[16]);
        log.log("CLIENT_RANDOM", &[1], &[2]);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, "CLIENT_RANDOM 00ff 10\nCLIENT_RANDOM 01 02\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        assert!(KeyLogFile::open(&std::env::temp_dir().join("no/such/folder/key.log")).is_err());
    }
}
