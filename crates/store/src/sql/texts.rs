//! Functions of texts.

use sqlparser::ast::Expr;

use super::expression::{Allow, Names, Term};
use super::{SqlError, Ty};

// === impl Names ===

impl<'a> Names<'a> {
    /// Functions of texts.
    pub(super) fn of_texts(
        &self,
        name: &str,
        args: &[&'a Expr],
        allow: Allow,
    ) -> Result<Option<Term>, SqlError> {
        let one = |sql: &str, ty| -> Result<Option<Term>, SqlError> {
            let [arg] = args else { return Ok(None) };
            let text = self.text(arg, allow)?;
            Ok(Some(Term::of(sql.replace("{}", &text.sql), ty, &[&text])))
        };
        let two = |sql: &str, ty| -> Result<Option<Term>, SqlError> {
            let [a, b] = args else { return Ok(None) };
            let (a, b) = (self.text(a, allow)?, self.text(b, allow)?);
            Ok(Some(Term::of(format!("{sql}({}, {})", a.sql, b.sql), ty, &[&a, &b])))
        };
        match (name, args) {
            ("lower", _) => one("lower({})", Ty::Str),
            ("upper", _) => one("upper({})", Ty::Str),
            ("length", _) => one("length(CAST({} AS BLOB))", Ty::UInt),
            ("empty", _) => one("({} = '')", Ty::UInt),
            ("notEmpty", _) => one("({} <> '')", Ty::UInt),
            ("startsWith", _) => two("ch_starts_with", Ty::UInt),
            ("endsWith", _) => two("ch_ends_with", Ty::UInt),
            ("position", _) => two("ch_position", Ty::UInt),
            ("like", _) => two("ch_like", Ty::UInt),
            ("ilike", _) => two("ch_ilike", Ty::UInt),
            ("substring" | "substr", [text, from]) => {
                self.substring(text, from, None, allow).map(Some)
            }
            ("substring" | "substr", [text, from, count]) => {
                self.substring(text, from, Some(count), allow).map(Some)
            }
            ("replaceAll" | "replace", [text, from, to]) => {
                let terms =
                    [self.text(text, allow)?, self.text(from, allow)?, self.text(to, allow)?];
                let [a, b, c] = &terms;
                let sql = format!("replace({}, {}, {})", a.sql, b.sql, c.sql);
                Ok(Some(Term::of(sql, Ty::Str, &[a, b, c])))
            }
            ("concat", [_, _, ..]) => {
                let mut terms = Vec::with_capacity(args.len());
                for arg in args {
                    terms.push(self.text(arg, allow)?);
                }
                let texts: Vec<_> = terms.iter().map(|term| term.sql.as_str()).collect();
                let sql = format!("({})", texts.join(" || "));
                Ok(Some(Term::of(sql, Ty::Str, &terms.iter().collect::<Vec<_>>())))
            }
            ("toString", [arg]) => self.to_text(arg, allow),
            ("mapContains", [map, key]) => self.map_contains(map, key).map(Some),
            _ => Ok(None),
        }
    }

    fn to_text(&self, arg: &'a Expr, allow: Allow) -> Result<Option<Term>, SqlError> {
        let term = self.term(arg, allow)?;
        let sql = match term.ty {
            Ty::Str => return Ok(Some(term)),
            Ty::Int | Ty::UInt => format!("CAST({} AS TEXT)", term.sql),
            Ty::Float => format!("ch_float_text({})", term.sql),
            Ty::Time | Ty::DateTime | Ty::Date => {
                format!("ch_time_text({}, '{}')", term.sql, term.ty)
            }
            Ty::Null | Ty::Map | Ty::List => return Ok(None),
        };
        Ok(Some(Term::of(sql, Ty::Str, &[&term])))
    }

    pub(super) fn substring(
        &self,
        text: &'a Expr,
        from: &'a Expr,
        count: Option<&'a Expr>,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        let (text, from) = (self.text(text, allow)?, self.number(from, allow)?);
        let Some(count) = count else {
            let sql = format!("ch_substring({}, {}, 9223372036854775807)", text.sql, from.sql);
            return Ok(Term::of(sql, Ty::Str, &[&text, &from]));
        };
        let count = self.number(count, allow)?;
        let sql = format!("ch_substring({}, {}, {})", text.sql, from.sql, count.sql);
        Ok(Term::of(sql, Ty::Str, &[&text, &from, &count]))
    }
}
