//! nginx as a plain reverse proxy, where it is installed.

use std::path::Path;
use std::process::Command;

use tollgate_mock::Mock;

use super::{Ability, Gateway, free_addr};

/// Where the program is, if not where the shell finds it.
const PROGRAM: &str = "TOLLGATE_BENCH_NGINX";

/// None where it is not installed.
pub(crate) fn start(mock: &Mock, folder: &Path) -> Result<Option<Gateway>, String> {
    let program = std::env::var(PROGRAM).unwrap_or_else(|_| "nginx".to_owned());
    if Command::new(&program).arg("-v").output().is_err() {
        return Ok(None);
    }
    let addr = free_addr()?;
    let home = folder.join("nginx");
    std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
    let file = home.join("nginx.conf");
    std::fs::write(&file, configuration(&home, &addr.to_string(), &mock.addr().to_string()))
        .map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg("-p").arg(&home).arg("-c").arg(&file);
    Gateway::spawn("nginx", addr, &[Ability::Forward], command).map(Some)
}

/// One worker, and no master that would leave it behind, without buffering or logs, with as many idle
/// upstream connections as the others keep.
fn configuration(home: &Path, listen: &str, upstream: &str) -> String {
    let home = home.display();
    format!(
        "daemon off;\nmaster_process off;\nworker_processes 1;\npid {home}/pid;\nerror_log {home}/error.log crit;\n\
         worker_rlimit_nofile 65536;\nevents {{ worker_connections 32768; }}\n\
         http {{\n  access_log off;\n  client_max_body_size 64m;\n  client_body_buffer_size 2m;\n\
         \x20 client_body_temp_path {home}/body;\n  proxy_temp_path {home}/proxy;\n\
         \x20 fastcgi_temp_path {home}/fastcgi;\n  uwsgi_temp_path {home}/uwsgi;\n  scgi_temp_path {home}/scgi;\n\
         \x20 upstream mock {{ server {upstream}; keepalive 1024; keepalive_requests 100000; }}\n\
         \x20 server {{\n    listen {listen};\n    keepalive_requests 100000;\n    location / {{\n\
         \x20     proxy_pass http://mock;\n      proxy_http_version 1.1;\n\
         \x20     proxy_set_header Connection \"\";\n      proxy_buffering off;\n    }}\n  }}\n}}\n"
    )
}
