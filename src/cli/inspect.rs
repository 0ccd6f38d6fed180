//! `tollgate inspect FILE|- --api chat|responses|messages`: what a recorded response says.

use std::fs;
use std::io::{self, Read};

use clap::{Args, ValueEnum};
use tollgate_providers::{Dialect, inspect};

use super::{Failure, Outcome, print};

/// The largest recording that is read.
const RECORDING_BYTES_MAX: u64 = 256 << 20;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The recorded body, SSE or JSON; `-` for standard input.
    file: String,
    /// The API that sent it.
    #[arg(long)]
    api: Api,
    /// Feed it in one piece instead of in many small ones.
    #[arg(long)]
    at_once: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Api {
    /// OpenAI chat completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
}

pub(super) fn run(options: &Options) -> Outcome {
    let bytes = read(&options.file)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", options.file)))?;
    let dialect = match options.api {
        Api::Chat => Dialect::Chat,
        Api::Responses => Dialect::Responses,
        Api::Messages => Dialect::Messages,
    };
    let transcript = inspect(dialect, &bytes, options.at_once);
    print(&format!("{}\n", transcript.to_json()))
}

fn read(file: &str) -> io::Result<Vec<u8>> {
    let source: Box<dyn Read> = match file {
        "-" => Box::new(io::stdin()),
        path => Box::new(fs::File::open(path)?),
    };
    let mut bytes = Vec::new();
    let read = source.take(RECORDING_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if read as u64 > RECORDING_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("larger than {RECORDING_BYTES_MAX} bytes"),
        ));
    }
    Ok(bytes)
}
