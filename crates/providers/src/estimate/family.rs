//! Families of tokenizers, by the names of their models.

use super::CLASSES;

/// Models that cut text alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// OpenAI since GPT-4o (`o200k`).
    OpenAi,
    /// OpenAI before (`cl100k`): GPT-3.5, GPT-4, embeddings.
    OpenAiOlder,
    /// Anthropic.
    Claude,
    /// Gemini and Gemma.
    Gemini,
    /// Mistral before Tekken.
    Mistral,
    /// Llama 3 and 4, and everybody else: a vocabulary of about 130,000 pieces.
    Llama,
}

/// The beginnings of names, the longer ones first where one begins another.
const NAMES: [(&str, Family); 18] = [
    ("gpt-3", Family::OpenAiOlder),
    ("gpt-4o", Family::OpenAi),
    ("gpt-4.", Family::OpenAi),
    ("gpt-4", Family::OpenAiOlder),
    ("gpt-", Family::OpenAi),
    ("chatgpt", Family::OpenAi),
    ("o1", Family::OpenAi),
    ("o3", Family::OpenAi),
    ("o4", Family::OpenAi),
    ("codex", Family::OpenAi),
    ("text-embedding", Family::OpenAiOlder),
    ("claude", Family::Claude),
    ("gemini", Family::Gemini),
    ("gemma", Family::Gemini),
    ("mistral-nemo", Family::Llama),
    ("mistral", Family::Mistral),
    ("mixtral", Family::Mistral),
    ("codestral", Family::Mistral),
];

// === impl Family ===

impl Family {
    /// The family of a model, by its name without any vendor before it (`openai/gpt-4o`,
    /// `anthropic.claude-sonnet-4`).
    pub fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let is_prefix = |prefix: &str, name: &str| {
            let begins = name.as_bytes().get(..prefix.len());
            begins.is_some_and(|begins| begins.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        let begins = |name: &str| {
            NAMES.iter().find(|(prefix, _)| is_prefix(prefix, name)).map(|(_, family)| *family)
        };
        let behind_vendor = || name.split_once('.').and_then(|(_, rest)| begins(rest));
        let behind_region = || name.splitn(3, '.').nth(2).and_then(begins);
        begins(name).or_else(behind_vendor).or_else(behind_region).unwrap_or(Self::Llama)
    }

    /// Thousandths of a token for a character of each class.
    #[rustfmt::skip]
    pub(super) const fn milli_tokens(self) -> &'static [u16; CLASSES] {
        // Word, Letter, Latin, Digit, Punctuation, Newline, Space, Greek, Cyrillic, Semitic, Indic, Kana, Han, Hangul, Other
        match self {
            Self::OpenAi =>      &[ 307,  185,  656,  799,  615,    0,    4,  424,  319,  436,  427,  654,  711,  675, 1486],
            Self::OpenAiOlder => &[ 273,  195, 1497,  804,  598,    0,    1, 1072,  507, 1014, 1107,  966,  911, 1057, 2284],
            Self::Claude =>      &[ 213,  209, 2794,  563,  790,    0,    0, 1329,  619, 1142, 1549, 1017,  851, 1296, 2291],
            Self::Gemini =>      &[ 263,  193,  602, 1264,  732,  332,   89,  463,  312,  484,  439,  387,  647,  782, 1294],
            Self::Mistral =>     &[ 153,  248, 2481, 1271,  803,    0,   97, 1170,  501, 1182, 1170, 1082, 1086, 1406, 1517],
            Self::Llama =>       &[ 153,  225,  699,  813,  573,    0,    0,  445,  360,  604,  597,  628,  719,  729, 2534],
        }
    }
}
