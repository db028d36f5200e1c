//! What is promised of sockets is promised of encrypted ones as well: a test that takes its line's security is run in the
//! clear and encrypted, and its name says which.

use testkit::served::Setup;

/// How lines are secured: the same venue, in the clear or encrypted.
pub type Secured = fn(Setup) -> Setup;

/// Makes two tests of each of these.
macro_rules! on_both_lines {
    ($($name:ident),+ $(,)?) => {
        mod in_the_clear {
            $(#[test] fn $name() { super::$name(|setup| setup); })+
        }
        mod encrypted {
            $(#[test] fn $name() { super::$name(testkit::served::Setup::encrypted); })+
        }
    };
}

pub(crate) use on_both_lines;
