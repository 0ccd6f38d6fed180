//! What a token says, once its signature is known to be good.

use serde_json::Value;

use super::object::Object;
use super::{LEEWAY_S, Rejected, Rules};

/// The longest name of a project, in bytes.
const SUBJECT_BYTES_MAX: usize = 256;
/// The last second of the year 9999; nothing ends later.
const TIME_S_MAX: u64 = 253_402_300_799;

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: the project. Never empty.
    pub project: String,
    /// The key of ours that it was exchanged for, by its id.
    pub key_id: Option<String>,
    /// `exp`, in seconds since 1970.
    pub expires_s: u64,
}

/// Judges the claims of a token.
pub(super) fn check(claims: &Object, rules: &Rules, now_s: u64) -> Result<Claims, Rejected> {
    let expires_s = time(claims, "exp")?.ok_or(Rejected::Claims)?;
    let earliest_s = time(claims, "nbf")?.max(time(claims, "iat")?);
    if now_s >= expires_s.saturating_add(LEEWAY_S) {
        return Err(Rejected::Expired);
    }
    if earliest_s.is_some_and(|earliest_s| earliest_s > now_s.saturating_add(LEEWAY_S)) {
        return Err(Rejected::NotYet);
    }
    if expires_s > now_s.saturating_add(rules.life_s_max).saturating_add(LEEWAY_S) {
        return Err(Rejected::Life);
    }
    if !is_for(claims.get("aud").ok_or(Rejected::Claims)?, &rules.audience)? {
        return Err(Rejected::Audience);
    }
    if let Some(scope) = rules.scope {
        let granted = claims.text("scope").ok_or(Rejected::Scope)?;
        if !granted.split(' ').any(|granted| granted == scope.name()) {
            return Err(Rejected::Scope);
        }
    }
    let project = claims.text("sub").filter(|sub| is_project(sub)).ok_or(Rejected::Claims)?;
    let key_id = claims.text("key_id").map(str::to_owned);
    Ok(Claims { project: project.to_owned(), key_id, expires_s })
}

/// A NumericDate: a number, with or without a fraction, and nothing that only looks like one.
fn time(claims: &Object, name: &str) -> Result<Option<u64>, Rejected> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let whole = value.as_u64().or_else(|| {
        let fraction = value.as_f64().filter(|it| (0.0..=TIME_S_MAX as f64).contains(it))?;
        Some(fraction as u64)
    });
    whole.filter(|whole| *whole <= TIME_S_MAX).map(Some).ok_or(Rejected::Claims)
}

/// One audience or a list of them (RFC 7519, section 4.1.3).
fn is_for(audience: &Value, wanted: &str) -> Result<bool, Rejected> {
    match audience {
        Value::String(audience) => Ok(audience == wanted),
        Value::Array(all) if all.iter().all(Value::is_string) => {
            Ok(all.iter().any(|audience| audience == wanted))
        }
        _ => Err(Rejected::Claims),
    }
}

/// Whether this can name a project.
pub fn is_project(subject: &str) -> bool {
    !subject.trim().is_empty()
        && subject.len() <= SUBJECT_BYTES_MAX
        && !subject.chars().any(char::is_control)
}
