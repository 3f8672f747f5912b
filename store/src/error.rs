//! Why a store could not be opened.

use std::{fmt, io, path::PathBuf};

use crate::file::SetAside;

/// Why a store could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the file open, or this one has it open already. One file belongs to one session.
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged, or is no store, and was renamed. Opening again makes a new one.
    SetAside(SetAside),
    /// The file was written by a newer version, and is left as it is.
    Newer {
        /// The file.
        path: PathBuf,
        /// What it says of its version.
        found: String,
    },
    /// The file cannot be written to: it, its folder or the file system is read-only.
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// Reading or writing failed otherwise: the folder is missing, the disk is full or broken.
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { path } => {
                write!(
                    f,
                    "{}: the store is in use; close it there, or give each session a file of its own",
                    path.display()
                )
            }
            Self::SetAside(set_aside) => {
                write!(f, "{set_aside}; open it again to begin with an empty one")
            }
            Self::Newer { path, found } => write!(
                f,
                "{}: expected a store of version {} or older, found {found}; it was left as it is, open it with the program \
                 that wrote it",
                path.display(),
                crate::file::VERSION,
            ),
            Self::ReadOnly { path, error } => {
                write!(f, "{}: the store has to be written to, and is read-only: {error}", path.display())
            }
            Self::Io { path, error } => write!(f, "{}: the store could not be opened: {error}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::ReadOnly { error, .. } | Self::Io { error, .. } => Some(error),
            Self::Locked { .. } | Self::SetAside(_) | Self::Newer { .. } => None,
        }
    }
}
