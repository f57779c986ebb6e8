//! The public keys of an issuer at one moment.

use cardea_grant::Algorithm;
use cardea_message::json;

use crate::jwk::Key;
use crate::token::Object;

/// Keys that are looked at; an issuer has a handful.
const MOST_KEYS: usize = 50;

/// The keys that may verify something.
#[derive(Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

/// What a search for a key comes to.
pub(crate) enum Search<'k> {
    /// This one.
    Found(&'k Key),
    /// Nobody here knows it; a newer set might.
    Unknown,
    /// There is one, or are several, and none may be used.
    Unusable(&'static str),
}

impl KeySet {
    /// Reads a JWK set. Keys that may verify nothing are left out, and told to the operator.
    pub(crate) fn parse(body: &[u8], issuer: &str) -> Result<Self, String> {
        let set = Object::parse(body.to_vec())?;
        let list = set.member("keys").ok_or("it has no `keys`")?;
        let elements = json::elements(list.as_bytes()).ok_or("its `keys` are no list")?;
        if elements.len() > MOST_KEYS {
            return Err(format!("it has {} keys; at most {MOST_KEYS} are looked at", elements.len()));
        }
        let mut found = Self::default();
        for (index, span) in elements.into_iter().enumerate() {
            match Key::parse(&list[span]) {
                Err(why) => tracing::info!(issuer, index, "a key of the issuer is not used: {why}"),
                Ok(key) if found.has_twin(&key) => {
                    tracing::warn!(issuer, index, "a key of the issuer is not used: another has its `kid`");
                }
                Ok(key) => found.keys.push(key),
            }
        }
        Ok(found)
    }

    /// The key of a token: by its `kid`, or, where it has none, the only one there is for its algorithm.
    pub(crate) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Search<'_> {
        let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
        let Some(id) = id else {
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Search::Found(key),
                (None, _) => Search::Unknown,
                _ => Search::Unusable("it names no key, and the issuer has several"),
            };
        };
        match fitting.find(|key| key.id.as_deref() == Some(id)) {
            Some(key) => Search::Found(key),
            None if self.keys.iter().any(|key| key.id.as_deref() == Some(id)) => {
                Search::Unusable("the key it names is not for its `alg`")
            }
            None => Search::Unknown,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    fn has_twin(&self, key: &Key) -> bool {
        key.id.is_some() && self.keys.iter().any(|other| other.is_twin(key))
    }
}
