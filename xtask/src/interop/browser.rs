//! A browser at the page of `bowline serve`.

use std::net::SocketAddr;

use crate::Result;
use crate::peers::Server;
use crate::steps::Step;

use super::{LONG, Lab, Language, fetch};

/// The names that Chromium goes by.
pub(super) const CHROMIUM: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// What Chromium and we agree on.
pub(super) const DEFLATE: &str =
    "permessage-deflate server_no_context_takeover client_no_context_takeover";

/// All of it, without anything in between.
pub(super) fn check(step: &mut Step, lab: &Lab) -> Result<String> {
    let plain = lab.serve("chromium-plain", LONG, &["--no-deflate"])?;
    browse(step, lab, "plain", &plain, plain.address, "")?;
    let server = lab.serve("chromium", LONG, &[])?;
    browse(step, lab, "direct", &server, server.address, DEFLATE)
}

/// Uses the page of `server` at `address`, which may be that of a proxy on the `way`, then ends the server. Says which
/// browser it was.
pub(super) fn browse(
    step: &mut Step,
    lab: &Lab,
    way: &str,
    server: &Server,
    address: SocketAddr,
    negotiated: &str,
) -> Result<String> {
    let chromium = fetch::program(lab, CHROMIUM)?;
    let mut script = lab.script(Language::Node, "chromium");
    script
        .arg(format!("http://{address}/"))
        .arg("--chromium")
        .arg(chromium.get_program())
        .arg("--shots")
        .arg(lab.target.join("screenshots").join(way))
        .arg(format!("--negotiated={negotiated}"))
        .arg(format!("--server={}", server.id()))
        .arg(format!("--limit={LONG}"));
    if address != server.address {
        script.arg("--proxied");
    }
    let (mut browser, mut last) = (String::new(), String::new());
    step.watch(&mut script, |line| {
        if line.starts_with("Chromium ") {
            line.clone_into(&mut browser);
        }
        line.clone_into(&mut last);
        line != "ok"
    })?;
    match last.as_str() {
        "ok" => Ok(browser),
        last => Err(format!("the script ended with {last:?}").into()),
    }
}
