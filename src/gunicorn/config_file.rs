//! A Gunicorn configuration file, read without executing it.
//!
//! The file is Python. What is assigned as a literal at the top is known; what only Python could tell stays as its
//! text; where code may set any name, that is said.

use super::Value;
use super::options::setting_named;
use super::python::{Line, Part, Token, logical_lines};
use super::python_literal::literal;
use crate::facts::Reason;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a configuration file assigns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigFile {
    /// Its path, as it was given.
    pub file: String,
    /// The last assignment of each setting; names that are no settings are left out.
    pub assigned: BTreeMap<String, Assigned>,
    /// Why settings that are not in `assigned` may be set all the same.
    pub opaque: Option<Reason>,
}

/// One assignment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assigned {
    /// The value; `Computed` where only Python could tell.
    pub value: Value,
    /// The line, from 1.
    pub line: usize,
}

/// Reads a configuration file. Takes any bytes; the time it needs grows with their number.
pub fn read_config(file: &str, bytes: &[u8]) -> ConfigFile {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let source = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (lines, broken) = logical_lines(source);
    let mut reader = Reader::new(file, source);
    for line in &lines {
        reader.line(line);
    }
    if let Some(line) = broken {
        reader.any_name_at_any_time(line, "opens a string or bracket that is not closed");
    }
    reader.finish()
}

/// Words that begin a block; what stands in it may not run.
const BLOCKS: [&str; 12] =
    ["if", "elif", "else", "for", "while", "try", "except", "finally", "with", "async", "match", "case"];

struct Reader<'a> {
    source: &'a str,
    config: ConfigFile,
    /// Indentation of the function or class whose body is being read: names bound there are its own.
    body_of: Option<usize>,
    /// Names that a function declares `global`: it may set them whenever it is called.
    global: BTreeSet<String>,
    /// How often each setting's name is used other than as a plain target.
    used: BTreeMap<&'static str, usize>,
    /// Why any name may change at any time.
    wild: Option<Reason>,
}

impl<'a> Reader<'a> {
    fn new(file: &str, source: &'a str) -> Self {
        let config = ConfigFile { file: file.to_owned(), assigned: BTreeMap::new(), opaque: None };
        Self { source, config, body_of: None, global: BTreeSet::new(), used: BTreeMap::new(), wild: None }
    }

    fn line(&mut self, line: &Line<'_>) {
        let tokens = &line.tokens[..];
        self.count_uses(tokens);
        self.notice_wild_code(tokens);
        self.body_of = self.body_of.filter(|outer| line.indent > *outer);
        let first = tokens[0].name().unwrap_or_default();
        let is_async = first == "async" && tokens.get(1).and_then(Token::name) == Some("def");
        if self.body_of.is_some() {
        } else if matches!(first, "def" | "class") || is_async {
            self.body_of = Some(line.indent);
            let named = &tokens[usize::from(is_async)..];
            self.compute_each(&named[..named.len().min(2)], tokens);
        } else if line.indent > 0 || begins_block(tokens) {
            self.compute_each(tokens, tokens);
        } else {
            for statement in tokens.split(|token| token.is(";") && token.depth == 0) {
                self.statement(statement);
            }
        }
    }

    /// A statement at the top of the file, which always runs.
    fn statement(&mut self, tokens: &[Token<'_>]) {
        let Some(first) = tokens.first() else { return };
        let assigns: Vec<usize> =
            (0..tokens.len()).filter(|at| tokens[*at].depth == 0 && tokens[*at].is("=")).collect();
        match (first.name(), assigns.last()) {
            (Some("del"), None) if tokens[1..].iter().all(|token| token.name().is_some() || token.is(",")) => {
                for name in tokens[1..].iter().filter_map(Token::name) {
                    self.config.assigned.remove(name);
                }
            }
            (_, Some(last)) => {
                self.assign(&tokens[..*last], &tokens[last + 1..], tokens);
                self.compute_inner(&tokens[last + 1..], tokens);
            }
            _ => self.compute_each(tokens, tokens),
        }
    }

    /// `target = target = value`. Where a target is more than one name, all are computed.
    fn assign(&mut self, targets: &[Token<'_>], value: &[Token<'_>], whole: &[Token<'_>]) {
        let mut names = BTreeMap::new();
        for target in targets.split(|token| token.depth == 0 && token.is("=")) {
            let plain = target.len() == 1 || target.get(1).is_some_and(|token| token.is(":"));
            let Some(name) = target.first().and_then(Token::name).filter(|_| plain) else {
                return self.compute_each(whole, whole);
            };
            let Some(setting) = setting_named(name) else { continue };
            names.insert(setting.name, target[0].line);
            // The target itself was counted as a use.
            self.used.entry(setting.name).and_modify(|uses| *uses -= 1);
        }
        if names.is_empty() || value.is_empty() {
            return;
        }
        let value = literal(value).unwrap_or_else(|| Value::Computed(self.text(value)));
        for (name, line) in names {
            self.config.assigned.insert(name.to_owned(), Assigned { value: value.clone(), line });
        }
    }

    /// `x = (workers := 3)` binds both.
    fn compute_inner(&mut self, value: &[Token<'_>], whole: &[Token<'_>]) {
        for pair in value.windows(2).filter(|pair| pair[1].is(":=")) {
            self.compute_each(pair, whole);
        }
    }

    /// Every setting that these tokens bind becomes computed, with the whole statement as its text.
    fn compute_each(&mut self, tokens: &[Token<'_>], whole: &[Token<'_>]) {
        for at in bound_names(tokens) {
            let Some(name) = tokens[at].name().filter(|name| setting_named(name).is_some()) else { continue };
            let value = Value::Computed(self.text(whole));
            self.config.assigned.insert(name.to_owned(), Assigned { value, line: tokens[at].line });
        }
    }

    /// Code that sets names a reader cannot follow.
    fn notice_wild_code(&mut self, tokens: &[Token<'_>]) {
        let global = tokens.iter().position(|token| token.name() == Some("global")).unwrap_or(tokens.len());
        self.global.extend(tokens[global..].iter().filter_map(Token::name).map(str::to_owned));
        for (at, token) in tokens.iter().enumerate() {
            let after = |sign: &str| tokens.get(at + 1).is_some_and(|next| next.is(sign));
            let is_attribute = at > 0 && tokens[at - 1].is(".");
            let is_in = |owner: &str| is_attribute && at > 1 && tokens[at - 2].name() == Some(owner);
            let without_arguments = after("(") && tokens.get(at + 2).is_some_and(|next| next.is(")"));
            match token.name() {
                Some("import") if after("*") => self.any_name_before(token.line, "imports every name of a module"),
                Some("exec" | "execfile") if after("(") && !is_attribute && self.body_of.is_none() => {
                    self.any_name_before(token.line, "runs other code");
                }
                Some("globals") if after("(") => self.any_name_at_any_time(token.line, "reaches for globals()"),
                Some("vars" | "locals") if without_arguments && self.body_of.is_none() => {
                    self.any_name_at_any_time(token.line, "reaches for its own names");
                }
                Some("modules") if is_in("sys") => self.any_name_at_any_time(token.line, "reaches for sys.modules"),
                Some("set") if is_in("cfg") => self.any_name_at_any_time(token.line, "sets options in a function"),
                _ => {}
            }
        }
    }

    /// What was assigned before may have changed; what comes after holds.
    fn any_name_before(&mut self, line: usize, what: &str) {
        self.config.assigned.clear();
        self.config.opaque = Some(self.reason(line, what));
    }

    fn any_name_at_any_time(&mut self, line: usize, what: &str) {
        self.wild.get_or_insert(Reason::new(format!("{}:{line} {what}", self.config.file)));
    }

    fn reason(&self, line: usize, what: &str) -> Reason {
        Reason::new(format!("{}:{line} {what}", self.config.file))
    }

    fn count_uses(&mut self, tokens: &[Token<'_>]) {
        for (at, token) in tokens.iter().enumerate() {
            let Some(setting) = token.name().and_then(setting_named) else { continue };
            let is_attribute = at > 0 && tokens[at - 1].is(".");
            let is_keyword = token.depth > 0 && tokens.get(at + 1).is_some_and(|next| next.is("="));
            if !is_attribute && !is_keyword {
                *self.used.entry(setting.name).or_default() += 1;
            }
        }
    }

    fn finish(mut self) -> ConfigFile {
        if let Some(reason) = self.wild {
            self.config.assigned.clear();
            self.config.opaque = Some(reason);
        }
        for (name, assigned) in &mut self.config.assigned {
            // A list can be changed in place by any code that names it; strings and numbers cannot.
            let may_change = matches!(assigned.value, Value::List(_)) && self.used.get(&**name) > Some(&0);
            if self.global.contains(name) || may_change {
                assigned.value = Value::Computed(format!("{name} is also used by other code in the file"));
            }
        }
        for name in self.global.iter().filter(|name| setting_named(name).is_some()) {
            let value = Value::Computed(format!("a function declares {name} global"));
            self.config.assigned.entry(name.clone()).or_insert(Assigned { value, line: 1 });
        }
        self.config
    }

    /// The text of these tokens on one line, cut where it is long: it is shown, not read. What stands in quotes is not
    /// shown, for it may be a password.
    fn text(&self, tokens: &[Token<'_>]) -> String {
        const LONGEST: usize = 120;
        let mut shown = String::new();
        let mut end = tokens.first().map_or(0, |first| first.span.start);
        for token in tokens {
            let between = self.source.get(end..token.span.start).unwrap_or_default();
            let is_quoted = matches!(token.part, Part::Text(_));
            let itself = if is_quoted { "'…'" } else { self.source.get(token.span.clone()).unwrap_or_default() };
            // Comments may stand between tokens in brackets.
            shown.push_str(if between.trim().is_empty() { between } else { " " });
            shown.push_str(itself);
            end = token.span.end;
        }
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        match shown.char_indices().nth(LONGEST) {
            Some((cut, _)) => format!("{} …", &shown[..cut]),
            None => shown,
        }
    }
}

/// Whether a line at the top begins a block; `match` and `case` may also be names of variables.
fn begins_block(tokens: &[Token<'_>]) -> bool {
    let is_block_word = tokens[0].name().is_some_and(|name| BLOCKS.contains(&name));
    let is_variable = tokens.get(1).is_some_and(|next| next.is("=") || next.is("."));
    is_block_word && !is_variable && tokens.iter().any(|token| token.is(":") && token.depth == 0)
}

/// Where names are bound: before `=` and `+=`, at `:=`, after `for`, `as`, `import`, `def`, `class`, `case`.
///
/// Takes too many rather than too few: a name that is merely read there becomes computed.
fn bound_names(tokens: &[Token<'_>]) -> Vec<usize> {
    let is_assign = |token: &Token<'_>| {
        token.depth == 0
            && ["=", "+=", "-=", "*=", "/=", "//=", "%=", "**=", "|=", "&=", "^=", "@=", ">>=", "<<="]
                .iter()
                .any(|sign| token.is(sign))
    };
    let last_assign = tokens.iter().rposition(is_assign).unwrap_or(0);
    let mut binding = false;
    let mut bound = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_attribute = at > 0 && tokens[at - 1].is(".");
        let before_walrus = tokens.get(at + 1).is_some_and(|next| next.is(":="));
        match token.name() {
            // The `for` of a comprehension stands in brackets and binds nothing outside.
            Some("for") if token.depth > 0 => {}
            Some("for" | "as" | "import" | "def" | "class" | "case" | "del") if !is_attribute => binding = true,
            Some("in" | "if") => binding = false,
            Some(_) if !is_attribute && (binding || at < last_assign || before_walrus) => bound.push(at),
            None if token.is(":") || token.is(";") => binding = false,
            _ => {}
        }
    }
    bound
}

#[cfg(test)]
#[path = "config_file_tests.rs"]
mod tests;
