//! A gateway of one's own: `cargo run --example own_gateway -- serve -c conf/tollgate.yaml`.

mod notice;
mod project;

fn main() -> std::process::ExitCode {
    tollgate::Gateway::builder()
        .layer(project::ProjectLayer::new(["search", "support"]))
        .body_filter(notice::notice)
        .run()
}
