//! Rust source as tokens: enough of a lexer to tell code from comments and strings, tests from the
//! product, and a path from a word. Not a parser: it knows no types and expands no macro.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word: identifier or keyword.
    Word,
    Lifetime,
    Integer,
    Float,
    /// A string literal of any sort, its quotes included.
    Text,
    Char,
    /// One character of punctuation, or `::`.
    Mark,
}

/// One token of a file.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub line: u32,
    /// Part of an item that only tests compile.
    pub test: bool,
}

impl Token<'_> {
    pub fn is(&self, text: &str) -> bool {
        self.text == text && matches!(self.kind, Kind::Word | Kind::Mark)
    }
}

/// A path as written, `use` trees spread out: `use a::{b, c::d}` gives `a::b` and `a::c::d`.
#[derive(Debug, PartialEq, Eq)]
pub struct Path<'a> {
    pub segments: Vec<&'a str>,
    pub line: u32,
    pub test: bool,
}

/// The tokens of a file, comments left out, tests marked.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, at: 0, line: 1, tokens: Vec::new() };
    lexer.run();
    let mut tokens = lexer.tokens;
    mark_tests(&mut tokens);
    tokens
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) {
        if self.text.starts_with("#!") && !self.text.starts_with("#![") {
            self.at = self.text.find('\n').unwrap_or(self.text.len());
        }
        while let Some(next) = self.rest().chars().next() {
            let start = self.at;
            let kind = match next {
                _ if next.is_whitespace() => {
                    self.at += next.len_utf8();
                    None
                }
                '/' if self.rest().starts_with("//") => {
                    self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                    None
                }
                '/' if self.rest().starts_with("/*") => {
                    self.block_comment();
                    None
                }
                '"' => self.string(1),
                '\'' => Some(self.quote()),
                _ if next.is_ascii_digit() => Some(self.number()),
                _ if is_word(next) => self.word(),
                ':' if self.rest().starts_with("::") => {
                    self.at += 2;
                    Some(Kind::Mark)
                }
                _ => {
                    self.at += next.len_utf8();
                    Some(Kind::Mark)
                }
            };
            let text = &self.text[start..self.at];
            if let Some(kind) = kind {
                self.tokens.push(Token { kind, text, line: self.line, test: false });
            }
            self.line += text.matches('\n').count() as u32;
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Comments nest.
    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.text.len() {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.step();
            }
        }
    }

    /// A string whose opening quote ends `prefix` bytes on; backslashes escape.
    fn string(&mut self, prefix: usize) -> Option<Kind> {
        self.at += prefix;
        while let Some(next) = self.rest().chars().next() {
            self.step();
            match next {
                '"' => break,
                '\\' => self.step(),
                _ => {}
            }
        }
        Some(Kind::Text)
    }

    /// A raw string: `hashes` of them close it after a quote.
    fn raw_string(&mut self, prefix: usize, hashes: usize) -> Option<Kind> {
        let close = format!("\"{}", "#".repeat(hashes));
        let body = self.at + prefix + hashes + 1;
        let end =
            self.text[body..].find(&close).map_or(self.text.len(), |end| body + end + close.len());
        self.at = end;
        Some(Kind::Text)
    }

    /// A character or a lifetime.
    fn quote(&mut self) -> Kind {
        let mut after = self.rest().chars().skip(1);
        let (first, second) = (after.next(), after.next());
        self.at += 1;
        if first == Some('\\') {
            self.step();
            self.step();
            self.at += self.rest().find('\'').map_or(0, |end| end + 1);
            Kind::Char
        } else if second == Some('\'') {
            self.step();
            self.step();
            Kind::Char
        } else {
            self.skip_word();
            Kind::Lifetime
        }
    }

    fn number(&mut self) -> Kind {
        let radix = ["0x", "0o", "0b"].iter().any(|prefix| self.rest().starts_with(prefix));
        let field = self.tokens.last().is_some_and(|token| token.is("."));
        let start = self.at;
        self.skip_word();
        if radix || field {
            return Kind::Integer;
        }
        let mut float = false;
        if let Some(fraction) = self.rest().strip_prefix('.') {
            let next = fraction.chars().next();
            // `1.` is a float; `1..2` and `1.max(2)` are not.
            float =
                !next.is_some_and(|next| next == '.' || is_word(next) && !next.is_ascii_digit());
            if float {
                self.at += 1;
                self.skip_word();
            }
        }
        let written = &self.text[start..self.at];
        if written.ends_with(['e', 'E']) && self.rest().starts_with(['-', '+']) {
            self.at += 1;
            self.skip_word();
        }
        let has_exponent = written.contains(['e', 'E']) && !written.contains("usize");
        let has_exponent = has_exponent && !written.contains("isize");
        match float || has_exponent || written.ends_with("f32") || written.ends_with("f64") {
            true => Kind::Float,
            false => Kind::Integer,
        }
    }

    fn word(&mut self) -> Option<Kind> {
        let rest = self.rest();
        for prefix in ["br", "cr", "r"] {
            let Some(tail) = rest.strip_prefix(prefix) else { continue };
            let hashes = tail.len() - tail.trim_start_matches('#').len();
            if tail[hashes..].starts_with('"') {
                return self.raw_string(prefix.len(), hashes);
            }
        }
        if rest.starts_with("b\"") || rest.starts_with("c\"") {
            return self.string(2);
        }
        if rest.starts_with("b'") {
            self.at += 1;
            return Some(self.quote());
        }
        if rest.starts_with("r#") {
            self.at += 2;
        }
        self.skip_word();
        Some(Kind::Word)
    }

    fn skip_word(&mut self) {
        let rest = self.rest();
        self.at += rest.find(|next| !is_word(next)).unwrap_or(rest.len());
    }

    fn step(&mut self) {
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }
}

fn is_word(next: char) -> bool {
    next.is_alphanumeric() || next == '_'
}

/// The attributes of a file: for each, the index of its `#` and its tokens within the brackets.
pub fn attributes<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<(usize, &'t [Token<'a>])> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if !tokens[at].is("#") {
            continue;
        }
        let open = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|token| token.is("!")));
        if tokens.get(open).is_some_and(|token| token.is("[")) {
            let end = end_of_group(tokens, open);
            found.push((at, &tokens[open + 1..end]));
        }
    }
    found
}

/// The index of the bracket that closes the one at `open` (or of the end).
fn end_of_group(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.kind == Kind::Mark {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at;
                    }
                }
                _ => {}
            }
        }
    }
    tokens.len()
}

/// Marks the items under `#[cfg(test)]` and `#[test]`, and the whole file under `#![cfg(test)]`.
fn mark_tests(tokens: &mut [Token<'_>]) {
    let mut ranges = Vec::new();
    for (at, inside) in attributes(tokens) {
        let word = |name: &str| inside.iter().any(|token| token.is(name));
        let first = inside.first().map_or("", |token| token.text);
        let is_test =
            first == "test" && inside.len() == 1 || first == "cfg" && word("test") && !word("not");
        if !is_test {
            continue;
        }
        let end = match tokens[at + 1].is("!") {
            true => tokens.len(),
            false => end_of_item(tokens, at),
        };
        ranges.push(at..end);
    }
    for range in ranges {
        for token in &mut tokens[range] {
            token.test = true;
        }
    }
}

/// The end of the item that starts at `at` with its attributes: past its `;` or its braces.
fn end_of_item(tokens: &[Token<'_>], at: usize) -> usize {
    let mut at = at;
    while at < tokens.len() {
        if tokens[at].is("{") {
            return end_of_group(tokens, at) + 1;
        }
        if tokens[at].is(";") {
            return at + 1;
        }
        if tokens[at].is("(") || tokens[at].is("[") {
            at = end_of_group(tokens, at);
        }
        at += 1;
    }
    tokens.len()
}

/// All paths of two segments and more, and every imported name.
pub fn paths<'a>(tokens: &[Token<'a>]) -> Vec<Path<'a>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].is("use") {
            at = use_tree(tokens, at + 1, &mut Vec::new(), &mut found);
        } else if tokens[at].kind == Kind::Word {
            let mut segments = vec![tokens[at].text];
            let Token { line, test, .. } = tokens[at];
            at += 1;
            while at + 1 < tokens.len() && tokens[at].is("::") && tokens[at + 1].kind == Kind::Word
            {
                segments.push(tokens[at + 1].text);
                at += 2;
            }
            if segments.len() > 1 {
                found.push(Path { segments, line, test });
            }
        } else {
            at += 1;
        }
    }
    found
}

/// One branch of a `use` tree, from `at`; returns where it ends.
fn use_tree<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    before: &mut Vec<&'a str>,
    found: &mut Vec<Path<'a>>,
) -> usize {
    let depth = before.len();
    while at < tokens.len() {
        let token = tokens[at];
        if token.is("{") {
            let end = end_of_group(tokens, at);
            at += 1;
            while at < end {
                at = use_tree(tokens, at, before, found);
                at += usize::from(at < end && tokens[at].is(","));
            }
            before.truncate(depth);
            return end + 1;
        }
        if token.is("as") {
            at += 2;
        } else if token.is("::") {
            at += 1;
        } else if token.kind == Kind::Word || token.is("*") {
            before.push(token.text);
            let last = !tokens.get(at + 1).is_some_and(|next| next.is("::"));
            if last {
                found.push(Path { segments: before.clone(), line: token.line, test: token.test });
            }
            at += 1;
        } else {
            break;
        }
    }
    before.truncate(depth);
    at
}
