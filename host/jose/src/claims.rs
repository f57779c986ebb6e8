//! What no token may lack, and when it holds. What its claims mean beyond that, the plugin decides.

use std::time::Duration;

use cardea_grant::Issuer;
use cardea_message::json;

use crate::TokenFault;
use crate::token::Object;

/// Seconds from the epoch beyond which nothing is told apart: thirty thousand years.
const FARTHEST: f64 = 1e12;

/// Sees to it that the claims name this issuer and some audience and hold now. Returns when they end, in milliseconds since
/// the epoch, leeway included.
pub(crate) fn check(claims: &Object, issuer: &Issuer, now_ms: u64) -> Result<u64, TokenFault> {
    match claims.text("iss")? {
        Some(named) if named == issuer.id.as_str() => {}
        _ => return Err(TokenFault::rejected("its `iss` is not the issuer")),
    }
    audience(claims)?;
    times(claims, issuer, now_ms)
}

/// A string or a list of strings. Which of them is meant is for the plugin to say, but there must be one.
fn audience(claims: &Object) -> Result<(), TokenFault> {
    let missing = || TokenFault::rejected("it has no `aud`, so it would be good for anybody");
    let value = claims.member("aud").ok_or_else(missing)?.as_bytes();
    let is_text = |text: &[u8]| json::string(text).is_some();
    match json::elements(value) {
        Some(list) if list.is_empty() => Err(missing()),
        Some(list) if list.iter().all(|one| is_text(&value[one.clone()])) => Ok(()),
        None if is_text(value) => Ok(()),
        _ => Err(TokenFault::rejected("its `aud` is neither a string nor a list of strings")),
    }
}

fn times(claims: &Object, issuer: &Issuer, now_ms: u64) -> Result<u64, TokenFault> {
    let leeway = millis(issuer.leeway);
    let now = i128::from(now_ms);
    let ends = moment(claims, "exp")?.ok_or_else(|| TokenFault::rejected("it has no `exp`, so it would never end"))?;
    if ends + leeway <= now {
        return Err(TokenFault::rejected("it has expired"));
    }
    if moment(claims, "nbf")?.is_some_and(|begins| begins - leeway > now) {
        return Err(TokenFault::rejected("it does not hold yet (`nbf`)"));
    }
    let issued = moment(claims, "iat")?;
    if issued.is_some_and(|issued| issued - leeway > now) {
        return Err(TokenFault::rejected("it was issued in the future (`iat`)"));
    }
    if ends - issued.unwrap_or(now) > millis(issuer.max_lifetime) {
        return Err(TokenFault::rejected(format!("it holds for longer than {:?}", issuer.max_lifetime)));
    }
    u64::try_from(ends + leeway).map_err(|_| TokenFault::rejected("it has expired"))
}

/// A NumericDate (RFC 7519 section 2) in milliseconds.
fn moment(claims: &Object, name: &str) -> Result<Option<i128>, TokenFault> {
    let Some(text) = claims.member(name) else { return Ok(None) };
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    let seconds = seconds.ok_or_else(|| TokenFault::rejected(format!("its `{name}` is no time")))?;
    // What lies beyond is as far away as these ends are, and can be added to.
    #[allow(clippy::cast_possible_truncation, reason = "within the ends it fits")]
    Ok(Some((seconds.clamp(-FARTHEST, FARTHEST) * 1000.0) as i128))
}

fn millis(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX)
}
