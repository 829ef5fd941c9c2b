//! The secrets of sessions in a file, for tools that decrypt recordings, in the format that browsers and they agreed on.
//!
//! A thread of its own writes: the handshakes of all connections share one, and a disk that stands still must stop none.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::KeyLog;

use super::failure::TlsFailure;

/// How many lines wait for the file at most, some 600 KiB of them: those of 800 sessions.
const CAPACITY: usize = 4096;

/// How long a process that exits waits for lines to be written: a file that has stood still for so long is given up.
const EXIT_LIMIT: Duration = Duration::from_secs(2);

static BACKLOG: Backlog = Backlog {
    lines: Mutex::new(0),
    is_empty: Condvar::new(),
};

/// Appends to a file that its owner alone may read, if it is made here.
#[derive(Debug)]
pub(super) struct KeyLogFile {
    lines: SyncSender<String>,
    left_out: Arc<AtomicUsize>,
    backlog: &'static Backlog,
}

impl KeyLogFile {
    pub(super) fn open(path: &Path) -> Result<Self, TlsFailure> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(path)
            .and_then(|file| {
                finish_at_exit();
                KeyLogFile::start(file, CAPACITY, &BACKLOG)
            })
            .map_err(|error| TlsFailure::internal(&format!("the key log cannot be opened: {error}")))
    }

    fn start(file: impl Write + Send + 'static, capacity: usize, backlog: &'static Backlog) -> std::io::Result<Self> {
        let (lines, waiting) = sync_channel(capacity);
        let left_out = Arc::new(AtomicUsize::new(0));
        let counted = left_out.clone();
        // It ends with the configuration that the log belongs to, once it has written what is left.
        thread::Builder::new()
            .name("winter-keys".into())
            .spawn(move || write_lines(file, &waiting, &counted, backlog))?;
        Ok(KeyLogFile {
            lines,
            left_out,
            backlog,
        })
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        self.backlog.add();
        if self.lines.try_send(line).is_err() {
            self.backlog.remove();
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_lines(mut file: impl Write, lines: &Receiver<String>, left_out: &AtomicUsize, backlog: &Backlog) {
    for line in lines {
        // A full disk must not end connections that work, and there is nobody to tell.
        let _ = file.write_all(line.as_bytes());
        let count = left_out.swap(0, Ordering::Relaxed);
        if count > 0 {
            // A comment, to those who read the format; in one piece, since others may append to the file as well.
            let comment = format!("# {count} lines are missing: the file took them too slowly\n");
            let _ = file.write_all(comment.as_bytes());
        }
        backlog.remove();
    }
}

/// How many lines are yet to be written.
#[derive(Debug, Default)]
struct Backlog {
    lines: Mutex<usize>,
    is_empty: Condvar,
}

impl Backlog {
    fn add(&self) {
        *self.lines.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn remove(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        *lines -= 1;
        if *lines == 0 {
            self.is_empty.notify_all();
        }
    }

    fn finish(&self, limit: Duration) -> bool {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, _) = self
            .is_empty
            .wait_timeout_while(lines, limit, |lines| *lines > 0)
            .unwrap_or_else(PoisonError::into_inner);
        *lines == 0
    }
}

/// Has the process wait for what is yet to be written when it exits. Node's own hooks do not run in `process.exit()`.
fn finish_at_exit() {
    extern "C" fn finish() {
        BACKLOG.finish(EXIT_LIMIT);
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: `finish` has the type that is asked for and does not unwind. It uses a static that is never dropped, and the
        // thread that it waits for runs until the process is gone. If it cannot be registered, nobody waits.
        unsafe { libc::atexit(finish) };
    });
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
    use std::io;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    const FOREVER: Duration = Duration::from_secs(3600);

    /// A file that takes a line each time it is let, and everything once nobody lets it any more.
    struct Gated {
        gate: Receiver<()>,
        text: Arc<Mutex<String>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.gate.recv();
            self.text.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated(capacity: usize) -> (KeyLogFile, Sender<()>, Arc<Mutex<String>>) {
        let (open, gate) = channel();
        let text = Arc::new(Mutex::new(String::new()));
        let file = Gated {
            gate,
            text: text.clone(),
        };
        let backlog = Box::leak(Box::default());
        (KeyLogFile::start(file, capacity, backlog).unwrap(), open, text)
    }

    #[test]
    fn a_line_is_label_client_random_and_secret() {
        let path = std::env::temp_dir().join(format!("winter-key-log-{}", std::process::id()));
        let log = KeyLogFile::open(&path).unwrap();
        log.log("CLIENT_RANDOM", &[0, 255], &[16]);
        log.log("CLIENT_RANDOM", &[1], &[2]);
        assert!(BACKLOG.finish(FOREVER));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, "CLIENT_RANDOM 00ff 10\nCLIENT_RANDOM 01 02\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        assert!(KeyLogFile::open(&std::env::temp_dir().join("no/such/folder/key.log")).is_err());
    }

    #[test]
    fn a_file_that_takes_nothing_holds_nobody_up_and_what_does_not_fit_is_counted_there() {
        let (log, open, text) = gated(2);
        for number in 0..10 {
            log.log("LABEL", &[number], &[]);
        }
        assert!(!log.backlog.finish(Duration::ZERO));
        drop(open);
        assert!(log.backlog.finish(FOREVER));
        let text = text.lock().unwrap();
        let mut lines: Vec<_> = text.lines().collect();
        let comment = lines.iter().position(|line| line.starts_with('#')).unwrap();
        let comment = lines.remove(comment);
        // Whether the thread had taken the first one before the second and third were there is its own affair.
        let missing = 10 - lines.len();
        assert!(missing == 7 || missing == 8, "{text}");
        assert_eq!(
            comment,
            format!("# {missing} lines are missing: the file took them too slowly")
        );
        assert_eq!(lines[..2], ["LABEL 00 ", "LABEL 01 "]);
    }

    #[test]
    fn lines_that_wait_are_written_although_the_configuration_is_gone() {
        let (log, open, text) = gated(8);
        let backlog = log.backlog;
        log.log("LABEL", &[1], &[]);
        log.log("LABEL", &[2], &[]);
        drop(log);
        drop(open);
        assert!(backlog.finish(FOREVER));
        assert_eq!(*text.lock().unwrap(), "LABEL 01 \nLABEL 02 \n");
    }
}
