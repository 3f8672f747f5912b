//! The file of `--record`.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use crate::exit::Failure;

/// A recording under way, or none.
#[derive(Debug, Default)]
pub(crate) struct Tape(Option<(PathBuf, Arc<OnceLock<String>>)>);

/// The file, which remembers its first failure: the client goes on without it, and the user wants to know.
#[derive(Debug)]
pub(crate) struct Track {
    file: File,
    failure: Arc<OnceLock<String>>,
}

impl Tape {
    /// What the client is to be recorded on, if there is a path to record to.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(crate) fn start(path: Option<&Path>) -> Result<(Option<Track>, Self), Failure> {
        let Some(path) = path else { return Ok((None, Self::default())) };
        let file =
            File::create(path).map_err(|error| Failure::input(format!("--record {}: {error}", path.display())))?;
        let failure = Arc::default();
        let track = Track { file, failure: Arc::clone(&failure) };
        Ok((Some(track), Self(Some((path.to_owned(), failure)))))
    }

    /// Ends the recording; to be called when the client is gone.
    ///
    /// # Errors
    /// The file could not be written.
    pub(crate) fn end(self) -> Result<(), Failure> {
        let Some((path, failure)) = self.0 else { return Ok(()) };
        match failure.get().cloned() {
            None => Ok(()),
            Some(error) => Err(Failure::system(format!("write the trace {}", path.display()))(error)),
        }
    }
}

impl Track {
    fn remember<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            // The first failure says it all.
            let _ = self.failure.set(error.to_string());
        })
    }
}

impl Write for Track {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.remember(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.remember(flushed)
    }
}
