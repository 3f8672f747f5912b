//! How the program ends.

use std::{error::Error, fmt, process::ExitCode};

use steadfast_mio::BuildError;

/// The exit codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// 0.
    Good,
    /// 1: the judgement failed, or messages were left unsettled, or the system refused something.
    Failed,
    /// 2, as for arguments that cannot be read.
    BadInput,
}

impl Exit {
    /// The exit code of a judgement.
    pub(crate) const fn from_judgement(good: bool) -> Self {
        if good { Self::Good } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Good => Self::SUCCESS,
            Exit::Failed => Self::FAILURE,
            Exit::BadInput => Self::from(2),
        }
    }
}

/// Why the program cannot go on.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the user gave cannot be used. The text names the field and shows the value.
    Input(String),
    /// The system refused something: what was tried, and why not.
    System(String, Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// What the user gave cannot be used.
    pub(crate) fn input(why: impl fmt::Display) -> Self {
        Self::Input(why.to_string())
    }

    /// The same, of one URL among several, counted from 1.
    pub(crate) fn of_url(self, place: usize) -> Self {
        match self {
            Self::Input(why) => Self::Input(format!("URL {place}: {why}")),
            Self::System(what, why) => Self::System(what, why),
        }
    }

    /// The system refused to do `what`.
    pub(crate) fn system<E: Into<Box<dyn Error + Send + Sync>>>(what: impl fmt::Display) -> impl FnOnce(E) -> Self {
        let what = what.to_string();
        move |why| Self::System(what, why.into())
    }

    /// The client could not be built: by what the user gave, or by the system.
    pub(crate) fn client(error: BuildError) -> Self {
        match error {
            BuildError::Endpoint(error) => Self::input(error),
            other => Self::System(String::from("start the client"), Box::new(other)),
        }
    }

    /// The exit code that it ends with.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Input(_) => Exit::BadInput,
            Self::System(..) => Exit::Failed,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(why) => f.write_str(why),
            Self::System(what, why) => write!(f, "cannot {what}: {why}"),
        }
    }
}
