//! Which fragment belongs to which tool call: numbers calls in order of appearance.

use crate::event::{JsonStr, StreamEvent};

#[cfg(test)]
mod tests;

/// The most calls of one response that are told apart; later ones join the last.
pub(crate) const CALLS_MAX: usize = 512;
/// How much of a call's id is kept to tell calls apart, in bytes.
const ID_BYTES_MAX: usize = 256;

/// The tool calls of one response.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    /// Choice and index, output index or block index: whatever the dialect keys by.
    key: (u32, Option<u64>),
    id: Vec<u8>,
    named: bool,
    open: bool,
    /// Whether arguments were seen.
    written: bool,
}

/// What a fragment says of the call it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Fragment<'a> {
    pub(crate) choice: u32,
    pub(crate) index: Option<u64>,
    pub(crate) id: JsonStr<'a>,
    pub(crate) name: JsonStr<'a>,
}

impl Calls {
    /// Whether a choice has any call.
    pub(crate) fn any(&self, choice: u32) -> bool {
        self.slots.iter().any(|slot| slot.key.0 == choice)
    }

    /// Like [`Calls::fragment`], for a dialect that never says that a call is over: the first
    /// fragment of the choice's next call is the earliest sign of it. Should a call go on after
    /// that, it is open again.
    pub(crate) fn fragment_in_turn<'a>(
        &mut self,
        fragment: Fragment<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> u32 {
        match self.find(&fragment) {
            None => self.close(Some(fragment.choice), sink),
            Some(at) => {
                if let Some(slot) = self.slots.get_mut(at) {
                    slot.open = true;
                }
            }
        }
        self.fragment(fragment, sink)
    }

    /// The call that a fragment belongs to; opens it where it is new.
    pub(crate) fn fragment<'a>(
        &mut self,
        fragment: Fragment<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> u32 {
        let Fragment { choice, index, id, name } = fragment;
        if let Some(at) = self.find(&fragment) {
            if let Some(slot) = self.slots.get_mut(at) {
                let says_more =
                    (slot.id.is_empty() && !id.is_empty()) || (!slot.named && !name.is_empty());
                if says_more {
                    if slot.id.is_empty() {
                        slot.id = kept(id).to_vec();
                    }
                    slot.named |= !name.is_empty();
                    sink(StreamEvent::ToolCallStart { call: number(at), id, name });
                }
            }
            return number(at);
        }
        let at = self.slots.len();
        self.slots.push(Slot {
            key: (choice, index),
            id: kept(id).to_vec(),
            named: !name.is_empty(),
            open: true,
            written: false,
        });
        sink(StreamEvent::ToolCallStart { call: number(at), id, name });
        number(at)
    }

    /// The open call with this key.
    pub(crate) fn by_index(&self, index: Option<u64>) -> Option<u32> {
        let found = self.slots.iter().rposition(|slot| slot.key.1 == index);
        found.or_else(|| self.slots.len().checked_sub(1).filter(|_| index.is_none())).map(number)
    }

    /// Notes that arguments of a call were seen.
    pub(crate) fn wrote(&mut self, call: u32) {
        if let Some(slot) = self.slots.get_mut(call as usize) {
            slot.written = true;
        }
    }

    /// Whether arguments of a call were seen.
    pub(crate) fn is_written(&self, call: u32) -> bool {
        self.slots.get(call as usize).is_some_and(|slot| slot.written)
    }

    /// One call is complete.
    pub(crate) fn end(&mut self, call: u32, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        if let Some(slot) = self.slots.get_mut(call as usize).filter(|slot| slot.open) {
            slot.open = false;
            sink(StreamEvent::ToolCallEnd { call });
        }
    }

    /// All open calls, of one choice or of the response, are complete.
    pub(crate) fn close(&mut self, choice: Option<u32>, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if slot.open && choice.is_none_or(|choice| slot.key.0 == choice) {
                slot.open = false;
                sink(StreamEvent::ToolCallEnd { call: number(at) });
            }
        }
    }

    fn find(&self, fragment: &Fragment<'_>) -> Option<usize> {
        let Fragment { choice, index, id, name } = *fragment;
        let of_choice = |slot: &Slot| slot.key.0 == choice;
        if self.slots.len() >= CALLS_MAX {
            return self.slots.len().checked_sub(1);
        }
        if index.is_some() {
            let found = self.slots.iter().rposition(|slot| slot.key == (choice, index))?;
            // Some servers number every call 0: a new id with a name is a new call.
            let other = !id.is_empty()
                && !name.is_empty()
                && self
                    .slots
                    .get(found)
                    .is_some_and(|slot| !slot.id.is_empty() && slot.id != kept(id));
            return (!other).then_some(found);
        }
        if !id.is_empty() {
            return self.slots.iter().rposition(|slot| of_choice(slot) && slot.id == kept(id));
        }
        self.slots.iter().rposition(of_choice)
    }
}

/// What is kept of an id.
pub(crate) fn kept(id: JsonStr<'_>) -> &[u8] {
    id.raw().get(..ID_BYTES_MAX).unwrap_or(id.raw())
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
