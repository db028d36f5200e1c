//! The words of a command line. Not a parser library: flags, and options with one value.

/// What may stand behind a command: flags stand alone, options take a value.
pub struct Words {
    flags: Vec<String>,
    options: Vec<(String, String)>,
}

impl Words {
    /// Reads `arguments`, refusing what is neither one of `flags` nor one of `options`.
    pub fn read(arguments: &[String], flags: &[&str], options: &[&str]) -> Result<Words, String> {
        let mut words = Words { flags: Vec::new(), options: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            let (name, joined) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (word.as_str(), None),
            };
            if flags.contains(&name) && joined.is_none() {
                words.flags.push(name.to_string());
            } else if options.contains(&name) {
                let value = joined.or_else(|| rest.next().cloned());
                let value = value.ok_or_else(|| format!("`{name}` needs a value"))?;
                words.options.push((name.to_string(), value));
            } else {
                return Err(format!("unknown option `{word}`"));
            }
        }
        Ok(words)
    }

    /// Whether the flag was given.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// The option's last value.
    pub fn value(&self, option: &str) -> Option<&str> {
        self.options.iter().rev().find(|(name, _)| name == option).map(|(_, value)| value.as_str())
    }

    /// The option's value as a whole number, or `otherwise`.
    pub fn number(&self, option: &str, otherwise: u64) -> Result<u64, String> {
        let Some(value) = self.value(option) else { return Ok(otherwise) };
        value.parse().map_err(|_| format!("`{option} {value}`: not a whole number"))
    }

    /// Every value of an option that may be repeated, each one of `known`.
    pub fn choices(&self, option: &str, known: &[&str]) -> Result<Vec<&str>, String> {
        let given = self.options.iter().filter(|(name, _)| name == option);
        let values: Vec<&str> = given.map(|(_, value)| value.as_str()).collect();
        match values.iter().find(|value| !known.contains(value)) {
            Some(wrong) => Err(format!("`{option} {wrong}`: expected one of {}", known.join(", "))),
            None => Ok(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    fn read(line: &str) -> Result<Words, String> {
        let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
        Words::read(&arguments, &["--long"], &["--only", "--seconds"])
    }

    #[test]
    fn flags_options_and_refusals() {
        let words = read("--long --only a --only=b --seconds 5").expect("a good line");
        assert!(words.has("--long"));
        assert_eq!(words.choices("--only", &["a", "b"]), Ok(vec!["a", "b"]));
        assert_eq!(words.number("--seconds", 60), Ok(5));
        assert_eq!(read("").expect("an empty line").number("--seconds", 60), Ok(60));

        assert!(words.choices("--only", &["a"]).is_err_and(|error| error.contains("`--only b`")));
        assert!(read("--lnog").is_err_and(|error| error.contains("`--lnog`")));
        assert!(read("--only").is_err_and(|error| error.contains("needs a value")));
        assert!(read("--seconds x").expect("reads").number("--seconds", 1).is_err());
    }
}
