//! Rules for the response cache: sizes that fit each other, a server that is named.

use super::Findings;
use crate::error::Problem;
use crate::fields::Located;
use crate::model::Document;
use crate::settings::CacheKind;

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let cache = &document.cache;
    if let Some(kind) = cache.kind.as_ref().filter(|kind| kind.value == CacheKind::Redis)
        && document.redis.is_none()
    {
        let problem = Problem::new(&kind.place, "there is no `redis` section");
        findings.problems.push(problem.hint("name the server: `redis: { url: ... }`"));
    }
    if let (Some(Located { value, place }), Some(bytes_max)) =
        (&cache.entry_bytes_max, cache.bytes_max)
        && usize::try_from(*value).is_ok_and(|value| value > bytes_max)
    {
        let message = "one entry may be larger than all of them together";
        let hint = format!("at most `max_bytes`, which is {bytes_max}");
        findings.problems.push(Problem::new(place, message).hint(hint));
    }
    let own = document.routes.iter().map(|it| (&it.place, it.value.cache));
    let own = own.chain(document.functions.iter().map(|it| (&it.place, it.value.cache)));
    for (place, _) in own.filter(|(_, mode)| mode.is_some() && !cache.enabled) {
        let problem = Problem::new(place, "`cache` says nothing here: the response cache is off");
        findings.warnings.push(problem.hint("turn it on: `cache: { enabled: true }`"));
    }
}
