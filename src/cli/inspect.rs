//! `tollgate inspect FILE|- --api API`: what a recorded response says.

use std::fs;
use std::io::{self, Read};

use clap::{Args, ValueEnum};
use tollgate_providers::inspect::Api as Recorded;
use tollgate_providers::{Cut, Dialect, EndpointKind, inspect};

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
    /// Feed it in pieces cut at random places that follow from this number.
    #[arg(long, value_name = "NUMBER", conflicts_with = "at_once")]
    seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Api {
    /// OpenAI chat completions.
    Chat,
    /// OpenAI's legacy completions.
    Completions,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Cohere chat, version 2.
    Cohere,
    /// Gemini.
    Gemini,
    /// Embeddings.
    Embeddings,
    /// Images, generated or edited.
    Images,
    /// Speech and transcriptions.
    Audio,
}

pub(super) fn run(options: &Options) -> Outcome {
    let bytes = read(&options.file)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", options.file)))?;
    let cut = match options.seed {
        Some(seed) => Cut::Random(seed),
        None if options.at_once => Cut::Whole,
        None => Cut::Small,
    };
    let transcript = inspect(options.api.recorded(), &bytes, cut);
    print(&format!("{}\n", transcript.to_json()))
}

impl Api {
    const fn recorded(self) -> Recorded {
        match self {
            Self::Chat | Self::Completions => Recorded::Chat(Dialect::Chat),
            Self::Responses => Recorded::Chat(Dialect::Responses),
            Self::Messages => Recorded::Chat(Dialect::Messages),
            Self::Cohere => Recorded::Chat(Dialect::Cohere),
            Self::Gemini => Recorded::Chat(Dialect::Gemini),
            Self::Embeddings => Recorded::Other(EndpointKind::Embeddings),
            Self::Images => Recorded::Other(EndpointKind::ImageGeneration),
            Self::Audio => Recorded::Other(EndpointKind::AudioTranscription),
        }
    }
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
