//! A piece of text, and phrases that are looked for in it.

/// A piece of text that begins at a line of a file.
#[derive(Debug)]
pub(crate) struct Passage {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A word or a sign, with its line. An empty word stands for an empty line.
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

impl Passage {
    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        let mut tokens = Vec::new();
        for (line, text) in (self.line..).zip(self.text.split('\n')) {
            if text.trim().is_empty() {
                tokens.push(Token { text: "", line });
            }
            tokens.extend(split(text).into_iter().map(|text| Token { text, line }));
        }
        tokens
    }
}

/// Words as a whole, every other sign that is not a space by itself.
fn split(line: &str) -> Vec<&str> {
    let in_word = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == '\'';
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if in_word(first) {
            rest.find(|sign| !in_word(sign)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// A phrase: words in their order, where `a|b` is one of two words and `*` any one.
#[derive(Debug)]
pub(crate) struct Phrase {
    units: Vec<Unit>,
    exact: bool,
}

#[derive(Debug)]
enum Unit {
    Any,
    OneOf(Vec<String>),
}

impl Phrase {
    /// An exact phrase also compares upper and lower case.
    pub(crate) fn new(text: &str, exact: bool) -> Self {
        let mut units = Vec::new();
        for word in text.split_whitespace() {
            if word == "*" {
                units.push(Unit::Any);
            } else if word.contains('|') {
                units.push(Unit::OneOf(word.split('|').map(str::to_owned).collect()));
            } else {
                units.extend(
                    split(word)
                        .iter()
                        .map(|&word| Unit::OneOf(vec![word.to_owned()])),
                );
            }
        }
        Self { units, exact }
    }

    /// The words that the phrase can begin with; none for a phrase that says nothing.
    pub(crate) fn beginnings(&self) -> &[String] {
        match self.units.first() {
            Some(Unit::OneOf(words)) => words,
            _ => &[],
        }
    }

    /// Whether the phrase stands at the start of these tokens.
    pub(crate) fn starts(&self, tokens: &[Token<'_>]) -> bool {
        tokens.len() >= self.units.len()
            && self
                .units
                .iter()
                .zip(tokens)
                .all(|(unit, token)| match unit {
                    Unit::Any => token.text.chars().next().is_some_and(char::is_alphanumeric),
                    Unit::OneOf(words) => words.iter().any(|word| {
                        word == token.text || (!self.exact && word.eq_ignore_ascii_case(token.text))
                    }),
                })
    }

    /// The phrase as the tokens have it.
    pub(crate) fn quote(&self, tokens: &[Token<'_>]) -> String {
        let words = tokens.iter().take(self.units.len());
        let words: Vec<&str> = words.map(|token| token.text).collect();
        words.join(" ")
    }
}
