//! The types of ClickHouse as far as they are known here, and what holds them in SQLite.

use std::fmt;

/// A value's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ty {
    /// `NULL` itself.
    Null,
    /// `String`: text.
    Str,
    /// A signed integer.
    Int,
    /// An unsigned integer; truth values are such.
    UInt,
    /// `Float64`.
    Float,
    /// `DateTime64(9)`: nanoseconds since 1970.
    Time,
    /// `DateTime`: nanoseconds since 1970, whole seconds.
    DateTime,
    /// `Date`: nanoseconds since 1970, whole days.
    Date,
    /// `Map(String, String)`: a JSON object.
    Map,
    /// An array: JSON. It can be shown, not computed with.
    List,
}

// === impl Ty ===

impl Ty {
    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::UInt | Self::Float | Self::Null)
    }

    pub(super) const fn is_integer(self) -> bool {
        matches!(self, Self::Int | Self::UInt)
    }

    pub(super) const fn is_time(self) -> bool {
        matches!(self, Self::Time | Self::DateTime | Self::Date)
    }

    /// The value that stands where there is none: aggregates over nothing, the right side of a
    /// `LEFT JOIN` without a match. ClickHouse has no NULL there.
    pub(super) const fn absent(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Str => "''",
            Self::Int | Self::UInt | Self::Time | Self::DateTime | Self::Date => "0",
            Self::Float => "0.0",
            Self::Map => "'{}'",
            Self::List => "'[]'",
        }
    }

    /// The type that holds both, if one does.
    pub(super) fn common(self, other: Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Self::Null, known) | (known, Self::Null) => Some(known),
            (a, b) if a.is_integer() && b.is_integer() => Some(Self::Int),
            (a, b) if a.is_number() && b.is_number() => Some(Self::Float),
            (a, b) if a.is_time() && b.is_time() => {
                let finest =
                    if a == Self::Time || b == Self::Time { Self::Time } else { Self::DateTime };
                Some(finest)
            }
            _ => None,
        }
    }

    /// Whether values of the two can be compared.
    pub(super) fn compares_with(self, other: Self) -> bool {
        !matches!(self, Self::Map | Self::List) && self.common(other).is_some()
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "NULL",
            Self::Str => "String",
            Self::Int => "Int64",
            Self::UInt => "UInt64",
            Self::Float => "Float64",
            Self::Time => "DateTime64(9)",
            Self::DateTime => "DateTime",
            Self::Date => "Date",
            Self::Map => "Map(String, String)",
            Self::List => "Array",
        })
    }
}
