use super::*;
use proptest::prelude::*;

fn value(source: &str, name: &str) -> Option<Value> {
    read_config("c.py", source.as_bytes()).assigned.remove(name).map(|assigned| assigned.value)
}

fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|item| (*item).to_owned()).collect())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn literals_at_the_top_are_known() {
    for (source, name, expected) in [
        ("workers = 4", "workers", Value::Number(4)),
        ("workers=4 # four", "workers", Value::Number(4)),
        ("timeout: int = 1_20", "timeout", Value::Number(120)),
        ("timeout = 60 * 5", "timeout", Value::Number(300)),
        ("umask = 0o22", "umask", Value::Number(18)),
        ("timeout = -1", "timeout", Value::Number(-1)),
        ("preload_app = True; reuse_port = False", "reuse_port", Value::Flag(false)),
        ("accesslog = None", "accesslog", Value::Nothing),
        ("bind = 'unix:/run/a.sock'", "bind", text("unix:/run/a.sock")),
        ("bind = ('a' \"b\")", "bind", text("ab")),
        ("bind = 'a' \\\n  'b'", "bind", text("ab")),
        ("bind = [\n  ':1', # one\n  ':' '2',\n]", "bind", list(&[":1", ":2"])),
        ("bind = ':1', ':2'", "bind", list(&[":1", ":2"])),
        ("bind = (':1',)", "bind", list(&[":1"])),
        ("bind = []", "bind", list(&[])),
        ("x = workers = 3", "workers", Value::Number(3)),
        ("workers = 3\nworkers = 5", "workers", Value::Number(5)),
        ("\u{feff}workers = 3\r\n", "workers", Value::Number(3)),
        ("if x:\n  workers = 3\nworkers = 5", "workers", Value::Number(5)),
        ("def f():\n  workers = 3\n\nclass C:\n  workers = 4\nworkers = 5", "workers", Value::Number(5)),
        ("from base import *\nworkers = 5", "workers", Value::Number(5)),
        ("proc_name = '''a\nb'''\nworkers = 2", "workers", Value::Number(2)),
        ("workers = 5\nprint([workers for workers in x])", "workers", Value::Number(5)),
        ("foo(workers=3)\nx.workers = 4\nworkers = 5", "workers", Value::Number(5)),
    ] {
        assert_eq!(value(source, name), Some(expected), "{source}");
    }
}

#[test]
fn what_only_python_could_tell_stays_text() {
    for (source, name) in [
        ("workers = multiprocessing.cpu_count() * 2 + 1", "workers"),
        ("workers = 3\nif os.environ.get('X'): workers = 5", "workers"),
        ("workers = 3\ntry:\n  workers = 5\nexcept E: pass", "workers"),
        ("workers = 3\nworkers += 1", "workers"),
        ("workers, threads = 3, 4", "threads"),
        ("from x import workers", "workers"),
        ("import x as workers", "workers"),
        ("for workers in range(3): pass", "workers"),
        ("with open('x') as bind:\n  pass", "bind"),
        ("print(workers := 3)", "workers"),
        ("x = (workers := 3)", "workers"),
        ("def f():\n  global workers\n  workers = 9\nworkers = 3\nf()", "workers"),
        ("def f(): global workers; workers = 9\nf()", "workers"),
        ("def when_ready(server): pass", "when_ready"),
        ("bind = ['a']\nbind.append('b')", "bind"),
        ("bind = ['a']\nx = bind\nx.append('b')", "bind"),
        ("bind = f'{host}:80'", "bind"),
        ("timeout = 30.5", "timeout"),
        ("bind = ['a', 2]", "bind"),
        ("logconfig_dict = {'a': 1}", "logconfig_dict"),
        ("workers = 9999999999 * 9999999999", "workers"),
        ("if True:\n  del workers", "workers"),
        ("workers = 1 if x else 2", "workers"),
    ] {
        assert!(matches!(value(source, name), Some(Value::Computed(_))), "{source}: {:?}", value(source, name));
    }
}

#[test]
fn a_computed_value_shows_its_code_and_line() {
    let config = read_config("c.py", b"import os\n\nworkers = int(\n  os.environ['N'])\n");
    let expected = Assigned { value: Value::Computed("int( os.environ['…'])".into()), line: 3 };
    assert_eq!(config.assigned["workers"], expected);
    assert_eq!(config.opaque, None);
}

#[test]
fn a_deleted_name_is_not_set() {
    assert_eq!(value("workers = 3\ndel workers", "workers"), None);
}

#[test]
fn names_that_are_no_settings_are_left_out() {
    assert!(read_config("c.py", b"worker = 3\nWORKERS = 4\nserver.workers = 2").assigned.is_empty());
}

#[test]
fn code_that_may_set_any_name_is_told() {
    for (source, kept) in [
        ("workers = 3\nfrom base import *\n", 0),
        ("workers = 3\nexec(open('x').read())\nthreads = 2", 1),
        ("workers = 3\nglobals()['threads'] = 4", 0),
        ("workers = 3\nvars().update(x)", 0),
        ("workers = 3\nsetattr(sys.modules[__name__], 'a', 1)", 0),
        ("workers = 3\ndef on_starting(server):\n  server.cfg.set('workers', 9)", 0),
        ("workers = 3\nbind = '", 0),
    ] {
        let config = read_config("c.py", source.as_bytes());
        assert_eq!((config.assigned.len(), config.opaque.is_some()), (kept, true), "{source}");
    }
    let opaque = read_config("c.py", b"\nfrom base import *\n").opaque.unwrap();
    assert_eq!(opaque.to_string(), "c.py:2 imports every name of a module");
}

#[test]
fn a_huge_file_is_read_in_one_pass() {
    let hostile = ["(".repeat(300_000), "[".repeat(300_000) + &"]".repeat(300_000), "a;".repeat(300_000)];
    for source in hostile {
        read_config("c.py", source.as_bytes());
        read_config("c.py", format!("workers = {source}").as_bytes());
    }
    let many = "workers = 1\n".repeat(100_000);
    assert_eq!(read_config("c.py", many.as_bytes()).assigned["workers"].line, 100_000);
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_config("c.py", &bytes);
    }

    #[test]
    fn text_like_python_is_read(
        source in "(workers|bind|del |global |def |for |as |import |in |\\*|=|:|\\(|\\)|\\[|'|\"|\\\\|\n|  |,|;|\\+=|[a-z0-9]){0,40}"
    ) {
        read_config("c.py", source.as_bytes());
    }

    #[test]
    fn a_string_comes_back_whatever_is_in_it(text in "\\PC{0,20}") {
        let quoted = text.replace('\\', "\\\\").replace('\'', "\\'");
        prop_assert_eq!(value(&format!("bind = '{quoted}'"), "bind"), Some(Value::Text(text)));
    }
}

#[test]
fn what_stands_in_quotes_or_comments_is_not_shown() {
    for source in [
        "PASSWORD, workers = 'hunter2', 3",
        "workers = make('hunter2', b\"hunter2\", f'hunter2{x}')",
        "workers = int(os.environ['N'] or  # hunter2\n 3)",
        "if x: password = 'hunter2'; workers = 3",
        "workers = \"\"\"hunter2\nhunter2\"\"\" + x",
    ] {
        let Some(Value::Computed(text)) = value(source, "workers") else { panic!("{source}") };
        assert!(!text.contains("hunter2"), "{text}");
    }
}
