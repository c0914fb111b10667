//! A browser at the page of `bowline serve`.

use std::net::SocketAddr;

use crate::Result;
use crate::peers::Server;
use crate::steps::Step;

use super::{LONG, Lab, Language, Security, fetch};

/// The names that Chromium goes by.
pub(super) const CHROMIUM: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// What Chromium and we agree on.
pub(super) const DEFLATE: &str =
    "permessage-deflate server_no_context_takeover client_no_context_takeover";

/// All of it, without anything in between.
pub(super) fn check(step: &mut Step, lab: &Lab) -> Result<String> {
    let serve = |who, security, options| lab.serve(who, security, LONG, options);
    let plain = serve("chromium-plain", Security::Plain, &["--no-deflate"])?;
    browse(step, lab, &Visit::of("plain", &plain, Security::Plain, ""))?;
    let encrypted = serve("chromium-tls", Security::Tls, &[])?;
    browse(
        step,
        lab,
        &Visit::of("tls", &encrypted, Security::Tls, DEFLATE),
    )?;
    let server = serve("chromium", Security::Plain, &[])?;
    browse(
        step,
        lab,
        &Visit::of("direct", &server, Security::Plain, DEFLATE),
    )
}

/// A visit to the page of a server.
pub(super) struct Visit<'a> {
    /// What its screenshots are called.
    name: &'a str,
    server: &'a Server,
    /// That of the server, or of a proxy in between.
    pub(super) address: SocketAddr,
    /// How the browser speaks with whoever is there.
    security: Security,
    /// Words that the agreed extensions hold.
    negotiated: &'a str,
}

impl<'a> Visit<'a> {
    /// One with nothing in between.
    pub(super) fn of(
        name: &'a str,
        server: &'a Server,
        security: Security,
        negotiated: &'a str,
    ) -> Self {
        Self {
            name,
            server,
            address: server.address,
            security,
            negotiated,
        }
    }
}

/// Uses the page, then ends the server. Says which browser it was.
pub(super) fn browse(step: &mut Step, lab: &Lab, visit: &Visit<'_>) -> Result<String> {
    let chromium = fetch::program(lab, CHROMIUM)?;
    let mut script = lab.script(Language::Node, "chromium");
    script
        .arg(format!("{}://{}/", visit.security.http(), visit.address))
        .arg("--chromium")
        .arg(chromium.get_program())
        .arg("--shots")
        .arg(lab.target.join("screenshots").join(visit.name))
        .arg(format!("--negotiated={}", visit.negotiated))
        .arg(format!("--server={}", visit.server.id()))
        .arg(format!("--limit={LONG}"));
    if visit.security == Security::Tls {
        script.arg("--certificate").arg(lab.certificate());
    }
    if visit.address != visit.server.address {
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
