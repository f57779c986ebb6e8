//! A token taken apart (RFC 7515, compact form). Nothing of it is believed yet.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_grant::Algorithm;
use cardea_message::json;

use crate::TokenFault;

/// The longest token anybody looks into.
const MOST_BYTES: usize = 16 << 10;

/// A token.
pub(crate) struct Token<'t> {
    pub(crate) header: Object,
    pub(crate) claims: Object,
    /// Header and claims as they were signed.
    pub(crate) signed: &'t [u8],
    /// The signature in base64url.
    pub(crate) signature: &'t str,
}

/// The text of a JSON object in which no key stands twice, at no depth.
pub(crate) struct Object(String);

impl<'t> Token<'t> {
    /// Takes a text apart.
    pub(crate) fn parse(text: &'t str) -> Result<Self, TokenFault> {
        if text.len() > MOST_BYTES {
            return Err(TokenFault::malformed(format!("it is longer than {MOST_BYTES} bytes")));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFault::malformed("it is not three texts with dots between"));
        };
        let signed = &text.as_bytes()[..header.len() + 1 + claims.len()];
        Ok(Self { header: object("header", header)?, claims: object("claims", claims)?, signed, signature })
    }

    /// How it says it is signed, and that the rest of its header is what may be: one of these types, and nothing that has to be
    /// understood. Headers that bring or name a key (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
    pub(crate) fn algorithm(&self, types: &[&str]) -> Result<Algorithm, TokenFault> {
        for name in ["crit", "b64", "zip"] {
            if self.header.has(name) {
                return Err(TokenFault::rejected(format!("its header has `{name}`, which nobody here understands")));
            }
        }
        let kind = self.header.text("typ")?.unwrap_or_default().to_ascii_lowercase();
        let kind = kind.strip_prefix("application/").unwrap_or(&kind);
        if !types.contains(&kind) {
            return Err(TokenFault::rejected(format!("its `typ` is not {}", types.join(" or "))));
        }
        let name = self.header.text("alg")?.ok_or_else(|| TokenFault::malformed("its header has no `alg`"))?;
        name.parse().map_err(|_| TokenFault::rejected("its `alg` is none with a public key"))
    }
}

impl Object {
    /// Reads an object.
    pub(crate) fn parse(text: Vec<u8>) -> Result<Self, String> {
        json::check(&text).map_err(|fault| fault.to_string())?;
        let text = String::from_utf8(text).map_err(|_| "the text is not UTF-8".to_owned())?;
        if json::members(text.as_bytes()).is_none() {
            return Err("it is no JSON object".to_owned());
        }
        Ok(Self(text))
    }

    /// The text of the whole.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// True if it has this member, whatever its value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// The text of a member's value.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        self.0.get(json::member(self.0.as_bytes(), name)?)
    }

    /// A member that is a string, if it is there.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Cow<'_, str>>, TokenFault> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let text = json::string(value.as_bytes());
        text.map(Some).ok_or_else(|| TokenFault::malformed(format!("its `{name}` is no string")))
    }
}

fn object(part: &str, text: &str) -> Result<Object, TokenFault> {
    let wrong = |why: &dyn std::fmt::Display| TokenFault::malformed(format!("its {part} cannot be read: {why}"));
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong(&"it is no base64url"))?;
    Object::parse(bytes).map_err(|fault| wrong(&fault))
}
