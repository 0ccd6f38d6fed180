//! `tollgate key new|list|revoke`: keys of our own. A key is printed once, when it is made.

mod duration;
mod grants;
mod table;

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use tollgate_keys::token::is_project;
use tollgate_keys::{Environment, KeyRecord, KeyStore, KeyStoreError, NewKey, Scope, now_s};

use super::{Failure, Outcome, load_part, print};

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 128;

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key and print it, alone on the last line; it is never shown again.
    New(Box<New>),
    /// List all keys, never their secrets.
    List,
    /// End a key, and with it every token that it was exchanged for.
    Revoke {
        /// The key's id, or its prefix.
        #[arg(value_name = "ID|PREFIX")]
        key: String,
    },
}

#[derive(Args, Debug)]
struct New {
    /// What the key is good for: otel:write, query:read, gateway:call; may be given several times.
    #[arg(long, value_name = "SCOPE", required = true)]
    scope: Vec<Scope>,
    /// The project that the key is for.
    #[arg(long, value_name = "ID", required_unless_present = "all_projects", value_parser = project)]
    project: Option<String>,
    /// The key is for every project: who uses it names one each time.
    #[arg(long, conflicts_with = "project")]
    all_projects: bool,
    /// What people call the key.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = name)]
    name: String,
    /// How long it lives, for example 90d, 12h or 30m; for ever by default.
    #[arg(long, value_name = "TIME", value_parser = duration::seconds)]
    expires: Option<u64>,
    /// What its text says of where it is used.
    #[arg(long)]
    env: Option<Env>,
    #[command(flatten)]
    grants: grants::Options,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Env {
    Live,
    Test,
}

pub(super) fn run(config: &Path, options: &Options) -> Outcome {
    let settings = load_part(config)?;
    let path = &settings.keys.path;
    match &options.command {
        Command::New(new) => make(&KeyStore::create(path).map_err(Failure::failed)?, new),
        Command::List => {
            let store = KeyStore::open(path).map_err(Failure::failed)?;
            let keys = store.map_or(Ok(Vec::new()), |store| store.list());
            print(&table::of(&keys.map_err(Failure::failed)?, now_s()))
        }
        Command::Revoke { key } => {
            let store = KeyStore::open(path).map_err(Failure::failed)?;
            let store = store.ok_or(KeyStoreError::NoSuchKey).map_err(Failure::failed)?;
            let KeyRecord { id, prefix, .. } =
                store.revoke(key, now_s()).map_err(Failure::failed)?;
            print(&format!("{id} ({prefix}) is revoked\n"))
        }
    }
}

fn make(store: &KeyStore, new: &New) -> Outcome {
    if !new.grants.is_empty() && !new.scope.contains(&Scope::GatewayCall) {
        let scope = Scope::GatewayCall;
        return Err(Failure::Usage(format!("limits of calls are for keys with --scope {scope}")));
    }
    let now_s = now_s();
    let mut scopes = new.scope.clone();
    scopes.sort();
    scopes.dedup();
    let new = NewKey {
        name: new.name.clone(),
        project: new.project.clone(),
        scopes,
        expires_s: new.expires.map(|life_s| now_s.saturating_add(life_s)),
        environment: new.env.map(|env| match env {
            Env::Live => Environment::Live,
            Env::Test => Environment::Test,
        }),
        grants: new.grants.grants(),
    };
    let (key, record) = store.add(&new, now_s).map_err(Failure::failed)?;
    print(&format!("{}The key, which is not shown again:\n{}\n", table::one(&record), key.expose()))
}

fn project(written: &str) -> Result<String, String> {
    if is_project(written) { Ok(written.to_owned()) } else { Err("not a project's id".to_owned()) }
}

fn name(written: &str) -> Result<String, String> {
    if written.chars().count() > NAME_CHARS_MAX || written.contains(char::is_control) {
        return Err(format!("at most {NAME_CHARS_MAX} characters, in one line"));
    }
    Ok(written.to_owned())
}
