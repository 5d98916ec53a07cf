//! Reads Rust text as the compiler's lexer does: comments are gone, literals are not code, and what stands inside a
//! macro call is seen like the rest.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A token with its line, counted from 1. Groups are flattened into their brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// The identifier, punctuation mark or bracket; empty for a literal.
    pub(super) text: String,
    /// Where it stands.
    pub(super) line: usize,
}

/// A path as it is used: `a::b::c` in an expression, type, attribute or `use`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Its parts, without generic arguments.
    pub(super) parts: Vec<String>,
    /// The other name that a `use … as` gives it.
    pub(super) alias: Option<String>,
    /// Whether a `use` names it.
    pub(super) imported: bool,
    /// Where it ends.
    pub(super) line: usize,
}

impl Path {
    /// The path with `::` between its parts.
    pub(super) fn text(&self) -> String {
        self.parts.join("::")
    }

    /// Whether the path leads into the crate: it begins with its name and goes on, or is a `use` of it.
    pub(super) fn leads_into(&self, name: &str) -> bool {
        self.parts.first().is_some_and(|first| first == name) && (self.imported || self.parts.len() > 1)
    }
}

/// The tokens of a Rust file.
pub(super) fn tokens(path: &str, text: &str) -> Vec<Token> {
    let stream: TokenStream = text.parse().unwrap_or_else(|e| panic!("{path} is not Rust: {e}"));
    let mut flat = Vec::new();
    flatten(stream, &mut flat);
    flat
}

fn flatten(stream: TokenStream, flat: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |text: &str, line| flat.push(Token { text: text.to_owned(), line });
        match tree {
            TokenTree::Ident(ident) => push(&ident.to_string(), line),
            TokenTree::Punct(mark) => push(&mark.as_char().to_string(), line),
            TokenTree::Literal(_) => push("", line),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                push(open, line);
                let end = group.span_close().end().line;
                flatten(group.stream(), flat);
                flat.push(Token { text: close.to_owned(), line: end });
            }
        }
    }
}

/// Every path of the file; a `use` of several is spelt out.
pub(super) fn paths(tokens: &[Token]) -> Vec<Path> {
    let mut reader = Reader { tokens, at: 0, found: Vec::new() };
    while reader.at < tokens.len() {
        if reader.text() == "use" && reader.peek(1) != "<" {
            reader.at += 1;
            reader.skip_separator();
            reader.import(&[]);
        } else if is_name(reader.text()) {
            reader.path();
        } else {
            reader.at += 1;
        }
    }
    reader.found
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    found: Vec<Path>,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| &token.text)
    }

    fn text(&self) -> &str {
        self.peek(0)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at.min(self.tokens.len().saturating_sub(1))).map_or(0, |token| token.line)
    }

    fn skip_separator(&mut self) -> bool {
        let here = self.text() == ":" && self.peek(1) == ":";
        if here {
            self.at += 2;
        }
        here
    }

    fn path(&mut self) {
        let (mut parts, line) = (vec![self.text().to_owned()], self.line());
        self.at += 1;
        while self.skip_separator() {
            if self.text() == "<" {
                self.skip_generics();
            } else if is_name(self.text()) {
                parts.push(self.text().to_owned());
                self.at += 1;
            }
        }
        self.found.push(Path { parts, alias: None, imported: false, line });
    }

    // Paths inside the brackets are found again by reading on from their beginning.
    fn skip_generics(&mut self) {
        let (begin, mut depth) = (self.at, 0_usize);
        loop {
            match self.text() {
                "<" => depth += 1,
                ">" if self.at > 0 && self.tokens[self.at - 1].text != "-" => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 || self.at >= self.tokens.len() {
                break;
            }
        }
        let mut inside =
            Reader { tokens: &self.tokens[begin + 1..self.at.saturating_sub(1)], at: 0, found: Vec::new() };
        while inside.at < inside.tokens.len() {
            if is_name(inside.text()) {
                inside.path();
            } else {
                inside.at += 1;
            }
        }
        self.found.append(&mut inside.found);
    }

    fn import(&mut self, prefix: &[String]) {
        let mut parts = prefix.to_vec();
        loop {
            match self.text() {
                "{" => {
                    self.at += 1;
                    while self.at < self.tokens.len() && self.text() != "}" {
                        if self.text() == "," {
                            self.at += 1;
                        } else {
                            self.import(&parts);
                        }
                    }
                    self.at += 1;
                    return;
                }
                name if is_name(name) || name == "*" => {
                    // `a::{self}` is `a` itself.
                    if name != "self" || parts.is_empty() {
                        parts.push(name.to_owned());
                    }
                    let line = self.line();
                    self.at += 1;
                    if self.skip_separator() {
                        continue;
                    }
                    let mut alias = None;
                    if self.text() == "as" {
                        alias = Some(self.peek(1).to_owned());
                        self.at += 2;
                    }
                    self.found.push(Path { parts, alias, imported: true, line });
                    return;
                }
                _ => {
                    self.at += 1;
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(code: &str) -> Vec<String> {
        paths(&tokens("sample.rs", code)).iter().map(Path::text).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(texts("// tokio::spawn\n/* std::env */ fn a() { \"rand::rng()\"; }"), ["fn", "a"]);
    }

    #[test]
    fn a_use_of_several_is_spelt_out() {
        let code = "use ::std::{env, time::{self, SystemTime as Time}}; use tonic::*;";
        assert_eq!(texts(code), ["std::env", "std::time", "std::time::SystemTime", "tonic::*"]);
        let found = paths(&tokens("sample.rs", code));
        assert_eq!(found[2].alias.as_deref(), Some("Time"));
        assert!(found.iter().all(|path| path.imported));
    }

    #[test]
    fn paths_are_found_inside_macros_and_generics() {
        let code = "fn f() { x!(a::b::<c::D, fn() -> e::F>::g(h::i)) }";
        let found = texts(code);
        for expected in ["c::D", "e::F", "a::b::g", "h::i"] {
            assert!(found.iter().any(|path| path == expected), "{expected} is not in {found:?}");
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        let found = paths(&tokens("sample.rs", "\n\nuse tokio::{\n    net,\n};\n"));
        assert_eq!((found[0].text().as_str(), found[0].line), ("tokio::net", 4));
    }

    #[test]
    fn a_capture_list_is_not_an_import() {
        assert_eq!(texts("fn f() -> impl X + use<T> { tokio::a() }").last().unwrap(), "tokio::a");
    }
}
