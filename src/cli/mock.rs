//! `tollgate mock`: the provider alone.

use std::net::SocketAddr;

use clap::Args;
use tollgate_mock::Mock;

use super::{Failure, Outcome, print};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:4010")]
    listen: SocketAddr,
}

pub(super) fn run(options: &Options) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let mock = Mock::start(options.listen).await.map_err(|error| {
            Failure::failed(format!("cannot listen on {}: {error}", options.listen))
        })?;
        print(&format!(
            "mock provider at http://{}/v1 (chat completions, messages); stop with Ctrl-C\n",
            mock.addr()
        ))?;
        tokio::signal::ctrl_c().await?;
        mock.stop().await;
        Ok(())
    })
}
