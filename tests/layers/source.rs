//! Rust source as what it names, calls and defines.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A path, method or macro that is used.
pub struct Use {
    /// Its words: `std`, `fs`, `read`.
    pub words: Vec<String>,
    /// The line, from 1.
    pub line: usize,
}

impl Use {
    /// As it is written.
    pub fn text(&self) -> String {
        self.words.join("::")
    }

    /// The last word.
    pub fn name(&self) -> &str {
        self.words.last().map_or("", String::as_str)
    }

    /// Whether these words stand in it, one after the other.
    pub fn holds(&self, path: &str) -> bool {
        let wanted: Vec<&str> = path.split("::").collect();
        let named = self.words.windows(wanted.len()).any(|words| words.iter().zip(&wanted).all(|(a, b)| a == b));
        // One bare word is a local name as often as a crate; a type is told by its capital.
        named && (self.words.len() > 1 || wanted[0].starts_with(char::is_uppercase))
    }
}

/// A function.
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of `fn`.
    pub line: usize,
    /// Lines from `fn` to the closing brace.
    pub lines: usize,
}

/// What a file holds outside its test modules.
#[derive(Default)]
pub struct Source {
    /// Paths, those of `use` groups each on its own.
    pub paths: Vec<Use>,
    /// Methods that are called.
    pub methods: Vec<Use>,
    /// Macros that are called.
    pub macros: Vec<Use>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Modules declared under `#[cfg(test)]` that lie in files of their own.
    pub test_modules: Vec<String>,
}

impl Source {
    /// Reads a file. One that is no Rust is the compiler's to report.
    pub fn read(text: &str) -> Self {
        let mut source = Self::default();
        if let Ok(tokens) = text.parse::<TokenStream>() {
            source.walk(&tokens.into_iter().collect::<Vec<_>>());
        }
        source
    }

    fn walk(&mut self, tokens: &[TokenTree]) {
        let mut at = 0;
        while at < tokens.len() {
            at = match self.test_item(tokens, at) {
                Some(after) => after,
                None => self.step(tokens, at),
            };
        }
    }

    /// Takes in what begins at `at`, and gives where the next begins.
    fn step(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        match &tokens[at] {
            TokenTree::Group(group) => self.walk(&group.stream().into_iter().collect::<Vec<_>>()),
            TokenTree::Ident(word) if word == "use" => return self.group_or_path(tokens, at + 1, &[]),
            TokenTree::Ident(word) if word == "fn" => self.function(tokens, at),
            TokenTree::Ident(_) if is_method(tokens, at) => self.methods.push(one(&tokens[at])),
            TokenTree::Ident(_) if is_punct(tokens.get(at + 1), '!') && is_group(tokens.get(at + 2)) => {
                self.macros.push(one(&tokens[at]));
            }
            TokenTree::Ident(_) => return self.group_or_path(tokens, at, &[]),
            _ => {}
        }
        at + 1
    }

    /// A path with all branches of its groups: `std::{fs, io::Read}` is two.
    fn group_or_path(&mut self, tokens: &[TokenTree], at: usize, before: &[String]) -> usize {
        let mut words = before.to_vec();
        let mut next = at;
        while let Some(token) = tokens.get(next) {
            match token {
                TokenTree::Ident(word) => words.push(word.to_string()),
                TokenTree::Punct(star) if star.as_char() == '*' && words.len() > before.len() => words.push("*".into()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && next > at => {
                    self.branches(&group.stream().into_iter().collect::<Vec<_>>(), &words);
                    return next + 1;
                }
                _ => break,
            }
            next += 1;
            if !is_path_separator(tokens, next) {
                break;
            }
            next += 2;
        }
        if let (true, Some(token)) = (next > at, tokens.get(at)) {
            self.paths.push(Use { words, line: line(token) });
        }
        next.max(at + 1)
    }

    fn branches(&mut self, tokens: &[TokenTree], before: &[String]) {
        for branch in tokens.split(|token| is_punct(Some(token), ',')).filter(|branch| !branch.is_empty()) {
            self.group_or_path(branch, 0, before);
        }
    }

    fn function(&mut self, tokens: &[TokenTree], at: usize) {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else { return };
        let ends = |token: &&TokenTree| is_punct(Some(token), ';') || is_brace(Some(token));
        if let Some(TokenTree::Group(body)) = tokens[at..].iter().find(ends) {
            let first = line(&tokens[at]);
            let lines = body.span_close().end().line + 1 - first;
            self.functions.push(Function { name: name.to_string(), line: first, lines });
        }
    }

    /// Skips an item under `#[cfg(test)]`, and gives where the next begins.
    fn test_item(&mut self, tokens: &[TokenTree], at: usize) -> Option<usize> {
        let TokenTree::Group(attribute) = tokens.get(at + 1)? else { return None };
        let written = attribute.stream().to_string().replace(' ', "");
        if !is_punct(tokens.get(at), '#') || written != "cfg(test)" {
            return None;
        }
        let rest = &tokens[at + 2..];
        let end = rest.iter().position(|token| is_punct(Some(token), ';') || is_brace(Some(token)))?;
        let module = rest.iter().position(|token| matches!(token, TokenTree::Ident(word) if word == "mod"));
        if let (true, Some(at)) = (is_punct(rest.get(end), ';'), module) {
            self.test_modules.extend(rest.get(at + 1).map(ToString::to_string));
        }
        Some(at + 2 + end + 1)
    }
}

/// Every file below a directory that is not a test module, by its path there, with its text.
pub fn files(root: &Path) -> Vec<(String, String)> {
    let mut found = vec![];
    gather(root, "", &mut found);
    let tests: BTreeSet<String> = found.iter().flat_map(|(file, text)| test_files(file, text)).collect();
    found.retain(|(file, _)| {
        !tests.iter().any(|test| file == &format!("{test}.rs") || file.starts_with(&format!("{test}/")))
    });
    found
}

/// Where the test modules that a file declares lie, without `.rs`.
fn test_files(file: &str, text: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    let home = match stem.rsplit_once('/') {
        Some((directory, "mod")) => format!("{directory}/"),
        None if ["lib", "main"].contains(&stem) => String::new(),
        _ => format!("{stem}/"),
    };
    Source::read(text).test_modules.iter().map(|module| format!("{home}{module}")).collect()
}

fn gather(directory: &Path, shown_as: &str, found: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = format!("{shown_as}{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            gather(&path, &format!("{name}/"), found);
        } else if name.ends_with(".rs") {
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn one(token: &TokenTree) -> Use {
    Use { words: vec![token.to_string()], line: line(token) }
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

fn is_group(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(_)))
}

fn is_brace(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace)
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

/// A word after a dot with arguments behind it.
fn is_method(tokens: &[TokenTree], at: usize) -> bool {
    let called =
        matches!(tokens.get(at + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
    called && at > 0 && is_punct(tokens.get(at - 1), '.')
}
