//! Patterns as automata: a regular expression over a whole path, in linear time and little memory whatever it says.
//!
//! An expression becomes an automaton that looks at each byte once. One that would take too much to be made, or be too
//! large when it is, is refused; so nothing that a client writes costs more than that. `regex` itself would go on with a
//! slower engine instead of refusing, so its automata are used directly.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

/// The longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 512;
/// The largest automaton, in bytes.
const AUTOMATON_BYTES_MAX: usize = 64 << 10;
/// How much memory may be taken while one is made: it bounds the time as well.
const WORK_BYTES_MAX: usize = 64 << 10;
/// The largest form of an expression between its text and its automaton.
const NFA_BYTES_MAX: usize = 64 << 10;

/// A pattern, understood.
#[derive(Debug)]
pub enum Pattern<'a> {
    /// A path.
    Plain(&'a str),
    /// An expression that paths are matched with.
    Expression(Box<Expression>),
}

impl<'a> Pattern<'a> {
    /// Understands a pattern; `None` if it is none, or would cost too much.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        if text.len() > PATTERN_BYTES_MAX {
            return None;
        }
        let text = text.strip_prefix('^').unwrap_or(text);
        let text = match text.strip_suffix('$') {
            Some(before) if !ends_escaped(before) => before,
            _ => text,
        };
        // The dot is part of the names of families.
        if text.contains(['\\', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$']) {
            Expression::read(text).map(|it| Self::Expression(Box::new(it)))
        } else {
            Some(Self::Plain(text))
        }
    }
}

/// Whether what follows this is escaped.
fn ends_escaped(text: &str) -> bool {
    text.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

/// A regular expression that matches whole paths.
#[derive(Debug)]
pub struct Expression {
    automaton: dense::DFA<Vec<u32>>,
    start: StateID,
}

/// Where an expression is in a path that is not read to its end.
#[derive(Clone, Copy, Debug)]
pub struct Place(StateID);

impl Expression {
    fn read(text: &str) -> Option<Self> {
        let syntax = syntax::Config::new().unicode(false).utf8(false).nest_limit(64);
        let nfa = thompson::Config::new()
            .utf8(false)
            .nfa_size_limit(Some(NFA_BYTES_MAX))
            .which_captures(thompson::WhichCaptures::None);
        let nfa = thompson::Compiler::new().syntax(syntax).configure(nfa).build(text).ok()?;
        // All matches are followed, not only the first: then one that ends where the path ends is seen at its end.
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Anchored)
            .dfa_size_limit(Some(AUTOMATON_BYTES_MAX))
            .determinize_size_limit(Some(WORK_BYTES_MAX));
        let automaton = dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()?;
        let start = start::Config::new().anchored(Anchored::Yes);
        let start = automaton.start_state(&start).ok()?;
        Some(Self { automaton, start })
    }

    /// Before the first byte.
    #[must_use]
    pub const fn start(&self) -> Place {
        Place(self.start)
    }

    /// Behind these bytes; `None` if nothing that goes on from there can match.
    #[must_use]
    pub fn follow(&self, place: Place, bytes: &str) -> Option<Place> {
        let mut state = place.0;
        for byte in bytes.bytes() {
            state = self.automaton.next_state(state, byte);
            if self.automaton.is_dead_state(state) || self.automaton.is_quit_state(state) {
                return None;
            }
        }
        Some(Place(state))
    }

    /// Whether a path that goes on so, and ends then, matches.
    #[must_use]
    pub fn ends(&self, place: Place, bytes: &str) -> bool {
        self.follow(place, bytes).is_some_and(|Place(state)| {
            self.automaton.is_match_state(self.automaton.next_eoi_state(state))
        })
    }

    /// Whether a whole path matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.ends(self.start(), path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        match Pattern::read(pattern).expect("a pattern") {
            Pattern::Plain(plain) => plain == path,
            Pattern::Expression(expression) => expression.matches(path),
        }
    }

    #[test]
    fn a_whole_path_is_matched_and_nothing_less() {
        assert!(matches("/orderbook.raw/ETHUSD", "/orderbook.raw/ETHUSD"));
        assert!(!matches("/orderbook.raw/ETHUSD", "/orderbook.raw/ETHUSDT"));
        assert!(matches("^/trade/0xab/0xcd", "/trade/0xab/0xcd"));
        assert!(matches("/order-update/.*", "/order-update/0x1/BTC"));
        assert!(!matches("/order-update/.*", "/order-update"));
        assert!(!matches("/orderbook.raw/ETHUSD?", "/orderbook.raw/ETHUSDT"));
        assert!(matches("^/a|/ab$", "/ab"), "the longer of two that begin alike");
        assert!(matches("/a$|^/b", "/a") && matches("/a$|^/b", "/b") && !matches("/a$|^/b", "/ab"));
        assert!(matches(r"/a\.b\d+", "/a.b12") && !matches(r"/a\.b\d+", "/aXb12"));
        assert!(matches("(?i)/BTC", "/btc"));
        assert!(matches(r"/a\$", "/a$"), "an escaped end is none");
        assert!(!matches(r"/a\\$", "/a$") && matches(r"/a\\$", r"/a\"));
    }

    #[test]
    fn what_is_plain_is_told_apart() {
        for plain in ["/orderbook.raw/ETHUSD", "^/orderbook/ETHUSD$", "", "/ä"] {
            assert!(matches!(Pattern::read(plain), Some(Pattern::Plain(_))), "{plain}");
        }
        for expression in ["/orderbook.raw/.*", r"/orderbook\.raw/ETHUSD", "/[A-Z]", "(", "^^"] {
            assert!(!matches!(Pattern::read(expression), Some(Pattern::Plain(_))), "{expression}");
        }
    }

    #[test]
    fn what_is_wrong_or_would_cost_too_much_is_refused() {
        for wrong in ["(", "a)(b", "[", "*", r"\", r"\p{Greek}", "a{2,1}", "(?u)\\w", "x{1000000}"]
        {
            assert!(Pattern::read(wrong).is_none(), "{wrong}");
        }
        for costly in [
            "(a|b)*a(a|b){20}",
            ".*a.{60}b.{60}",
            "((a{0,50}){0,50}){0,50}",
            "[a-q][^u-z]{13}x{0,30}y{0,30}(.{0,30}z){3}",
            "(.{0,9}a){9}",
        ] {
            assert!(Pattern::read(costly).is_none(), "{costly}");
        }
        assert!(Pattern::read(&"a".repeat(PATTERN_BYTES_MAX)).is_some());
        assert!(Pattern::read(&"a".repeat(PATTERN_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn what_would_explode_elsewhere_is_harmless_here() {
        let long = "a".repeat(10_000);
        for pattern in ["(a+)+", "(a|a)*", "(a*)*b", "(a|aa)+c", "^(([a-z])+.)+[A-Z]([a-z])+$"] {
            let Some(Pattern::Expression(expression)) = Pattern::read(pattern) else {
                panic!("{pattern} is an expression")
            };
            let _any = expression.matches(&long);
        }
    }

    #[test]
    fn a_place_says_whether_anything_can_still_match() {
        let Some(Pattern::Expression(expression)) = Pattern::read("/order.symbols/0x1/.*") else {
            panic!("an expression")
        };
        let begun = expression.follow(expression.start(), "/order.symbols/").expect("it begins so");
        assert!(expression.follow(begun, "0x2").is_none());
        assert!(expression.ends(begun, "0x1/BTC"));
        assert!(expression.follow(expression.start(), "/trade/").is_none());
    }
}
