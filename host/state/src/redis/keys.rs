//! What things are called in Redis. All of a namespace lies in one slot of a cluster, so that a script reaches it.

use std::fmt::Write;

/// The names of one namespace: `<prefix>:{<namespace>}:<kind>:<key>`.
pub(super) struct Names(String);

impl Names {
    pub(super) fn new(prefix: &str, space: &str) -> Self {
        let mut name = format!("{prefix}:{{");
        for char in space.chars() {
            match char {
                // They would end the part that Redis chooses the slot by, and so might meet another namespace.
                '{' | '}' | '%' => {
                    let _ = write!(name, "%{:02x}", u32::from(char));
                }
                plain => name.push(plain),
            }
        }
        name.push('}');
        Self(name)
    }

    pub(super) fn of(&self, kind: &str, key: &str) -> String {
        format!("{}:{kind}:{key}", self.0)
    }

    /// What is known of the whole namespace.
    pub(super) fn about(&self, what: &str) -> String {
        format!("{}:{what}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_namespace_reaches_into_another() {
        let name = |space, key| Names::new("cardea", space).of("rate", key);
        assert_eq!(name("limits/acme", "ann"), "cardea:{limits/acme}:rate:ann");
        assert_eq!(name("a}:rate:b", "c"), "cardea:{a%7d:rate:b}:rate:c");
        assert_ne!(name("a", "b}:rate:c"), name("a}:rate:b", "c"));
        assert_ne!(name("%7d", "a"), name("}", "a"));
    }
}
