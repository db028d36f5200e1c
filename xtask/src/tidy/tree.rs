//! The project's text files in memory, so that a rule is a function of text and a test can make its
//! own tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use super::modules;
use super::rust::{self, Token};

/// One text file.
#[derive(Debug)]
pub struct Source {
    pub text: String,
    /// Only tests compile it.
    pub test: bool,
}

impl Source {
    /// The tokens of a .rs file; all are marked as tests where only tests compile the file.
    pub fn tokens(&self) -> Vec<Token<'_>> {
        let mut tokens = rust::tokens(&self.text);
        if self.test {
            tokens.iter_mut().for_each(|token| token.test = true);
        }
        tokens
    }
}

/// All text files by their path from the root, with `/` between names.
#[derive(Debug)]
pub struct Tree {
    files: BTreeMap<String, Source>,
}

impl Tree {
    /// The files that git tracks or would track.
    pub fn read(root: &Path) -> Result<Tree, String> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = git.current_dir(root).output();
        let listed = listed.map_err(|error| format!("failed to run git: {error}"))?;
        if !listed.status.success() {
            let said = String::from_utf8_lossy(&listed.stderr);
            return Err(format!("failed to list the files with git: {said}"));
        }
        let names = String::from_utf8_lossy(&listed.stdout);
        let names = names.split('\0').filter(|name| !name.is_empty());
        // A tracked file may be deleted, a link may lead to a folder, an image is no text.
        let texts = names.filter_map(|name| {
            Some((name.to_string(), String::from_utf8(fs::read(root.join(name)).ok()?).ok()?))
        });
        Ok(Tree::of(texts))
    }

    /// A tree of these paths and texts.
    pub fn of(files: impl IntoIterator<Item = (String, String)>) -> Tree {
        let sources = files.into_iter().map(|(path, text)| {
            let test = is_test_path(&path);
            (path, Source { text, test })
        });
        let mut tree = Tree { files: sources.collect() };
        for path in modules::test_files(&tree) {
            if let Some(source) = tree.files.get_mut(&path) {
                source.test = true;
            }
        }
        tree
    }

    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    pub fn get(&self, path: &str) -> Option<&Source> {
        self.files.get(path)
    }

    /// Every text file.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.files.iter().map(|(path, source)| (path.as_str(), source))
    }

    /// Every .rs file.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.all().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The .rs files of a folder and the folders in it.
    pub fn rust_under<'t>(
        &'t self,
        folder: &'t str,
    ) -> impl Iterator<Item = (&'t str, &'t Source)> {
        self.rust().filter(move |(path, _)| is_under(path, folder))
    }

    /// The names of what lies in a folder; a folder's name ends in `/`.
    pub fn names_in(&self, folder: &str) -> BTreeSet<&str> {
        let inside = self.files.keys().filter_map(|path| {
            let rest = path.strip_prefix(folder)?.strip_prefix('/')?;
            Some(rest.find('/').map_or(rest, |end| &rest[..=end]))
        });
        inside.collect()
    }

    /// The folders of the crates, xtask too.
    pub fn crates(&self) -> Vec<(&str, &Source)> {
        let manifests = self.all().filter_map(|(path, source)| {
            let folder = path.strip_suffix("/Cargo.toml")?;
            let is_crate = folder == "xtask"
                || folder.strip_prefix("crates/").is_some_and(|name| !name.contains('/'));
            is_crate.then_some((folder, source))
        });
        manifests.collect()
    }
}

/// Whether `path` lies in `folder`, at any depth.
pub fn is_under(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Files that are tests by their place: `tests.rs`, and what lies in `tests/` or `benches/`.
fn is_test_path(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests" || part == "benches")
}
