//! Generated queries: joins, subqueries, named ones, unions, groups; all of them are known here.

/// A generator of queries: the choices are its numbers.
struct Queries {
    choices: u64,
    names: usize,
    /// The named subqueries that can be read here.
    named: Vec<Relation>,
}

/// What a query reads: its name, one text and one number of it.
#[derive(Clone)]
struct Relation {
    from: String,
    name: String,
    /// Whether it is `otel_traces` itself, with its columns.
    is_table: bool,
    texts: Vec<String>,
    numbers: Vec<String>,
}

/// A query that has one text and one number, and their names.
struct Query {
    text: String,
    k: String,
    n: String,
}

const TEXTS: [&str; 12] = [
    "SpanName",
    "ServiceName",
    "StatusMessage",
    "TraceState",
    "ScopeName",
    "TraceId",
    "SpanAttributes['note']",
    "SpanAttributes['gen_ai.request.model']",
    "SpanAttributes['gen_ai.input.messages']",
    "ResourceAttributes['project.id']",
    "ResourceAttributes['zone']",
    "concat(SpanName, ScopeVersion)",
];
const NUMBERS: [&str; 4] = [
    "Duration",
    "toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])",
    "toUnixTimestamp(Timestamp)",
    "length(StatusMessage)",
];

impl Queries {
    fn below(&mut self, end: usize) -> usize {
        // splitmix64
        self.choices = self.choices.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.choices;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn name(&mut self, letter: char) -> String {
        self.names += 1;
        format!("{letter}{}", self.names)
    }

    fn relation(&mut self, depth: usize) -> Relation {
        let name = self.name('t');
        let kind = self.below(4);
        if kind == 0 && depth > 0 {
            let query = self.query(depth - 1);
            let texts = vec![format!("{name}.{}", query.k)];
            let numbers = vec![format!("{name}.{}", query.n)];
            let from = format!("({}) AS {name}", query.text);
            return Relation { from, name, is_table: false, texts, numbers };
        }
        if kind == 1 && !self.named.is_empty() {
            let found = self.one(&self.named.clone());
            let under = |it: &String| format!("{name}.{it}");
            return Relation {
                from: format!("{} {name}", found.name),
                is_table: false,
                texts: found.texts.iter().map(under).collect(),
                numbers: found.numbers.iter().map(under).collect(),
                name,
            };
        }
        let table = self.one(&["otel_traces", "otel.otel_traces", "`otel_traces`"]);
        let under = |it: &&str| {
            let mut text = (*it).to_owned();
            for column in [
                "SpanName",
                "ServiceName",
                "StatusMessage",
                "TraceState",
                "ScopeName",
                "ScopeVersion",
                "TraceId",
                "SpanAttributes",
                "ResourceAttributes",
                "Duration",
                "Timestamp",
            ] {
                text = text.replace(column, &format!("{name}.{column}"));
            }
            // `toUnixTimestamp` has a column's name in its own.
            text.replace(&format!("toUnix{name}."), "toUnix")
        };
        Relation {
            is_table: true,
            from: format!("{table} {}{name}", self.one(&["", "AS "])),
            texts: TEXTS.iter().map(under).collect(),
            numbers: NUMBERS.iter().map(under).collect(),
            name,
        }
    }

    fn condition(&mut self, text: &str, number: &str, depth: usize) -> String {
        match self.below(if depth > 0 { 7 } else { 4 }) {
            0 => format!("{text} != 'nothing'"),
            1 => format!("{number} >= 0 OR {text} = ''"),
            2 => format!("NOT ({text} LIKE '%nobody%')"),
            3 => format!("{number} < 5 OR {number} > 1000000"),
            4 => {
                let query = self.query(depth - 1);
                format!(
                    "{text} IN (SELECT {} FROM ({}) AS {})",
                    query.k,
                    query.text,
                    self.name('s')
                )
            }
            5 => {
                let query = self.query(depth - 1);
                let inner = self.name('s');
                format!("{text} NOT IN (SELECT {} FROM ({}) AS {inner})", query.k, query.text)
            }
            _ => {
                let query = self.query(depth - 1);
                let inner = self.name('s');
                format!("{number} <= (SELECT max({}) FROM ({}) AS {inner})", query.n, query.text)
            }
        }
    }

    fn select(&mut self, depth: usize) -> Query {
        let first = self.relation(depth);
        let (mut from, mut texts, mut numbers) = (first.from, first.texts, first.numbers);
        if self.below(3) == 0 {
            let other = self.relation(depth.min(1));
            let join =
                self.one(&["JOIN", "INNER JOIN", "LEFT JOIN", "LEFT OUTER JOIN", "CROSS JOIN"]);
            let on = match (first.is_table, other.is_table) {
                (true, true) if self.below(2) == 0 => {
                    format!("{0}.SpanId = {1}.ParentSpanId", first.name, other.name)
                }
                (true, true) => format!("{0}.TraceId = {1}.TraceId", first.name, other.name),
                _ => format!("{} != {}", "'a'", "'b'"),
            };
            let on = if join == "CROSS JOIN" { String::new() } else { format!(" ON {on}") };
            from = format!("{from} {join} {}{on}", other.from);
            texts.extend(other.texts);
            numbers.extend(other.numbers);
        }
        let (text, number) = (self.one(&texts), self.one(&numbers));
        let (k, n) = (self.name('k'), self.name('n'));
        let filter = match self.below(2) {
            0 => String::new(),
            _ => format!(" WHERE {}", self.condition(&text, &number, depth)),
        };
        let body = match self.below(5) {
            0 => format!("SELECT {text} AS {k}, {number} AS {n} FROM {from}{filter}"),
            1 => format!("SELECT DISTINCT {text} AS {k}, {number} AS {n} FROM {from}{filter}"),
            2 => format!("SELECT max({text}) AS {k}, count() AS {n} FROM {from}{filter}"),
            3 => {
                let sum = self.one(&["sum", "max", "min", "uniqExact"]);
                let having = self.one(&["", " HAVING count() > 0"]);
                format!(
                    "SELECT {text} AS {k}, {sum}({number}) AS {n} FROM {from}{filter} GROUP BY {k}{having}"
                )
            }
            _ => format!(
                "SELECT {text} AS {k}, {number} AS {n} FROM {from}{filter} ORDER BY {k}, {n} LIMIT 5 OFFSET 1"
            ),
        };
        Query { text: body, k, n }
    }

    fn query(&mut self, depth: usize) -> Query {
        match self.below(6) {
            0 if depth > 0 => {
                // Both parts have the names of the first.
                let (one, two) = (self.select(depth - 1), self.select(depth - 1));
                let (k, n) = (self.name('k'), self.name('n'));
                let part = |it: &Query, name: &str| {
                    format!(
                        "SELECT {0} AS {k}, toInt64({1}) AS {n} FROM ({2}) AS {name}",
                        it.k, it.n, it.text
                    )
                };
                let (a, b) = (self.name('u'), self.name('u'));
                Query { text: format!("{} UNION ALL {}", part(&one, &a), part(&two, &b)), k, n }
            }
            1 if depth > 0 => {
                let name = self.name('w');
                let inner = self.select(depth - 1);
                let before = self.named.len();
                self.named.push(Relation {
                    from: name.clone(),
                    is_table: false,
                    name: name.clone(),
                    texts: vec![inner.k],
                    numbers: vec![inner.n],
                });
                let outer = self.select(depth - 1);
                self.named.truncate(before);
                let text = format!("WITH {name} AS ({}) {}", inner.text, outer.text);
                Query { text, k: outer.k, n: outer.n }
            }
            _ => self.select(depth),
        }
    }
}

/// The query of a number.
pub(super) fn generated(choices: u64) -> String {
    Queries { choices, names: 0, named: Vec::new() }.query(3).text
}
