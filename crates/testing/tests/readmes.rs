//! The front pages of the carriers show one program: to change runtimes is to change a crate's name.
//!
//! Between runtimes the programs differ in `use` and in the attribute of `main`, and in nothing else. On threads
//! nothing is awaited, so there a program may differ in three ways more, each of which is undone word by word before it
//! is compared:
//!
//! - `fn` in place of `async fn`,
//! - no `.await`,
//! - `move || {` in place of `async move {`, since a thread is started with a closure and a task with a future.

use std::fs;
use std::path::Path;

/// The program on the front page of a carrier.
fn program(carrier: &str) -> String {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = crates.join(carrier).join("README.md");
    let text = fs::read_to_string(page).unwrap().replace("\r\n", "\n");
    let mut programs = text.split("\n```").filter_map(|block| {
        let (language, program) = block.split_once('\n')?;
        (language == "rust").then_some(program)
    });
    let program = programs
        .next()
        .unwrap_or_else(|| panic!("{carrier} shows none"));
    assert_eq!(programs.next(), None, "{carrier} shows a second one");
    program.to_owned()
}

/// What the program may not have otherwise than the others. Fails unless its imports lie on top, where they can all be
/// seen, and its only attribute is this one of `main`.
fn comparable(carrier: &str, attribute: &str) -> String {
    let program = program(carrier);
    let (imports, rest) = program.split_once("\n\n").unwrap();
    let krate = format!("bowline_{}", carrier.replace('-', "_"));
    let ours = format!("use {krate}::{{Acceptor, CloseCode, Connector, Error, WebSocket}};");
    assert!(imports.lines().any(|line| line == ours), "{imports}");
    for import in imports.lines() {
        assert!(
            import.starts_with("use ") && import.ends_with(';'),
            "{import}"
        );
    }
    let rest = rest.replacen(
        &format!("\n{attribute}async fn main()"),
        "\nasync fn main()",
        1,
    );
    assert!(!rest.contains("#["), "{carrier} has another attribute");
    rest
}

/// What a program with futures is on threads.
fn on_threads(program: &str) -> String {
    program
        .replace("async fn ", "fn ")
        .replace(".await", "")
        .replace("async move {", "move || {")
}

#[test]
fn programs_of_runtimes_differ_in_imports_and_the_attribute_of_main() {
    let tokio = comparable("tokio", "#[tokio::main]\n");
    assert_eq!(comparable("smol", "#[apply(main!)]\n"), tokio);
    assert_eq!(comparable("async-std", "#[async_std::main]\n"), tokio);
}

#[test]
fn the_program_of_threads_differs_in_that_nothing_is_awaited() {
    let tokio = comparable("tokio", "#[tokio::main]\n");
    assert_eq!(comparable("blocking", ""), on_threads(&tokio));
}
