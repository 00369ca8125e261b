//! What an expression asks for.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};

/// The names that an expression depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refers {
    /// Variables, each once; `params` is not among them.
    pub variables: Vec<String>,
    /// Fields of `params`, each once.
    pub fields: Vec<String>,
    /// Whether it asks for `params` as a whole, so that it depends on every field.
    pub whole: bool,
    /// Texts that are written in it, but for the names of fields of `params`.
    pub texts: Vec<String>,
}

pub(super) fn refers(root: &IdedExpr) -> Refers {
    let mut found = Refers::default();
    walk(root, &mut Vec::new(), &mut found);
    found
}

fn note(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

fn is_params(node: &IdedExpr, bound: &[String]) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name == "params" && !bound.contains(name))
}

fn walk(node: &IdedExpr, bound: &mut Vec<String>, found: &mut Refers) {
    match &node.expr {
        Expr::Ident(name) if name == "params" && !bound.contains(name) => found.whole = true,
        Expr::Ident(name) if !bound.contains(name) && !name.starts_with('@') => note(&mut found.variables, name),
        Expr::Literal(LiteralValue::String(text)) => note(&mut found.texts, text.inner()),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        Expr::Select(select) if is_params(&select.operand, bound) => note(&mut found.fields, &select.field),
        Expr::Select(select) => walk(&select.operand, bound, found),
        Expr::Call(call) => {
            if let (
                operators::INDEX,
                [
                    of,
                    IdedExpr {
                        expr: Expr::Literal(LiteralValue::String(field)),
                        ..
                    },
                ],
            ) = (call.func_name.as_str(), call.args.as_slice())
                && is_params(of, bound)
            {
                note(&mut found.fields, field.inner());
                return;
            }
            call.target.iter().for_each(|target| walk(target, bound, found));
            call.args.iter().for_each(|argument| walk(argument, bound, found));
        }
        Expr::List(list) => list.elements.iter().for_each(|item| walk(item, bound, found)),
        Expr::Map(map) => map.entries.iter().for_each(|of| entry(&of.expr, bound, found)),
        Expr::Struct(of) => of.entries.iter().for_each(|of| entry(&of.expr, bound, found)),
        Expr::Comprehension(comprehension) => {
            walk(&comprehension.iter_range, bound, found);
            walk(&comprehension.accu_init, bound, found);
            let around = bound.len();
            bound.push(comprehension.accu_var.clone());
            bound.push(comprehension.iter_var.clone());
            bound.extend(comprehension.iter_var2.clone());
            walk(&comprehension.loop_cond, bound, found);
            walk(&comprehension.loop_step, bound, found);
            walk(&comprehension.result, bound, found);
            bound.truncate(around);
        }
    }
}

fn entry(entry: &EntryExpr, bound: &mut Vec<String>, found: &mut Refers) {
    match entry {
        EntryExpr::StructField(field) => walk(&field.value, bound, found),
        EntryExpr::MapEntry(entry) => {
            walk(&entry.key, bound, found);
            walk(&entry.value, bound, found);
        }
    }
}
