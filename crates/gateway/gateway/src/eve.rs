//! EVE JSON lines in a file, for other tools (GW-18).
//!
//! Holds always: at most `keep` + 1 files of about `max_bytes`; when the disk is full, lines are
//! dropped and counted, and inspection goes on. A line is written whole or cut off again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use mimamori_engine::Event;

#[derive(Debug)]
pub struct EveLog {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    file: BufWriter<File>,
    /// Reused from line to line.
    line: Vec<u8>,
    written: u64,
    pub lines: u64,
    pub dropped: u64,
}

impl EveLog {
    pub fn open(path: &Path, max_bytes: u64, keep: u32) -> io::Result<Self> {
        let file = append_to(path)?;
        let written = file.metadata()?.len();
        Ok(EveLog {
            path: path.to_owned(),
            max_bytes,
            keep,
            file: BufWriter::with_capacity(64 << 10, file),
            line: Vec::new(),
            written,
            lines: 0,
            dropped: 0,
        })
    }

    pub fn write(&mut self, event: &Event) {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        event.write_eve_line(&mut line);
        let turned = if self.written >= self.max_bytes { self.rotate() } else { Ok(()) };
        match turned.and_then(|()| self.file.write_all(&line)) {
            Ok(()) => {
                self.written += line.len() as u64;
                self.lines += 1;
            }
            Err(error) => self.give_up(&error),
        }
        self.line = line;
    }

    pub fn flush(&mut self) {
        if let Err(error) = self.file.flush() {
            self.give_up(&error);
        }
    }

    /// Opens the file anew, for tools that move it away.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.flush();
        let file = append_to(&self.path)?;
        self.written = file.metadata()?.len();
        self.file = BufWriter::with_capacity(64 << 10, file);
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.flush()?;
        for n in (1..self.keep).rev() {
            let _ = fs::rename(numbered(&self.path, n), numbered(&self.path, n + 1));
        }
        if self.keep > 0 {
            fs::rename(&self.path, numbered(&self.path, 1))?;
        } else {
            fs::remove_file(&self.path)?;
        }
        self.reopen()
    }

    fn give_up(&mut self, error: &io::Error) {
        // Said once an episode: a full disk must not fill the log as well.
        if self.dropped == 0 {
            tracing::error!(%error, path = %self.path.display(), "EVE lines are being dropped");
        }
        self.dropped += 1;
        // What is in the buffer cannot be written either; a fresh one starts at a line's end.
        if let Ok(file) = append_to(&self.path) {
            let old = std::mem::replace(&mut self.file, BufWriter::with_capacity(64 << 10, file));
            let _ = old.into_parts();
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        fs::create_dir_all(dir)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

fn numbered(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_base::Timestamp;
    use mimamori_engine::EventKind;

    #[test]
    fn gw_18_files_turn_and_every_line_is_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log/eve.json");
        let mut log = EveLog::open(&path, 2_000, 3).unwrap();
        for n in 0..200 {
            log.write(&Event::new(Timestamp::from_secs(n), EventKind::Alert));
        }
        log.flush();
        assert_eq!((log.lines, log.dropped), (200, 0));
        let names = ["eve.json", "eve.json.1", "eve.json.2", "eve.json.3"];
        for name in names {
            let text = fs::read_to_string(dir.path().join("log").join(name)).unwrap();
            assert!(text.lines().all(|l| serde_json::from_str::<serde_json::Value>(l).is_ok()));
            assert!(text.len() < 2_200, "{}", text.len());
        }
        assert_eq!(fs::read_dir(dir.path().join("log")).unwrap().count(), names.len());
    }
}
