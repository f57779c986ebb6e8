//! What is looked for: the kinds, their names and their groups.

/// A sort of personal or secret value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// E-mail address.
    Email,
    /// Telephone number: international, or North American with separators.
    Phone,
    /// Payment card number, Luhn digit checked.
    Card,
    /// IBAN, length and check digits checked.
    Iban,
    /// National identity or tax number of the countries in `national.rs`.
    NationalId,
    /// IPv4 address.
    Ipv4,
    /// IPv6 address.
    Ipv6,
    /// AWS access key id.
    AwsKey,
    /// GitHub token.
    GithubToken,
    /// Slack token.
    SlackToken,
    /// Key of another service whose shape is known.
    ApiKey,
    /// JSON Web Token.
    Jwt,
    /// PEM private key.
    PrivateKey,
    /// A random-looking text of no known shape.
    Entropy,
    /// An own pattern, by its place in the list.
    Own(u8),
}

impl Kind {
    /// The built-in kinds.
    pub const ALL: [Self; 14] = [
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::NationalId,
        Self::Ipv4,
        Self::Ipv6,
        Self::AwsKey,
        Self::GithubToken,
        Self::SlackToken,
        Self::ApiKey,
        Self::Jwt,
        Self::PrivateKey,
        Self::Entropy,
    ];

    /// The word of the configuration; `own` for an own pattern, whose name only its list knows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::NationalId => "national-id",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::AwsKey => "aws-key",
            Self::GithubToken => "github-token",
            Self::SlackToken => "slack-token",
            Self::ApiKey => "api-key",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private-key",
            Self::Entropy => "entropy",
            Self::Own(_) => "own",
        }
    }

    /// Its place among all kinds as a bit, own patterns after the built-in ones. Asked for every word of a text, so nothing is
    /// looked up.
    fn bit(self) -> u64 {
        let place = match self {
            Self::Email => 0,
            Self::Phone => 1,
            Self::Card => 2,
            Self::Iban => 3,
            Self::NationalId => 4,
            Self::Ipv4 => 5,
            Self::Ipv6 => 6,
            Self::AwsKey => 7,
            Self::GithubToken => 8,
            Self::SlackToken => 9,
            Self::ApiKey => 10,
            Self::Jwt => 11,
            Self::PrivateKey => 12,
            Self::Entropy => 13,
            Self::Own(own) => 14 + u32::from(own),
        };
        1 << place
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u64);

impl Kinds {
    /// Most own patterns a set has room for.
    pub const MOST_OWN: usize = 32;
    /// Groups that the configuration may name in place of single kinds.
    pub const GROUPS: [&str; 3] = ["personal", "addresses", "secrets"];

    /// The kinds that a word of the configuration names: a kind or a group.
    pub fn named(word: &str) -> Option<Self> {
        let all = match word {
            "personal" => &Kind::ALL[0..5],
            "addresses" => &Kind::ALL[5..7],
            "secrets" => &Kind::ALL[7..13],
            kind => {
                return Kind::ALL
                    .into_iter()
                    .find(|known| known.as_str() == kind)
                    .map(|kind| Self::default().with(kind));
            }
        };
        Some(all.iter().fold(Self::default(), |kinds, kind| kinds.with(*kind)))
    }

    /// The set with one more.
    #[must_use]
    pub fn with(self, kind: Kind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// The kinds in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The kinds in this that are not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether a kind is in it.
    pub fn has(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether it has any of the other's.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_place_and_a_word_of_its_own() {
        let all = Kind::ALL.iter().fold(Kinds::default(), |kinds, kind| {
            assert!(!kinds.has(*kind));
            assert_eq!(Kinds::named(kind.as_str()), Some(Kinds::default().with(*kind)));
            kinds.with(*kind)
        });
        let own = Kind::Own((Kinds::MOST_OWN - 1) as u8);
        assert!(!all.has(own) && all.with(own).has(own));
        let [personal, addresses, secrets] = Kinds::GROUPS.map(|group| Kinds::named(group).unwrap_or_default());
        assert_eq!(all.without(personal).without(addresses).without(secrets), Kinds::default().with(Kind::Entropy));
    }
}
