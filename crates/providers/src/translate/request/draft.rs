//! A request while it is being written in another dialect: what could not be said is noted.

use serde_json::Value;

use super::Request;
use crate::translate::Untranslatable;

/// The most names of dropped parameters that are told.
const DROPPED_MAX: usize = 32;
/// The longest `user` that OpenAI's APIs take, in characters. Callers of the Messages API give longer
/// ones.
const USER_CHARS_MAX: usize = 64;
/// The longest name of a dropped parameter that is told.
const NAME_BYTES_MAX: usize = 64;

/// The request being translated, and what was lost on the way.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) request: Request,
    dropped: Vec<String>,
}

impl Draft {
    pub(crate) const fn new(request: Request) -> Self {
        Self { request, dropped: Vec::new() }
    }

    /// Notes a parameter that the target cannot express and that may be left out.
    pub(crate) fn drop(&mut self, name: &str) {
        if self.dropped.iter().all(|known| known != name) {
            self.dropped.push(name.to_owned());
        }
    }

    /// Notes the parameter as dropped if it is given.
    pub(crate) fn drop_if(&mut self, given: bool, name: &str) {
        if given {
            self.drop(name);
        }
    }

    /// A member that exists under the same name in the target's dialect.
    pub(crate) fn extra(&mut self, name: &str) -> Option<Value> {
        self.request.extra.shift_remove(name)
    }

    /// The user, where OpenAI's APIs take one of this length.
    pub(crate) fn user_for_openai(&mut self) -> Option<String> {
        let user = self.request.user.clone()?;
        let fits = user.chars().count() <= USER_CHARS_MAX;
        self.drop_if(!fits, "user");
        fits.then_some(user)
    }

    /// Several answers cannot be asked for in one request here.
    ///
    /// # Errors
    /// [`Untranslatable`], when more than one is wanted.
    pub(crate) fn one_answer(&self) -> Result<(), Untranslatable> {
        match self.request.sampling.n {
            Some(n) if n > 1 => {
                Err(Untranslatable::new("n", "the target gives one answer per request"))
            }
            _ => Ok(()),
        }
    }

    /// What was dropped, in order; members of `extra` that nobody took are among it.
    ///
    /// The names end up in a header, and some are the caller's own: those that no API could have
    /// are left out, and so is what is beyond [`DROPPED_MAX`].
    pub(crate) fn into_dropped(mut self) -> Vec<String> {
        let left: Vec<String> = self.request.extra.keys().cloned().collect();
        for name in &left {
            self.drop(name);
        }
        let byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        self.dropped.retain(|name| name.len() <= NAME_BYTES_MAX && name.bytes().all(byte));
        self.dropped.truncate(DROPPED_MAX);
        self.dropped
    }
}
