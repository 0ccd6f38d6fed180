//! A whole answer, folded from its blocks: what a plain JSON body is written from.

use crate::event::Usage;

use super::blocks::{Kind, Step};
use super::finish::Finish;
use super::sealed::Sealed;

/// The most of one answer that is kept, in bytes. The Responses API repeats the answer in its last
/// event, and a plain body has to be rewritten as a whole.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a block counts for, beside what it says: an answer of empty blocks is long too, in bytes.
pub(crate) const BLOCK_BYTES: usize = 64;

/// What an answer said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) blocks: Vec<Block>,
    pub(crate) finish: Finish,
    pub(crate) usage: Option<Usage>,
    /// Type and message of a failure that the provider reports.
    pub(crate) failure: Option<(Option<String>, String)>,
    bytes: usize,
}

/// One block of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    /// Text, or a call's arguments.
    pub(crate) text: String,
    pub(crate) sealed: Option<Sealed>,
}

impl Answer {
    /// Takes the next step. `false` if the answer is longer than what is kept.
    pub(crate) fn on_step(&mut self, step: &Step<'_>) -> bool {
        match step {
            Step::Begin { id, model, usage } => {
                (self.id, self.model) = ((*id).to_owned(), (*model).to_owned());
                self.usage = *usage;
            }
            Step::Open { kind, .. } => {
                let named = match kind {
                    Kind::ToolCall { id, name } => id.len() + name.len(),
                    Kind::Text | Kind::Refusal | Kind::Reasoning => 0,
                };
                self.bytes += BLOCK_BYTES + named;
                if self.bytes > ANSWER_BYTES_MAX {
                    return false;
                }
                self.blocks.push(Block {
                    kind: (*kind).clone(),
                    text: String::new(),
                    sealed: None,
                });
            }
            Step::Delta { text, .. } => {
                self.bytes += text.len();
                if self.bytes > ANSWER_BYTES_MAX {
                    return false;
                }
                if let Some(block) = self.blocks.last_mut() {
                    block.text.push_str(text);
                }
            }
            Step::Sealed { sealed, .. } => {
                self.bytes += sealed.data.len();
                if self.bytes > ANSWER_BYTES_MAX {
                    return false;
                }
                if let Some(block) = self.blocks.last_mut() {
                    block.sealed = Some((*sealed).clone());
                }
            }
            Step::Close { .. } => {}
            Step::End { finish, usage } => {
                self.finish = *finish;
                self.usage = *usage;
            }
            Step::Fail { kind, message } => {
                self.failure = Some((kind.map(str::to_owned), (*message).to_owned()));
            }
        }
        self.bytes <= ANSWER_BYTES_MAX
    }

    /// How much of the answer is kept, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// All text of one kind.
    pub(crate) fn text_of(&self, kind: &Kind) -> String {
        self.blocks.iter().filter(|block| block.kind == *kind).map(|b| b.text.as_str()).collect()
    }
}
