//! Days and months of the calendar, in UTC: what budgets are for.

#[cfg(test)]
mod tests;

const DAY_S: u64 = 86_400;
/// Days in 400 years of the Gregorian calendar.
const ERA_DAYS: u64 = 146_097;
/// Days from 1 March of the year 0 to 1970.
const EPOCH_DAYS: u64 = 719_468;
/// Months from March of the year 0 to 1970.
const EPOCH_MONTHS: u64 = 1_970 * 12 - 2;

/// What a budget is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    Day,
    Month,
}

// === impl Period ===

impl Period {
    /// The number of the period that a time is in, counted from 1970.
    pub(crate) const fn number(self, unix_s: u64) -> u64 {
        match self {
            Self::Day => unix_s / DAY_S,
            Self::Month => month_since_march_0(unix_s / DAY_S + EPOCH_DAYS) - EPOCH_MONTHS,
        }
    }

    /// When that period ends, in seconds since 1970.
    pub(crate) const fn end_s(self, unix_s: u64) -> u64 {
        match self {
            Self::Day => (unix_s / DAY_S + 1) * DAY_S,
            Self::Month => {
                let next = month_since_march_0(unix_s / DAY_S + EPOCH_DAYS) + 1;
                (first_day(next) - EPOCH_DAYS) * DAY_S
            }
        }
    }
}

/// Years start in March, so that the leap day is the last of one.
const fn month_since_march_0(days: u64) -> u64 {
    let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    (era * 400 + year) * 12 + (5 * day + 2) / 153
}

/// The first day of a month, counted from 1 March of the year 0.
const fn first_day(month: u64) -> u64 {
    let (years, month) = (month / 12, month % 12);
    let (era, year) = (years / 400, years % 400);
    era * ERA_DAYS + 365 * year + year / 4 - year / 100 + (153 * month + 2) / 5
}
