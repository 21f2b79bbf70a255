//! Which part of a process's command line Gunicorn itself reads.

/// What follows the program: the arguments that Gunicorn's own parser sees.
///
/// `None` for another program, for an application that embeds Gunicorn (`python app.py`), and for a title that
/// setproctitle has written over the arguments.
pub fn gunicorn_arguments(argv: &[String]) -> Option<&[String]> {
    let (program, rest) = argv.split_first()?;
    if is_gunicorn_script(program) {
        return Some(rest);
    }
    if !is_interpreter(base_name(program)) {
        return None;
    }
    match python_starts(rest)? {
        Start::Module(name, after) if is_gunicorn_module(name) => Some(after),
        Start::Script(path, after) if is_gunicorn_script(path) => Some(after),
        Start::Code(text, after) if text.contains("gunicorn.app.wsgiapp") => Some(after),
        _ => None,
    }
}

/// Whether the arguments are one string with words in it, as setproctitle leaves them: `gunicorn: master [app]`.
///
/// Without a title of its own yet, a process that has merely imported setproctitle shows its old arguments joined.
pub fn is_retitled(argv: &[String]) -> bool {
    title(argv).is_some_and(|title| title.contains(' '))
}

/// Whether this command line is Gunicorn's, running or retitled.
///
/// Not for programs that merely name it: `vim gunicorn.conf.py`, `grep gunicorn`, `gunicornc`.
pub fn mentions_gunicorn(argv: &[String]) -> bool {
    if gunicorn_arguments(argv).is_some() {
        return true;
    }
    let Some(title) = title(argv) else { return false };
    // Embedders put their own words in front: `[ready] gunicorn: worker [airflow-webserver]`.
    if ["gunicorn: master", "gunicorn: worker", "gunicorn: dirty"].iter().any(|part| title.contains(part)) {
        return true;
    }
    let words: Vec<String> = title.split_whitespace().take(16).map(str::to_owned).collect();
    words.len() > 1 && gunicorn_arguments(&words).is_some()
}

/// The only string there is; setproctitle pads what it leaves with NULs, which read as empty arguments.
fn title(argv: &[String]) -> Option<&str> {
    let mut filled = argv.iter().filter(|argument| !argument.is_empty());
    match (filled.next(), filled.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// What a Python interpreter was told to run, and the arguments after it.
enum Start<'a> {
    Module(&'a str, &'a [String]),
    Script(&'a str, &'a [String]),
    Code(&'a str, &'a [String]),
}

/// Reads the interpreter's own options as python(1) does: letters may be joined, `-W` `-X` `-m` `-c` take a value.
fn python_starts(arguments: &[String]) -> Option<Start<'_>> {
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        at += 1;
        if argument == "--check-hash-based-pycs" {
            at += 1;
        } else if argument == "-" || !argument.starts_with('-') {
            return Some(Start::Script(argument, &arguments[at..]));
        } else if !argument.starts_with("--") {
            let Some((letter, joined)) = value_letter(argument) else { continue };
            let value = if joined.is_empty() { arguments.get(at)? } else { joined };
            at += usize::from(joined.is_empty());
            match letter {
                'm' => return Some(Start::Module(value, &arguments[at..])),
                'c' => return Some(Start::Code(value, &arguments[at..])),
                _ => {}
            }
        }
    }
    None
}

/// The first letter of joined options that takes a value, and what is joined to it.
fn value_letter(argument: &str) -> Option<(char, &str)> {
    let at = argument.find(['m', 'c', 'W', 'X'])?;
    Some((char::from(argument.as_bytes()[at]), &argument[at + 1..]))
}

fn is_gunicorn_module(name: &str) -> bool {
    matches!(name, "gunicorn" | "gunicorn.__main__" | "gunicorn.app.wsgiapp")
}

/// `gunicorn`, Debian's `gunicorn3`, `gunicorn3.11`, `gunicorn-3`, NixOS's `.gunicorn-wrapped`, or the package's file.
fn is_gunicorn_script(path: &str) -> bool {
    let version = |rest: &str| rest.trim_start_matches('-').chars().all(|c| c.is_ascii_digit() || c == '.');
    let name = base_name(path);
    name == ".gunicorn-wrapped"
        || name.strip_prefix("gunicorn").is_some_and(version)
        || path.ends_with("/gunicorn/__main__.py")
        || path.ends_with("/gunicorn/app/wsgiapp.py")
}

/// Whether a program or command name is a Python interpreter's.
pub(super) fn is_interpreter(name: &str) -> bool {
    let name = name.trim_start_matches('.');
    name.starts_with("python") || name.starts_with("pypy")
}

fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn argv(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn gunicorn_sees_what_follows_the_program() {
        for (line, seen) in [
            ("python3 /venv/bin/gunicorn -w 4 app", Some("-w 4 app")),
            ("/usr/bin/python3 -m gunicorn app:app", Some("app:app")),
            ("python -u -X dev -m gunicorn.app.wsgiapp app", Some("app")),
            ("python -uBm gunicorn app", Some("app")),
            ("python -Wignore -Xdev -mgunicorn app", Some("app")),
            ("pypy3 --check-hash-based-pycs never /usr/bin/gunicorn3 app", Some("app")),
            ("/venv/bin/gunicorn app", Some("app")),
            ("/venv/bin/python3.11 /usr/lib/python3/dist-packages/gunicorn/__main__.py app", Some("app")),
            ("python app.py --bind x", None),
            ("python -m gunicornc", None),
            ("python -m uvicorn app:app", None),
            ("vim gunicorn.conf.py", None),
            ("sh -c gunicorn", None),
            ("python3", None),
            ("python3 -m", None),
        ] {
            let expected = seen.map(argv);
            assert_eq!(gunicorn_arguments(&argv(line)), expected.as_deref(), "{line}");
        }
    }

    #[test]
    fn code_that_runs_gunicorn_is_gunicorn() {
        let line = ["python", "-c", "from gunicorn.app.wsgiapp import run; run()", "app"].map(str::to_owned);
        assert_eq!(gunicorn_arguments(&line), Some(&line[3..]));
    }

    #[test]
    fn a_title_is_one_string_padded_with_nothing() {
        let titled = ["gunicorn: master [app]", "", ""].map(str::to_owned);
        assert!(is_retitled(&titled));
        assert!(gunicorn_arguments(&titled).is_none());
        assert!(mentions_gunicorn(&titled));
        assert!(!is_retitled(&argv("/venv/bin/gunicorn")));
        assert!(!is_retitled(&argv("python3 /venv/bin/gunicorn app")));
        assert!(!is_retitled(&[]));
    }

    #[test]
    fn arguments_joined_by_setproctitle_are_still_gunicorns() {
        // Seen with 27.0.1 and setproctitle 1.3.8 while --preload imports the application.
        let joined = ["/venv/bin/python3 /venv/bin/gunicorn --preload slow:app".to_owned()];
        assert!(mentions_gunicorn(&joined) && is_retitled(&joined));
    }

    #[test]
    fn a_program_that_names_gunicorn_is_not_gunicorn() {
        for line in [
            "vim gunicorn.conf.py",
            "grep gunicorn",
            "tail -f gunicorn.log",
            "gunicornc",
            "python3 /venv/bin/gunicornc show",
            "/bin/sh -c gunicorn",
            "python app.py gunicorn",
        ] {
            assert!(!mentions_gunicorn(&argv(line)), "{line}");
            assert!(!mentions_gunicorn(&[line.to_owned()]) || line == "gunicorn", "{line}");
        }
        assert!(mentions_gunicorn(&["[ready] gunicorn: worker [airflow-webserver]".to_owned()]));
    }

    proptest! {
        #[test]
        fn what_gunicorn_sees_is_the_end_of_the_command_line(
            argv in prop::collection::vec("(-[a-zA-Z]{0,4}|python3|gunicorn|\\PC{0,8})", 0..8)
        ) {
            if let Some(seen) = gunicorn_arguments(&argv) {
                prop_assert!(argv.ends_with(seen) && seen.len() < argv.len());
                prop_assert!(mentions_gunicorn(&argv));
            }
            is_retitled(&argv);
        }
    }
}
