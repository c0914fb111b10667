//! `cargo xtask interop`: peers from other languages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::args::Args;
use crate::peers::{self, Server};
use crate::steps::{Step, Steps};
use crate::workspace::Workspace;

pub(crate) const HELP: &str = "
Runs `bowline connect` against echo servers made with python's `websockets` and node's `ws`, and
clients made with them against `bowline serve`. Needs python3 with pip, and node with npm; the two
libraries are installed into target/interop/.
";

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("programs", |step| {
        peers::build(step, &workspace)?;
        Ok(String::new())
    })?;
    steps.run("interop", |step| check(step, &workspace))?;
    steps.finish()
}

/// All exchanges, in both roles with both peers.
pub(crate) fn check(step: &mut Step, workspace: &Workspace) -> Result<String> {
    let lab = Lab::new(step, workspace)?;
    for language in [Language::Python, Language::Node] {
        lab.connect_to_their_server(step, language)?;
        lab.serve_their_client(step, language)?;
    }
    Ok(format!("websockets {WEBSOCKETS}, ws {WS}"))
}

#[derive(Clone, Copy)]
enum Language {
    Python,
    Node,
}

/// Where the peers' scripts and libraries are.
struct Lab {
    bowline: PathBuf,
    scripts: PathBuf,
    libraries: PathBuf,
}

impl Lab {
    fn new(step: &mut Step, workspace: &Workspace) -> Result<Self> {
        let lab = Lab {
            bowline: peers::bowline(workspace),
            scripts: workspace.root.join("xtask/interop"),
            libraries: workspace.target.join("interop"),
        };
        lab.install(step)?;
        Ok(lab)
    }

    /// Fetches the libraries, unless these versions are there.
    fn install(&self, step: &mut Step) -> Result<()> {
        let stamp = self.libraries.join("installed");
        let versions = format!("websockets {WEBSOCKETS}\nws {WS}\n");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == versions) {
            return Ok(());
        }
        if self.libraries.exists() {
            fs::remove_dir_all(&self.libraries)?;
        }
        fs::create_dir_all(self.libraries.join("node"))?;
        // `--target` works without a virtual environment, which some systems package separately.
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--root-user-action=ignore",
            "--target",
        ]);
        step.command(
            pip.arg(self.libraries.join("python"))
                .arg(format!("websockets=={WEBSOCKETS}")),
        )?;
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ]);
        step.command(npm.arg(self.libraries.join("node")).arg(format!("ws@{WS}")))?;
        fs::write(stamp, versions)?;
        Ok(())
    }

    /// `echo hi | bowline connect URL --one` prints the echo, and the server sees an orderly close.
    fn connect_to_their_server(&self, step: &mut Step, language: Language) -> Result<()> {
        let log = self.libraries.join(format!("{}.log", language.server()));
        let mut server = Server::start(&mut self.script(language, language.server()), &log)?;
        let url = format!("ws://{}/", server.address);
        for (number, text) in ["hi\n", "Grüße, 世界 🪢\n"].into_iter().enumerate() {
            let mut connect = Command::new(&self.bowline);
            let printed = peers::converse(connect.args(["connect", &url, "--one"]), text)?;
            if printed != text {
                return Err(
                    format!("{}: sent {text:?}, printed {printed:?}", language.server()).into(),
                );
            }
            // One line per connection: the close code that the server received.
            let code = server.wait_for("close code", |output| {
                let lines = output
                    .split_inclusive('\n')
                    .filter(|line| line.ends_with('\n'));
                let mut codes = lines.filter_map(|line| line.trim_end().strip_prefix("closed "));
                codes.nth(number).map(str::to_owned)
            })?;
            if code != "1000" {
                return Err(format!("{} was closed with {code}", language.server()).into());
            }
        }
        step.say(&format!("bowline connect, {}: ok", language.server()))
    }

    /// Their client exchanges messages of all kinds with `bowline serve` and judges for itself.
    fn serve_their_client(&self, step: &mut Step, language: Language) -> Result<()> {
        let log = self.libraries.join("serve.log");
        let mut serve = Command::new(&self.bowline);
        let server = Server::start(serve.args(["serve", "--listen", "127.0.0.1:0"]), &log)?;
        let url = format!("ws://{}/echo", server.address);
        let mut client = self.script(language, language.client());
        let printed = peers::converse(client.arg(&url), "")?;
        if printed.lines().last() != Some("ok") {
            return Err(format!("{} printed {printed:?}", language.client()).into());
        }
        step.say(&format!("bowline serve, {}: ok", language.client()))
    }

    fn script(&self, language: Language, name: &str) -> Command {
        let mut command = match language {
            Language::Python => Command::new("python3"),
            Language::Node => Command::new("node"),
        };
        command
            .arg(self.scripts.join(name))
            .env("PYTHONPATH", self.libraries.join("python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUNBUFFERED", "1")
            .env("NODE_PATH", self.libraries.join("node/node_modules"));
        command
    }
}

impl Language {
    fn server(self) -> &'static str {
        match self {
            Language::Python => "server.py",
            Language::Node => "server.mjs",
        }
    }

    fn client(self) -> &'static str {
        match self {
            Language::Python => "client.py",
            Language::Node => "client.mjs",
        }
    }
}

const WEBSOCKETS: &str = "17.4";
const WS: &str = "8.23.0";
