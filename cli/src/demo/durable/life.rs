//! One life of the client's process, as its parent sees it.

use std::{
    env,
    ffi::OsString,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio, id},
    sync::mpsc::Sender,
    thread,
};

use super::{Told, said::Said};
use crate::exit::Failure;

/// A running client. It ends with its parent at the latest: its standard input ends then.
#[derive(Debug)]
pub(super) struct Life {
    process: Child,
    input: Option<ChildStdin>,
}

impl Life {
    /// Starts the client with these arguments. All that it says is told, and then that it has ended.
    ///
    /// # Errors
    /// The system has no process or no thread for it.
    pub(super) fn start(args: Vec<OsString>, tell: Sender<Told>) -> Result<Self, Failure> {
        let start = || -> io::Result<Self> {
            let mut command = Command::new(env::current_exe()?);
            command.arg("demo-client").args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut life = Self { process: command.spawn()?, input: None };
            life.input = life.process.stdin.take();
            let out = life.process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
            let read = move || {
                for said in BufReader::new(out).lines().map_while(Result::ok).filter_map(|line| Said::parse(&line)) {
                    if tell.send(Told::Said(said)).is_err() {
                        return;
                    }
                }
                let _ = tell.send(Told::Ended);
            };
            thread::Builder::new().name("client".into()).spawn(read)?;
            Ok(life)
        };
        start().map_err(Failure::system("start the client"))
    }

    /// Kills it, as `kill -9` does.
    ///
    /// # Errors
    /// The system does not let it be killed.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        self.process.kill().map_err(Failure::system("kill the client"))
    }

    /// Has it send no more, settle everything and end.
    pub(super) fn finish(&mut self) {
        self.input = None;
    }

    /// Waits for its end. What it had open is closed then, the lock on its store included.
    ///
    /// # Errors
    /// The system does not say.
    pub(super) fn wait(&mut self) -> Result<ExitStatus, Failure> {
        self.process.wait().map_err(Failure::system("wait for the client"))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A new folder, which goes when this does.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// # Errors
    /// The system has no place for temporary files, or none where this may write.
    pub(super) fn new() -> Result<Self, Failure> {
        let name = |try_number: u32| env::temp_dir().join(format!("steadfast-demo-{}-{try_number}", id()));
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for path in (0..ATTEMPTS).map(name) {
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // Somebody else's: never one that was there before.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(Failure::system(format!("make the folder {}", path.display()))(error)),
            }
        }
        Err(Failure::system(format!("make a folder in {}", env::temp_dir().display()))(last))
    }

    /// The path of this file in it.
    pub(super) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is among such things if it stays.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How many names are tried.
const ATTEMPTS: u32 = 100;
