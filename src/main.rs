//! Parse, run the command, print, exit.

use gtune::cli::{self, Cli};
use gtune::render::{self, Page};
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let exit = match cli::parse(arguments.clone(), render::width()) {
        Ok(cli) => answer(&cli),
        Err(error) => render::usage(&error, &arguments),
    };
    ExitCode::from(exit)
}

fn answer(cli: &Cli) -> u8 {
    let page = Page::of_stdout(cli.global.color, cli.global.detail());
    match gtune::command::run(cli, &page) {
        Ok(answer) => render::answer(&answer),
        Err(failure) => render::failure(&failure, &cli.global),
    }
}
