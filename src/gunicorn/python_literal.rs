//! The value of a Python expression that is a literal.

use super::Value;
use super::arguments::any_base;
use super::python::{Part, Token};

/// The value, or nothing where only Python could tell: names, calls, sums, floats, dictionaries.
pub fn literal(tokens: &[Token<'_>]) -> Option<Value> {
    let tokens = without_parentheses(tokens);
    let first = tokens.first()?;
    if let Some(text) = text(tokens) {
        return Some(Value::Text(text));
    }
    match first.name() {
        Some("True") if tokens.len() == 1 => Some(Value::Flag(true)),
        Some("False") if tokens.len() == 1 => Some(Value::Flag(false)),
        Some("None") if tokens.len() == 1 => Some(Value::Nothing),
        Some(_) => None,
        None => product(tokens).map(Value::Number).or_else(|| list(tokens).map(Value::List)),
    }
}

/// Adjacent strings are one.
fn text(tokens: &[Token<'_>]) -> Option<String> {
    let mut joined = String::new();
    for token in tokens {
        match &token.part {
            Part::Text(Some(text)) => joined.push_str(text),
            _ => return None,
        }
    }
    (!tokens.is_empty()).then_some(joined)
}

/// `30`, `-1`, and what people write for minutes and mebibytes: `60 * 5`.
fn product(tokens: &[Token<'_>]) -> Option<i64> {
    let (negative, tokens) = match tokens.split_first()? {
        (sign, rest) if sign.is("-") => (true, rest),
        _ => (false, tokens),
    };
    let factors = tokens.split(|token| token.is("*")).map(|factor| match factor {
        [Token { part: Part::Number(digits), .. }] => any_base(digits),
        _ => None,
    });
    let value = factors.into_iter().try_fold(1_i64, |product, factor| product.checked_mul(factor?))?;
    Some(if negative { -value } else { value })
}

/// A list or tuple of strings, with or without its brackets.
fn list(tokens: &[Token<'_>]) -> Option<Vec<String>> {
    let bracketed = encloses_all(tokens, "[", "]") || encloses_all(tokens, "(", ")");
    let inner = if bracketed { &tokens[1..tokens.len() - 1] } else { tokens };
    let depth = usize::from(bracketed) + tokens.first()?.depth;
    let is_comma = |token: &Token<'_>| token.is(",") && token.depth == depth;
    if !bracketed && !inner.iter().any(is_comma) {
        return None;
    }
    let mut items: Vec<&[Token<'_>]> = inner.split(is_comma).collect();
    // A comma after the last item, and brackets with nothing in them, leave one empty part.
    if items.last().is_some_and(|last| last.is_empty()) {
        items.pop();
    }
    items.into_iter().map(text).collect()
}

/// Takes away parentheses that hold one expression: `("a" "b")`, not `("a",)`.
fn without_parentheses<'a, 'b>(mut tokens: &'a [Token<'b>]) -> &'a [Token<'b>] {
    // Whether the parentheses match is asked once for each pair, so only a few pairs are taken away.
    for _ in 0..4 {
        let one = encloses_all(tokens, "(", ")") && tokens.len() > 2;
        if !one || tokens[1..].iter().any(|token| token.is(",") && token.depth == tokens[0].depth + 1) {
            break;
        }
        tokens = &tokens[1..tokens.len() - 1];
    }
    tokens
}

/// Whether the first bracket is closed by the last token and not before.
fn encloses_all(tokens: &[Token<'_>], open: &str, close: &str) -> bool {
    let [first, inner @ .., last] = tokens else { return false };
    first.is(open) && last.is(close) && inner.iter().all(|token| token.depth > first.depth)
}
