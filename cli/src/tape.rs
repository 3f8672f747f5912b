//! The file of `--record`.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use steadfast_core::trace::Payloads;
use steadfast_mio::ClientBuilder;

use crate::exit::Failure;

/// A recording under way, or none.
#[derive(Debug, Default)]
pub(crate) struct Tape(Option<(PathBuf, Arc<OnceLock<String>>)>);

/// The file, which remembers its first failure: the client goes on without it, and the user wants to know.
#[derive(Debug)]
struct Track {
    file: File,
    failure: Arc<OnceLock<String>>,
}

impl Tape {
    /// Has the client to be recorded, if there is a path to record to.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(crate) fn start(builder: ClientBuilder, path: Option<&Path>) -> Result<(ClientBuilder, Self), Failure> {
        let Some(path) = path else { return Ok((builder, Self::default())) };
        let file =
            File::create(path).map_err(|error| Failure::input(format!("--record {}: {error}", path.display())))?;
        let failure = Arc::default();
        let track = Track { file, failure: Arc::clone(&failure) };
        Ok((builder.record(track, Payloads::Keep), Self(Some((path.to_owned(), failure)))))
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
