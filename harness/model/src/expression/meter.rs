//! Expressions that count what they do.
//!
//! The crate that evaluates CEL knows no bound. So its tree is changed before it is evaluated: calls are put in that take steps
//! of the [budget](super::budget) where a loop goes round, and where values are copied, compared or read. Each gives back what
//! it was given, so that the value of the whole stays as it was.

use std::sync::{Arc, LazyLock};

use cel::{
    Env, ExecutionError,
    common::{
        ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators},
        types::{CelBool, CelBytes, CelInt, CelList, CelMap, CelString, DYN_TYPE, STRING_TYPE},
        value::{CowVal, Val},
    },
};

use super::budget;

/// Takes as many steps as its argument is large, and is its argument.
const SPEND: &str = "@spend";
/// Takes so many steps, and is true.
const TICK: &str = "@tick";
/// CEL's `matches`, of patterns that are not very large.
pub(super) const MATCHES: &str = "@matches";

/// Bytes of a text that are one step.
const BYTES: u64 = 64;

/// What CEL's functions are, with those that count. It is looked up once.
pub(super) fn env() -> Arc<Env> {
    static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::stdlib();
        let added = [
            env.add_overload(SPEND, SPEND, vec![DYN_TYPE], spend),
            env.add_overload(TICK, TICK, vec![DYN_TYPE], tick),
            env.add_overload(MATCHES, MATCHES, vec![STRING_TYPE, STRING_TYPE], matches),
        ];
        debug_assert!(added.iter().all(Result::is_ok), "the names are ours alone");
        Arc::new(env)
    });
    ENV.clone()
}

fn spend<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = arguments.remove(0);
    budget::take(weight(value.as_ref(), budget::left())).map_err(|spent| error(SPEND, spent))?;
    Ok(value)
}

fn tick<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let steps = arguments[0].downcast_ref::<CelInt>().map_or(1, |steps| *steps.inner());
    budget::take(steps.unsigned_abs()).map_err(|spent| error(TICK, spent))?;
    Ok(CowVal::owned(CelBool::from(true)))
}

fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let texts = arguments[0]
        .downcast_ref::<CelString<'_>>()
        .zip(arguments[1].downcast_ref::<CelString<'_>>());
    let (text, pattern) = texts.ok_or_else(|| error("matches", "it takes texts".to_owned()))?;
    let found = budget::matches(text.inner(), pattern.inner()).map_err(|wrong| error("matches", wrong))?;
    Ok(CowVal::owned(CelBool::from(found)))
}

fn error(function: &str, message: String) -> ExecutionError {
    ExecutionError::function_error(function, message)
}

/// How many parts a value has, each 64 bytes of a text being one; a number above `most` where it has more.
fn weight<'v>(value: &(dyn Val + 'v), most: u64) -> u64 {
    let mut weight = 0_u64;
    let mut open: Vec<&(dyn Val + 'v)> = vec![value];
    while let Some(value) = open.pop() {
        weight += 1;
        if let Some(text) = value.downcast_ref::<CelString<'v>>() {
            weight += text.inner().len() as u64 / BYTES;
        } else if let Some(bytes) = value.downcast_ref::<CelBytes<'v>>() {
            weight += bytes.inner().len() as u64 / BYTES;
        } else if let Some(list) = value.downcast_ref::<CelList<'v>>() {
            if list.inner().len() as u64 > most {
                return most + 1;
            }
            open.extend(list.inner().iter().map(|item| item.as_ref()));
        } else if let Some(map) = value.downcast_ref::<CelMap<'v>>() {
            if map.inner().len() as u64 > most {
                return most + 1;
            }
            for (key, value) in map.inner() {
                open.push(key.inner());
                open.push(value.as_ref());
            }
        }
        if weight > most {
            return most + 1;
        }
    }
    weight
}

/// How many steps it takes to give a value to an expression; a number above `most` where it takes more.
pub(super) fn weight_of_json(value: &serde_json::Value, most: u64) -> u64 {
    use serde_json::Value as J;
    let mut weight = 0_u64;
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        weight += 1;
        match value {
            J::String(text) => weight += text.len() as u64 / BYTES,
            J::Array(items) if items.len() as u64 <= most => open.extend(items),
            J::Object(entries) if entries.len() as u64 <= most => {
                for (key, value) in entries {
                    weight += 1 + key.len() as u64 / BYTES;
                    open.push(value);
                }
            }
            J::Array(_) | J::Object(_) => return most + 1,
            J::Null | J::Bool(_) | J::Number(_) => {}
        }
        if weight > most {
            return most + 1;
        }
    }
    weight
}

/// The expression with what counts put in.
pub(super) fn metered(node: &IdedExpr) -> IdedExpr {
    let expr = match &node.expr {
        Expr::Literal(_) | Expr::Ident(_) | Expr::Unspecified | Expr::Struct(_) => node.expr.clone(),
        Expr::Select(select) => {
            let mut select = select.clone();
            *select.operand = metered(&select.operand);
            Expr::Select(select)
        }
        Expr::Call(of) => return call(node, of),
        Expr::List(list) => Expr::List(ListExpr {
            elements: list.elements.iter().map(spent).collect(),
            optional_indices: list.optional_indices.clone(),
        }),
        Expr::Map(map) => {
            let mut map = map.clone();
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    entry.key = spent(&entry.key);
                    entry.value = spent(&entry.value);
                }
            }
            Expr::Map(map)
        }
        Expr::Comprehension(comprehension) => Expr::Comprehension(Box::new(round(comprehension))),
    };
    IdedExpr { id: node.id, expr }
}

/// The expression as part of one that copies, compares or reads its value.
fn spent(node: &IdedExpr) -> IdedExpr {
    match &node.expr {
        // They are as large as they are written.
        Expr::Literal(_) => node.clone(),
        _ => of(SPEND, vec![metered(node)]),
    }
}

fn call(node: &IdedExpr, call: &CallExpr) -> IdedExpr {
    let all = |change: fn(&IdedExpr) -> IdedExpr| -> Expr {
        Expr::Call(CallExpr {
            func_name: call.func_name.clone(),
            target: call.target.as_ref().map(|target| Box::new(change(target))),
            args: call.args.iter().map(change).collect(),
        })
    };
    let with = |expr: Expr| IdedExpr { id: node.id, expr };
    match call.func_name.as_str() {
        // What these do with their arguments is the same whatever these are.
        operators::CONDITIONAL
        | operators::LOGICAL_AND
        | operators::LOGICAL_OR
        | operators::LOGICAL_NOT
        | operators::NOT_STRICTLY_FALSE
        | operators::NEGATE
        | operators::SUBSTRACT
        | operators::MULTIPLY
        | operators::DIVIDE
        | operators::MODULO => with(all(metered)),
        operators::ADD => of(SPEND, vec![with(all(metered))]),
        operators::INDEX if call.args.len() == 2 => with(Expr::Call(CallExpr {
            func_name: call.func_name.clone(),
            target: None,
            args: vec![metered(&call.args[0]), spent(&call.args[1])],
        })),
        "matches" if call.args.len() + usize::from(call.target.is_some()) == 2 => {
            let arguments = call.target.iter().map(|target| &**target).chain(&call.args);
            of(MATCHES, arguments.map(metered).collect())
        }
        _ => with(all(spent)),
    }
}

/// A loop in which each round takes as many steps as it has parts, and which takes a step for each item beforehand.
fn round(comprehension: &ComprehensionExpr) -> ComprehensionExpr {
    let steps = parts(&comprehension.loop_cond) + parts(&comprehension.loop_step);
    let tick = |then: IdedExpr| {
        let count = literal(LiteralValue::Int(CelInt::from(steps)));
        let never = literal(LiteralValue::Boolean(CelBool::from(false)));
        of(operators::CONDITIONAL, vec![of(TICK, vec![count]), then, never])
    };
    let mut counted = comprehension.clone();
    counted.iter_range = spent(&comprehension.iter_range);
    counted.result = metered(&comprehension.result);
    match appended(comprehension, &tick) {
        Some(step) => counted.loop_step = step,
        None => {
            counted.loop_cond = tick(metered(&comprehension.loop_cond));
            counted.loop_step = metered(&comprehension.loop_step);
        }
    }
    counted
}

/// The step of `map` and `filter`, which the evaluator knows by its form and does without copying what it has so far. So the
/// form has to stay: an item is added, perhaps under a condition.
fn appended(comprehension: &ComprehensionExpr, tick: &dyn Fn(IdedExpr) -> IdedExpr) -> Option<IdedExpr> {
    let is_so_far = |node: &IdedExpr| matches!(&node.expr, Expr::Ident(name) if *name == comprehension.accu_var);
    let is_known = is_so_far(&comprehension.result) && matches!(comprehension.loop_cond.expr, Expr::Literal(_));
    let item = |node: &IdedExpr, change: &dyn Fn(&IdedExpr) -> IdedExpr| -> Option<IdedExpr> {
        let Expr::Call(call) = &node.expr else { return None };
        let [so_far, list] = call.args.as_slice() else {
            return None;
        };
        let Expr::List(items) = &list.expr else { return None };
        if call.func_name != operators::ADD || !is_so_far(so_far) {
            return None;
        }
        let mut items = items.clone();
        items.elements = items.elements.iter().map(change).collect();
        let list = IdedExpr {
            id: list.id,
            expr: Expr::List(items),
        };
        Some(of(operators::ADD, vec![so_far.clone(), list]))
    };
    let Expr::Call(call) = &comprehension.loop_step.expr else {
        return None;
    };
    match call.args.as_slice() {
        _ if !is_known => None,
        [condition, added, otherwise] if call.func_name == operators::CONDITIONAL && is_so_far(otherwise) => {
            let added = item(added, &spent)?;
            Some(of(
                operators::CONDITIONAL,
                vec![tick(metered(condition)), added, otherwise.clone()],
            ))
        }
        _ => item(&comprehension.loop_step, &|node| tick(spent(node))),
    }
}

/// How many parts an expression has; those of loops in it are counted as they go round.
pub(super) fn parts(node: &IdedExpr) -> i64 {
    let of_entry = |entry: &EntryExpr| match entry {
        EntryExpr::StructField(field) => parts(&field.value),
        EntryExpr::MapEntry(entry) => parts(&entry.key) + parts(&entry.value),
    };
    1 + match &node.expr {
        Expr::Literal(_) | Expr::Ident(_) | Expr::Unspecified => 0,
        Expr::Select(select) => parts(&select.operand),
        Expr::Call(call) => call
            .target
            .iter()
            .map(|target| &**target)
            .chain(&call.args)
            .map(parts)
            .sum(),
        Expr::List(list) => list.elements.iter().map(parts).sum(),
        Expr::Map(map) => map.entries.iter().map(|entry| of_entry(&entry.expr)).sum(),
        Expr::Struct(of) => of.entries.iter().map(|entry| of_entry(&entry.expr)).sum(),
        Expr::Comprehension(comprehension) => parts(&comprehension.iter_range),
    }
}

fn of(function: &str, args: Vec<IdedExpr>) -> IdedExpr {
    let call = CallExpr {
        func_name: function.to_owned(),
        target: None,
        args,
    };
    IdedExpr {
        id: 0,
        expr: Expr::Call(call),
    }
}

fn literal(value: LiteralValue) -> IdedExpr {
    IdedExpr {
        id: 0,
        expr: Expr::Literal(value),
    }
}
