//! What a request may use, and which rules it is counted by.

use std::fmt;
use std::sync::Arc;

use tollgate_limits::{
    Admission, Claim, Exceeded, Ledger, Need, OnExceed, OwnedClaim, Priced, Reservation, Rule,
    Scope, Unadmitted,
};
use tollgate_providers::Endpoint;
use tollgate_providers::estimate::Family;
use tollgate_routing::Table;

use super::{Caller, Context, Facts, Rejection};

/// Answers that one request can ask for, as far as they are reserved for.
const ANSWERS_MAX: i64 = 128;

/// What tokens cost.
pub trait Prices: fmt::Debug + Send + Sync {
    /// The price of a token of this model.
    fn price(&self, model: &str) -> Option<Priced>;
}

/// What is done with a request under a budget whose price nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unpriced {
    /// It is let through, and counted.
    #[default]
    Allow,
    /// It is refused.
    Refuse,
}

/// All rules, and what it takes to apply them.
#[derive(Clone, Debug)]
pub struct Quotas {
    /// Who uses how much.
    pub ledger: Arc<Ledger>,
    /// The rules, in file order.
    pub rules: Arc<[Arc<Rule>]>,
    /// What tokens cost.
    pub prices: Arc<dyn Prices>,
    /// What is done where nobody knows.
    pub unpriced: Unpriced,
    /// Output tokens that are reserved for a request that sets no limit itself.
    pub output_tokens_default: u64,
    /// What becomes of a stream that outgrows what its key has left.
    pub on_exceed: OnExceed,
    /// Where models lead.
    pub table: Arc<Table>,
}

/// What becomes of a request at once.
#[derive(Debug)]
pub(super) enum Admitted {
    /// It may go on, with what it holds if any rule applies.
    Held(Option<Reservation>),
    /// Other gateways' use has to be asked for.
    Ask(Asked),
}

/// A request that others have to be asked about.
#[derive(Debug)]
pub(super) struct Asked {
    ledger: Arc<Ledger>,
    claims: Vec<OwnedClaim>,
    need: Need,
}

// === impl Asked ===

impl Asked {
    /// Asks.
    pub(super) async fn answer(self) -> Result<Reservation, Rejection> {
        let Self { ledger, claims, need } = self;
        ledger.ask(&claims, need).await.map_err(|unadmitted| match unadmitted {
            Unadmitted::Exceeded(exceeded) => rejection(exceeded),
            Unadmitted::Unreachable => Rejection::LimitsUnavailable,
        })
    }
}

// === impl Quotas ===

impl Quotas {
    /// Admits a request by all rules but those of targets.
    ///
    /// # Errors
    /// [`Rejection::Exceeded`], [`Rejection::Unpriced`].
    pub(super) fn reserve(
        &self,
        endpoint: Option<&Endpoint>,
        caller: Option<&Arc<Caller>>,
        facts: &Facts,
        context: &Context,
    ) -> Result<Admitted, Rejection> {
        let own = caller.and_then(|caller| caller.rule.as_ref());
        // A key does not say, so the configuration does.
        let said = own.filter(|rule| rule.on_exceed != self.on_exceed);
        let said =
            said.map(|rule| Arc::new(Rule { on_exceed: self.on_exceed, ..Rule::clone(rule) }));
        let own = said.as_ref().or(own);
        if self.rules.is_empty() && own.is_none() {
            return Ok(Admitted::Held(None));
        }
        let user = context.user_id.as_deref().or(facts.user.as_deref()).unwrap_or_default();
        let key = caller.map_or("", |caller| &caller.key_id);
        let key_name = caller.map_or("", |caller| &caller.key_name);
        let mut claims: Vec<Claim<'_>> = Vec::new();
        // The key's own limits first: it is told of those rather than of others'.
        claims.extend(own.map(|rule| Claim { rule, subject: key }));
        for rule in self.rules.iter() {
            let (subject, also) = match rule.scope {
                Scope::Key => (key, key_name),
                Scope::User => (user, user),
                Scope::Model => (&*facts.model, &*facts.model),
                Scope::All => ("", ""),
                Scope::Target => continue,
            };
            let is_meant =
                |names: &tollgate_limits::Patterns| names.matches(subject) || names.matches(also);
            if rule.matching.as_ref().is_none_or(is_meant) {
                claims.push(Claim { rule, subject });
            }
        }
        self.hold(&claims, endpoint, facts)
    }

    /// Whether there are rules of targets.
    pub fn limits_targets(&self) -> bool {
        self.rules.iter().any(|rule| rule.scope == Scope::Target)
    }

    /// Whether a target has room for one more request.
    pub fn target_has_room(&self, target: &str) -> bool {
        self.of_target(target).all(|rule| self.ledger.has_room(rule, target))
    }

    /// Admits an attempt by the rules of its target; `None` where none applies.
    ///
    /// # Errors
    /// [`Rejection::Exceeded`], [`Rejection::Unpriced`], [`Rejection::LimitsUnavailable`].
    pub async fn reserve_target(
        &self,
        target: &str,
        endpoint: Option<&Endpoint>,
        facts: &Facts,
    ) -> Result<Option<Reservation>, Rejection> {
        let claims = self.of_target(target).map(|rule| Claim { rule, subject: target });
        match self.hold(&claims.collect::<Vec<_>>(), endpoint, facts)? {
            Admitted::Held(held) => Ok(held),
            Admitted::Ask(asked) => asked.answer().await.map(Some),
        }
    }

    fn of_target<'q>(&'q self, target: &str) -> impl Iterator<Item = &'q Arc<Rule>> {
        self.rules.iter().filter(move |rule| {
            let is_meant = |names: &tollgate_limits::Patterns| names.matches(target);
            rule.scope == Scope::Target && rule.matching.as_ref().is_none_or(is_meant)
        })
    }

    fn hold(
        &self,
        claims: &[Claim<'_>],
        endpoint: Option<&Endpoint>,
        facts: &Facts,
    ) -> Result<Admitted, Rejection> {
        if claims.is_empty() {
            return Ok(Admitted::Held(None));
        }
        let caps = || claims.iter().map(|claim| &claim.rule.caps);
        let mut need = Need::default();
        if caps().any(|caps| caps.counts_tokens()) {
            need = self.tokens(endpoint, facts);
        }
        if caps().any(|caps| caps.budget.is_some()) && endpoint.is_none_or(Endpoint::names_model) {
            need.price = self.price(endpoint, facts);
            let known = |currency: &str| {
                need.price.as_ref().is_some_and(|price| *price.currency == *currency)
            };
            let mut budgets = caps().filter_map(|caps| caps.budget.as_ref());
            if !budgets.all(|budget| known(&budget.currency)) {
                self.ledger.count_unpriced();
                if self.unpriced == Unpriced::Refuse {
                    let model = facts.model.chars().filter(|c| !c.is_control()).take(128).collect();
                    return Err(Rejection::Unpriced { model });
                }
            }
        }
        match self.ledger.admit(claims, &need).map_err(rejection)? {
            Admission::Admitted(reservation) => Ok(Admitted::Held(Some(reservation))),
            Admission::Ask => {
                let own = |claim: &Claim<'_>| OwnedClaim {
                    rule: Arc::clone(claim.rule),
                    subject: claim.subject.to_owned(),
                };
                let claims = claims.iter().map(own).collect();
                Ok(Admitted::Ask(Asked { ledger: Arc::clone(&self.ledger), claims, need }))
            }
        }
    }

    fn tokens(&self, endpoint: Option<&Endpoint>, facts: &Facts) -> Need {
        let input = facts.input_tokens(Family::of(&facts.model)).unwrap_or(0);
        let generates = endpoint.is_some_and(|endpoint| endpoint.dialect().is_some());
        let default = i64::try_from(self.output_tokens_default).unwrap_or(i64::MAX);
        let one = facts.params.max_tokens.unwrap_or(default).max(0);
        let all = one.saturating_mul(facts.params.n.unwrap_or(1).clamp(1, ANSWERS_MAX));
        let output = if generates { u64::try_from(all).unwrap_or(0) } else { 0 };
        Need { input, output, price: None }
    }

    /// The price of the model as asked for, else the highest of those it may lead to.
    fn price(&self, endpoint: Option<&Endpoint>, facts: &Facts) -> Option<Priced> {
        let own = self.prices.price(&facts.model);
        own.or_else(|| {
            let plan = self.table.resolve(&facts.model, endpoint?.kind()).ok()?;
            let targets = plan.targets();
            let prices = targets.iter().filter_map(|target| self.prices.price(&target.model));
            prices.reduce(|one, other| Priced {
                input: one.input.max(other.input),
                output: one.output.max(other.output),
                currency: one.currency,
            })
        })
    }
}

fn rejection(exceeded: Exceeded) -> Rejection {
    Rejection::Exceeded(Box::new(exceeded))
}
