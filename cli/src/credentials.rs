//! Tokens that are read from a file or a command, so that they need not be on a command line.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use clap::builder::NonEmptyStringValueParser;
use steadfast_core::config::Config;
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
    /// again whenever the server rejects it. One that takes longer than `credentials.fetch_timeout`, 30 s unless configured, is
    /// ended. A token in a command line is there for every user of this machine to see
    #[arg(long, value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) token_command: Option<String>,
}

impl CredentialArgs {
    /// The endpoint with the tokens that the user named a source of, if he did.
    ///
    /// # Errors
    /// The file cannot be read, or there is an `Authorization` header already.
    pub(crate) fn apply(&self, endpoint: Endpoint, config: &Config) -> Result<Endpoint, Failure> {
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
                // Nobody waits for it any longer than that.
                let patience = config.credentials.clone().unwrap_or_default().fetch_timeout;
                Credentials::fetched_by(move |_| run(&command, patience))
            }
            (None, None) => return Ok(endpoint),
        };
        endpoint.credentials(credentials).map_err(Failure::input)
    }
}

fn read(file: &Path) -> Result<Token, SourceError> {
    let said = |error: io::Error| SourceError::retry(format_args!("{}: {error}", file.display()));
    check(read_some(File::open(file).map_err(said)?).map_err(said)?).map(token)
}

/// What it writes to standard error is for the user, who sees it.
fn run(command: &str, patience: Duration) -> Result<Token, SourceError> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(shell).arg(flag).arg(command).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let written = written(&mut command, patience);
    if written.is_err() {
        // It may go on for ever, and its like would come again and again.
        let _ = command.kill();
    }
    let status = command.wait()?;
    let found = written?;
    if !status.success() {
        return Err(SourceError::retry(format_args!("--token-command: {status}")));
    }
    Ok(token(found))
}

/// What a command writes to standard output, if it comes to an end in time.
fn written(command: &mut Child, patience: Duration) -> Result<Vec<u8>, SourceError> {
    let out = command.stdout.take().ok_or_else(|| SourceError::retry("--token-command: no standard output"))?;
    let (tell, told) = mpsc::channel();
    // Whatever the command has started may keep it from its end for longer than anybody waits.
    thread::Builder::new().name("token command".into()).spawn(move || drop(tell.send(read_some(out))))?;
    let found = told
        .recv_timeout(patience)
        .map_err(|_| SourceError::retry(format_args!("--token-command: ended, as it took more than {patience:?}")))??;
    check(found)
}

/// All of it, but not much more than a token may have.
fn read_some(from: impl Read) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    from.take(MOST as u64 + 1).read_to_end(&mut found)?;
    Ok(found)
}

fn check(found: Vec<u8>) -> Result<Vec<u8>, SourceError> {
    if found.len() > MOST {
        return Err(SourceError::retry(format_args!("expected a token of at most {MOST} bytes, found more")));
    }
    Ok(found)
}

/// Without the line break that files and commands end with.
fn token(mut found: Vec<u8>) -> Token {
    let kept = found.trim_ascii_end().len();
    found.truncate(kept);
    Token::new(found)
}

/// No token is longer, with the line break behind it.
const MOST: usize = 64 << 10;
