//! Which target a new choice falls on: what is left, minus what is ejected, as the strategy says.

use std::sync::Arc;

use super::Attempts;
use crate::live::{Standing, View};
use crate::plan::{Choice, Step};
use crate::strategy::{Strategy, Subject, arm, draw, lighter};

#[cfg(test)]
mod tests;

impl Attempts {
    /// Takes a choice of the first step that has an available one; where none has, one of the
    /// first step that has any: an ejected target is better than no answer.
    pub(super) fn choose(&mut self, random: f64, view: &impl View) -> bool {
        self.probe = None;
        let choice = self.available(random, view).or_else(|| {
            let mut steps = self.plan.steps.iter().enumerate();
            steps.find_map(|step| self.choice_of(step, random, view, |_| true)).cloned()
        });
        let Some(choice) = choice else { return false };
        self.first.get_or_insert_with(|| choice.clone());
        self.current = Some(choice);
        true
    }

    /// Whether the current target was ejected meanwhile, and another one is available.
    pub(super) fn is_better_left(&self, view: &impl View) -> bool {
        let ejected = |choice: &Choice| view.load(&choice.target).standing == Standing::Ejected;
        let Some(current) = self.current.as_ref().filter(|choice| ejected(choice)) else {
            return false;
        };
        let mut others = self.plan.steps.iter().flat_map(Step::eligible);
        others.any(|choice| {
            choice.target.name != current.target.name
                && !self.is_excluded(choice)
                && !ejected(choice)
        })
    }

    fn available(&mut self, random: f64, view: &impl View) -> Option<Choice> {
        // Half-open targets that another request is trying since they were looked at.
        let mut taken: Vec<Arc<str>> = Vec::new();
        let mut index = 0;
        loop {
            let step = self.plan.steps.get(index)?;
            let may_be_asked = |choice: &Choice| {
                view.load(&choice.target).standing != Standing::Ejected
                    && !taken.contains(&choice.target.name)
            };
            let found = self.choice_of((index, step), random, view, may_be_asked).cloned();
            let Some(choice) = found else {
                index += 1;
                continue;
            };
            if view.load(&choice.target).standing == Standing::InService {
                return Some(choice);
            }
            self.probe = view.claim(&choice.target);
            if self.probe.is_some() {
                return Some(choice);
            }
            taken.push(Arc::clone(&choice.target.name));
        }
    }

    fn choice_of<'a>(
        &self,
        (index, step): (usize, &'a Step),
        random: f64,
        view: &impl View,
        may_be_asked: impl Fn(&Choice) -> bool,
    ) -> Option<&'a Choice> {
        let left = step.eligible().filter(|it| !self.is_excluded(it) && may_be_asked(it));
        let position = match step.strategy {
            Strategy::Single | Strategy::Fallback => None,
            Strategy::Weighted | Strategy::Experiment => match self.subject(index) {
                Some(subject) => {
                    let name = self.plan.name.as_deref().unwrap_or_default();
                    arm(name, subject, left.clone().map(|it| (it.arm(), it.weight())))
                }
                None => draw(left.clone().map(Choice::weight), random),
            },
            Strategy::Latency | Strategy::LeastBusy => {
                let loads = left.clone().map(|it| view.load(&it.target));
                lighter(step.strategy, &loads, random)
            }
        };
        // What is left may have become less while it was looked at.
        left.clone().nth(position.unwrap_or(0)).or_else(|| left.clone().next())
    }

    fn subject(&self, step: usize) -> Option<Subject> {
        self.subjects.get(step).copied().flatten()
    }
}
