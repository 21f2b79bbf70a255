//! The layer rule: who may touch the system, print, exit and write; and how long a function may be.
//!
//! Source is read as Rust tokens, so comments and texts say what they like. Modules under `#[cfg(test)]` are left out.

#[path = "layers/source.rs"]
mod source;

use source::{Source, Use};
use std::path::Path;

/// Layers that know plain values only.
const PURE: &[&str] = &["facts", "gunicorn", "kernel_log", "checks", "plan", "triage", "logs", "units"];

/// The longest function that still fits a screen.
const LONGEST_FUNCTION: usize = 60;

/// Paths no pure layer may name: other layers, the system, the clock.
const IMPURE: &[&str] = &[
    "crate::host",
    "crate::perform",
    "crate::render",
    "crate::command",
    "crate::cli",
    "crate::*",
    "super::host",
    "super::perform",
    "super::render",
    "super::command",
    "super::cli",
    "gtune::host",
    "std::fs",
    "std::process",
    "std::env",
    "std::net",
    "std::os",
    "std::thread",
    "std::*",
    "io::stdin",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "fs::read",
    "fs::read_to_string",
    "fs::metadata",
    "fs::read_dir",
    "File::open",
    "Command::new",
    "env::var",
    "env::var_os",
    "env::args",
    "procfs::process",
    "procfs::net",
    "procfs::sys",
    "procfs::Current",
    "procfs::CurrentSI",
    "procfs::*",
];

/// Crates whose every function asks the kernel.
const KERNEL: &[&str] = &["nix", "rlimit", "sysctl", "libc", "rustix", "netlink_sys", "terminal_size", "tempfile"];

/// Methods that look at the disk without naming `std::fs` (std::path::Path), and the clock.
const LOOKING: &[&str] = &[
    "exists",
    "try_exists",
    "is_file",
    "is_dir",
    "is_symlink",
    "canonicalize",
    "read_dir",
    "read_link",
    "metadata",
    "symlink_metadata",
    "elapsed",
];

const PRINTING_MACROS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];
const PRINTING_PATHS: &[&str] = &["io::stdout", "io::stderr"];
const EXITING: &[&str] = &["process::exit", "process::abort", "libc::_exit", "unistd::_exit"];

/// Paths that change the host.
const WRITING: &[&str] = &[
    "fs::write",
    "fs::rename",
    "fs::remove_file",
    "fs::remove_dir",
    "fs::remove_dir_all",
    "fs::create_dir",
    "fs::create_dir_all",
    "fs::copy",
    "fs::hard_link",
    "fs::set_permissions",
    "fs::soft_link",
    "File::create",
    "File::create_new",
    "File::options",
    "fs::DirBuilder",
    "unix::fs::symlink",
    "unix::fs::chown",
    "OFlag::O_WRONLY",
    "OFlag::O_RDWR",
    "OFlag::O_CREAT",
    "OFlag::O_TRUNC",
    "unistd::unlink",
    "unistd::unlinkat",
    "unistd::mkdir",
    "unistd::chown",
    "unistd::fchown",
    "unistd::truncate",
    "unistd::ftruncate",
    "unistd::symlinkat",
    "fcntl::rename",
    "fcntl::renameat",
    "fcntl::renameat2",
    "stat::mkdirat",
    "stat::mknod",
    "stat::fchmod",
    "stat::fchmodat",
    "nix::mount",
    "mount::mount",
    "mount::umount",
    "mount::umount2",
    "signal::kill",
    "signal::killpg",
    "resource::setrlimit",
    "rlimit::setrlimit",
    "rlimit::Resource::set",
    "sys::reboot",
    // The same of rustix, and prlimit(2).
    "fs::renameat",
    "fs::renameat_with",
    "fs::unlinkat",
    "fs::mkdirat",
    "fs::symlinkat",
    "fs::linkat",
    "fs::fchmod",
    "fs::fchown",
    "fs::fsetxattr",
    "fs::fremovexattr",
    "rlimit::prlimit",
];

/// Methods that open for writing or change a kernel value.
const WRITING_METHODS: &[&str] = &["set_value", "set_value_string", "set_len", "set_permissions", "set_modified"];

/// What is wrong with a file, one line each; `file` is its path below `src`.
fn violations(file: &str, text: &str) -> Vec<String> {
    let layer = file.split('/').next().unwrap_or(file).trim_end_matches(".rs");
    let source = Source::read(text);
    let mut found = long_functions(&source);
    if PURE.contains(&layer) {
        found.extend(named(&source, IMPURE, "a pure layer names"));
        found.extend(first_words(&source, KERNEL, "a pure layer names"));
        found.extend(called(&source, LOOKING, "a pure layer calls"));
    }
    if !["render", "main"].contains(&layer) {
        found.extend(macros(&source, PRINTING_MACROS));
        found.extend(named(&source, PRINTING_PATHS, "only render and main print, not"));
    }
    if layer != "main" {
        found.extend(named(&source, EXITING, "only main exits, not"));
    }
    if layer != "perform" {
        found.extend(named(&source, WRITING, "only perform writes, not"));
        found.extend(called(&source, WRITING_METHODS, "only perform writes, not"));
        found.extend(opened_for_writing(&source));
    }
    found.into_iter().map(|what| format!("src/{file}:{what}")).collect()
}

fn long_functions(source: &Source) -> Vec<String> {
    let long = source.functions.iter().filter(|function| function.lines > LONGEST_FUNCTION);
    long.map(|function| format!("{}: fn {} has {} lines", function.line, function.name, function.lines)).collect()
}

fn named(source: &Source, forbidden: &[&str], rule: &str) -> Vec<String> {
    let hits = source.paths.iter().filter(|path| forbidden.iter().any(|word| path.holds(word)));
    hits.map(|path| format!("{}: {rule} {}", path.line, path.text())).collect()
}

fn first_words(source: &Source, forbidden: &[&str], rule: &str) -> Vec<String> {
    let hits = source.paths.iter().filter(|path| path.words.len() > 1 && forbidden.contains(&path.words[0].as_str()));
    hits.map(|path| format!("{}: {rule} {}", path.line, path.text())).collect()
}

fn called(source: &Source, forbidden: &[&str], rule: &str) -> Vec<String> {
    let hits = source.methods.iter().filter(|method| forbidden.contains(&method.name()));
    hits.map(|method| format!("{}: {rule} .{}()", method.line, method.text())).collect()
}

fn macros(source: &Source, forbidden: &[&str]) -> Vec<String> {
    let hits = source.macros.iter().filter(|used| forbidden.contains(&used.name()));
    hits.map(|used: &Use| format!("{}: only render and main print, not {}!", used.line, used.text())).collect()
}

/// `write`, `append`, `create` and `truncate` are words of many types; they count where `OpenOptions` is named.
fn opened_for_writing(source: &Source) -> Vec<String> {
    if !source.paths.iter().any(|path| path.words.iter().any(|word| word == "OpenOptions")) {
        return vec![];
    }
    called(source, &["write", "append", "create", "create_new", "truncate"], "only perform writes, not OpenOptions")
}

#[test]
fn every_layer_keeps_to_itself() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = vec![];
    for (file, text) in source::files(&root) {
        found.extend(violations(&file, &text));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_sources_are_really_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<String> = source::files(&root).into_iter().map(|(file, _)| file).collect();
    for expected in ["main.rs", "facts/fact.rs", "checks/verdict.rs", "host/root.rs", "render/table.rs"] {
        assert!(files.iter().any(|file| file == expected), "{expected} in {files:?}");
    }
    assert!(!files.iter().any(|file| file == "checks/healthy.rs"), "it is declared under cfg(test)");
}

#[test]
fn a_planted_violation_is_found_however_it_is_written() {
    for planted in [
        "use std::fs;",
        "use std::{fmt, fs};",
        "use std::{io::Read, fs::{self, File}};",
        "use std::*;",
        "use crate::host::Root;",
        "use crate::{facts::Fact, render};",
        "use super::super::host;",
        "fn f() { std::fs::read(\"x\"); }",
        "fn f() { assert!(std::env::var(\"x\").is_ok()); }",
        "fn f() { let t = jiff::Timestamp::now(); }",
        "fn f() { std::time::Instant::now(); }",
        "use std::time::SystemTime as Clock;",
        "fn f() { nix::unistd::getpid(); }",
        "fn f(p: &std::path::Path) -> bool { p.exists() }",
        "use procfs::process::Process;",
        "fn f() { println!(\"x\"); }",
        "fn f() { std::process::exit(1) }",
        "mod tests { use std::fs; }",
    ] {
        assert!(!violations("facts/planted.rs", planted).is_empty(), "{planted}");
    }
}

#[test]
fn what_only_looks_like_a_violation_is_let_through() {
    for innocent in [
        "// use std::fs;",
        "/// Not std::fs::read.\nfn f() {}",
        "fn f() -> &'static str { \"std::fs::read(println!)\" }",
        "#[cfg(test)]\nmod tests { use std::fs; fn f() { println!(); } }",
        "use crate::facts::{Fact, Facts};\nuse std::{fmt, io};",
        "fn host(facts: &Facts) -> u64 { facts.host.uid.into() }",
        "fn f(s: &S) { s.process.pid; s.render(); }",
        "use std::fmt::Write;\nfn f(out: &mut String) { write!(out, \"x\"); out.write(b\"x\"); }",
    ] {
        assert_eq!(violations("facts/innocent.rs", innocent), Vec::<String>::new(), "{innocent}");
    }
}

#[test]
fn only_perform_writes_only_render_prints_only_main_exits() {
    let write = "use std::fs::OpenOptions;\nfn f() { OpenOptions::new().write(true).open(\"x\"); }";
    let print = "fn f() { println!(\"x\"); }";
    let exit = "fn f() { std::process::exit(1); }";
    for (file, text, is_allowed) in [
        ("host/a.rs", write, false),
        ("perform/a.rs", write, true),
        ("host/a.rs", "fn f() { std::fs::File::create(\"x\"); }", false),
        ("host/a.rs", "fn f() { nix::sched::setns(fd, flags); }", true),
        ("host/a.rs", "fn f() { nix::mount::umount(\"/\"); }", false),
        ("command/a.rs", print, false),
        ("render/a.rs", print, true),
        ("main.rs", print, true),
        ("render/a.rs", exit, false),
        ("main.rs", exit, true),
    ] {
        assert_eq!(violations(file, text).is_empty(), is_allowed, "{file}: {text}");
    }
}

#[test]
fn a_function_longer_than_a_screen_is_found() {
    let function = |lines: usize| format!("fn f() {{\n{}}}", "    g();\n".repeat(lines - 2));
    assert!(violations("host/a.rs", &function(LONGEST_FUNCTION)).is_empty());
    assert_eq!(violations("host/a.rs", &function(LONGEST_FUNCTION + 1)), ["src/host/a.rs:1: fn f has 61 lines"]);
}
