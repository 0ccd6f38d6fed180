//! Whether a text that arrives in pieces is one JSON object (RFC 8259), judged byte by byte in
//! constant memory: nothing of the text is kept.

#[cfg(test)]
mod tests;

/// The deepest nesting that is judged.
pub(crate) const DEPTH_MAX: u32 = u128::BITS;

/// Takes a text in pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObjectCheck {
    state: State,
    /// One bit per open container, the innermost lowest: 1 for an object.
    objects: u128,
    depth: u32,
    /// The string at hand is a member's name.
    is_name: bool,
    /// Of the escape of the enclosing string that a piece was cut in: nothing, a backslash, or how
    /// many of its hexadecimal digits were seen, with what they say.
    outer: Outer,
}

/// What is known of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// One JSON object, or no text at all: the arguments of a call without arguments.
    Object,
    /// Anything else.
    NoObject,
    /// It nests deeper than is judged.
    TooDeep,
}

/// What may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The object, or nothing.
    #[default]
    Begin,
    /// A value; of an array also its end.
    Value {
        may_end: bool,
    },
    /// A name; of an empty object also its end.
    Name {
        may_end: bool,
    },
    Colon,
    /// A comma or the container's end.
    Next,
    String,
    /// Behind a backslash.
    Escape,
    /// So many hexadecimal digits are to come.
    Hex(u8),
    /// What is left of `true`, `false`, `null`.
    Word(&'static [u8]),
    Number(Number),
    /// Blanks.
    End,
    Broken,
    TooDeep,
}

/// How far a number has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

/// Where an escape of the enclosing string was cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outer {
    #[default]
    None,
    Backslash,
    Hex {
        digits: u8,
        code: u16,
    },
}

// === impl ObjectCheck ===

impl ObjectCheck {
    /// Takes the next bytes of the text.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.take(*byte);
        }
    }

    /// Takes the next bytes of the text as they stand in a JSON string, escapes and all.
    pub(crate) fn push_escaped(&mut self, raw: &[u8]) {
        for byte in raw {
            match self.outer {
                Outer::None if *byte == b'\\' => self.outer = Outer::Backslash,
                Outer::None => self.take(*byte),
                Outer::Backslash => {
                    self.outer = Outer::None;
                    match byte {
                        b'"' | b'\\' | b'/' => self.take(*byte),
                        b'n' => self.take(b'\n'),
                        b't' => self.take(b'\t'),
                        b'r' => self.take(b'\r'),
                        b'b' | b'f' => self.take(8),
                        b'u' => self.outer = Outer::Hex { digits: 0, code: 0 },
                        // No escape; whoever reads it finds a character of no use there.
                        _ => self.take(u8::MAX),
                    }
                }
                Outer::Hex { digits, code } => {
                    let digit =
                        char::from(*byte).to_digit(16).and_then(|it| u16::try_from(it).ok());
                    let code = code << 4 | digit.unwrap_or(0xf);
                    self.outer = Outer::Hex { digits: digits + 1, code };
                    if digits == 3 {
                        self.outer = Outer::None;
                        // Beyond ASCII all characters are alike to JSON.
                        self.take(u8::try_from(code).unwrap_or(u8::MAX));
                    }
                }
            }
        }
    }

    /// What the text is, if it ends here.
    pub(crate) const fn judge(&self) -> Judgement {
        match self.state {
            State::Begin | State::End => Judgement::Object,
            State::TooDeep => Judgement::TooDeep,
            _ => Judgement::NoObject,
        }
    }

    #[inline]
    fn take(&mut self, byte: u8) {
        let blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.state = match self.state {
            State::String => return self.in_string(byte),
            State::Broken | State::TooDeep => return,
            State::Begin | State::End | State::Colon | State::Next if blank => return,
            State::Value { .. } | State::Name { .. } if blank => return,
            State::Begin if byte == b'{' => self.open(true),
            State::Value { may_end: true } if byte == b']' => self.close(false),
            State::Value { .. } => self.value(byte),
            State::Name { may_end: true } if byte == b'}' => self.close(true),
            State::Name { .. } if byte == b'"' => {
                self.is_name = true;
                State::String
            }
            State::Colon if byte == b':' => State::Value { may_end: false },
            State::Next => self.next(byte),
            State::Escape => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => State::String,
                b'u' => State::Hex(4),
                _ => State::Broken,
            },
            State::Hex(left) if byte.is_ascii_hexdigit() => match left {
                2.. => State::Hex(left - 1),
                _ => State::String,
            },
            State::Word(left) => match left.split_first() {
                Some((expected, [])) if *expected == byte => State::Next,
                Some((expected, left)) if *expected == byte => State::Word(left),
                _ => State::Broken,
            },
            State::Number(number) => return self.in_number(number, byte),
            _ => State::Broken,
        };
    }

    fn in_string(&mut self, byte: u8) {
        match byte {
            b'"' if self.is_name => (self.is_name, self.state) = (false, State::Colon),
            b'"' => self.state = State::Next,
            b'\\' => self.state = State::Escape,
            0..0x20 => self.state = State::Broken,
            _ => {}
        }
    }

    /// A number ends with what follows it.
    fn in_number(&mut self, number: Number, byte: u8) {
        match number.then(byte) {
            Some(number) => self.state = State::Number(number),
            None if number.is_whole() => {
                self.state = State::Next;
                self.take(byte);
            }
            None => self.state = State::Broken,
        }
    }

    fn value(&mut self, byte: u8) -> State {
        match byte {
            b'"' => State::String,
            b'{' => self.open(true),
            b'[' => self.open(false),
            b't' => State::Word(b"rue"),
            b'f' => State::Word(b"alse"),
            b'n' => State::Word(b"ull"),
            b'-' => State::Number(Number::Minus),
            b'0' => State::Number(Number::Zero),
            b'1'..=b'9' => State::Number(Number::Digits),
            _ => State::Broken,
        }
    }

    fn next(&mut self, byte: u8) -> State {
        let in_object = self.objects & 1 == 1;
        match byte {
            b',' if in_object => State::Name { may_end: false },
            b',' => State::Value { may_end: false },
            b'}' => self.close(true),
            b']' => self.close(false),
            _ => State::Broken,
        }
    }

    fn open(&mut self, object: bool) -> State {
        if self.depth == DEPTH_MAX {
            return State::TooDeep;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        if object { State::Name { may_end: true } } else { State::Value { may_end: true } }
    }

    fn close(&mut self, object: bool) -> State {
        if (self.objects & 1 == 1) != object {
            return State::Broken;
        }
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        if self.depth == 0 { State::End } else { State::Next }
    }
}

// === impl Number ===

impl Number {
    /// How far it is with one more byte; `None` where the byte is not of the number.
    const fn then(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') | (Self::Digits, b'0'..=b'9') => Some(Self::Digits),
            (Self::Zero | Self::Digits, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Digits | Self::Fraction, b'e' | b'E') => Some(Self::E),
            (Self::E, b'+' | b'-') => Some(Self::Sign),
            (Self::E | Self::Sign | Self::Exponent, b'0'..=b'9') => Some(Self::Exponent),
            _ => None,
        }
    }

    const fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Digits | Self::Fraction | Self::Exponent)
    }
}
