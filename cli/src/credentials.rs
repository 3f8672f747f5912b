//! Tokens that are read from a file or a command, so that they need not be on a command line.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use steadfast_mio::{Credentials, Endpoint, SourceError, Token};

use crate::exit::Failure;

/// Where the user's tokens come from.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Credentials")]
pub(crate) struct CredentialArgs {
    /// Read a bearer token from this file: before the first connection, and again whenever the server rejects it
    #[arg(long, value_name = "FILE", conflicts_with = "token_command")]
    pub(crate) bearer_file: Option<PathBuf>,
    /// Run this in the shell and take what it writes to standard output for a bearer token: before the first connection, and
    /// again whenever the server rejects it. A token in a command line is there for every user of this machine to see
    #[arg(long, value_name = "COMMAND")]
    pub(crate) token_command: Option<String>,
}

impl CredentialArgs {
    /// The endpoint with the tokens that the user named a source of, if he did.
    ///
    /// # Errors
    /// The file cannot be read, or there is an `Authorization` header already.
    pub(crate) fn apply(&self, endpoint: Endpoint) -> Result<Endpoint, Failure> {
        let credentials = match (&self.bearer_file, &self.token_command) {
            (Some(file), _) => {
                // A name that is wrong is worth nothing but an error.
                fs::metadata(file)
                    .map_err(|error| Failure::input(format!("--bearer-file {}: {error}", file.display())))?;
                let file = file.clone();
                Credentials::fetched_by(move |_| read(&file))
            }
            (None, Some(command)) => {
                let command = command.clone();
                Credentials::fetched_by(move |_| run(&command))
            }
            (None, None) => return Ok(endpoint),
        };
        endpoint.credentials(credentials).map_err(Failure::input)
    }
}

fn read(file: &Path) -> Result<Token, SourceError> {
    let found = fs::read(file).map_err(|error| SourceError::retry(format_args!("{}: {error}", file.display())))?;
    Ok(token(found))
}

/// What it writes to standard error is for the user, who sees it.
fn run(command: &str) -> Result<Token, SourceError> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let said = Command::new(shell).arg(flag).arg(command).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !said.status.success() {
        return Err(SourceError::retry(format_args!("--token-command: {}", said.status)));
    }
    Ok(token(said.stdout))
}

/// Without the line break that files and commands end with.
fn token(mut found: Vec<u8>) -> Token {
    let kept = found.trim_ascii_end().len();
    found.truncate(kept);
    Token::new(found)
}
