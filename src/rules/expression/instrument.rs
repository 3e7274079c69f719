//! Rewrites an expression so that what it costs is charged to the budget of its evaluation.
//!
//! `cel` has no limit of its own. The tree is public, though, and names that begin with `@` cannot be written, so calls
//! are put around the parts that can multiply work: the range of every loop, every text or list that is made, and
//! every text that is searched. A loop over `n` elements is charged before it starts, so nesting cannot escape.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, operators};

/// Charges a value by its size and hands it on.
pub(super) const SIZED: &str = "@sized";

/// Charges the elements of a loop by number and size and hands them on.
pub(super) const RANGE: &str = "@range";

/// `matches` with a pattern compiled at load.
pub(super) const MATCHES: &str = "@matches";

/// Puts the charges in.
pub(super) fn instrument(node: &mut IdedExpr) {
    match &mut node.expr {
        Expr::Call(call) => {
            instrument_call(call);
            if makes_a_value(call) {
                wrap(node, SIZED);
            }
        }
        Expr::Comprehension(comprehension) => instrument_loop(comprehension),
        Expr::List(list) => list.elements.iter_mut().for_each(instrument_element),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                match &mut entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        instrument_element(&mut entry.key);
                        instrument_element(&mut entry.value);
                    }
                    EntryExpr::StructField(field) => instrument_element(&mut field.value),
                }
            }
        }
        Expr::Select(select) => instrument(&mut select.operand),
        Expr::Struct(_) | Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
    }
}

fn instrument_call(call: &mut CallExpr) {
    if let Some(target) = &mut call.target {
        instrument(target);
    }
    call.args.iter_mut().for_each(instrument);
    match call.func_name.as_str() {
        "matches" => {
            call.func_name = MATCHES.to_owned();
            if let Some(target) = call.target.take() {
                call.args.insert(0, *target);
            }
        }
        "contains" | "startsWith" | "endsWith" => {
            if let Some(target) = &mut call.target {
                wrap(target, SIZED);
            }
        }
        operators::IN => call.args.iter_mut().skip(1).for_each(|list| wrap(list, SIZED)),
        operators::EQUALS | operators::NOT_EQUALS => {
            call.args.iter_mut().take(1).for_each(|left| wrap(left, SIZED));
        }
        _ => {}
    }
}

fn instrument_loop(comprehension: &mut ComprehensionExpr) {
    instrument(&mut comprehension.iter_range);
    wrap(&mut comprehension.iter_range, RANGE);
    instrument(&mut comprehension.accu_init);
    instrument(&mut comprehension.loop_cond);
    instrument(&mut comprehension.loop_step);
    instrument(&mut comprehension.result);
}

/// Elements of lists and maps are copied into them.
fn instrument_element(node: &mut IdedExpr) {
    instrument(node);
    if !matches!(node.expr, Expr::Literal(_)) {
        wrap(node, SIZED);
    }
}

/// `+` makes a longer text or list. The steps of `map` and `filter` are `@result + […]` too: `cel` appends in place
/// when it recognises that shape, their elements are charged, and so they are left alone.
fn makes_a_value(call: &CallExpr) -> bool {
    let accumulates = matches!(
        call.args.first().map(|first| &first.expr),
        Some(Expr::Ident(name)) if name.starts_with('@')
    );
    call.func_name == operators::ADD && !accumulates
}

fn wrap(node: &mut IdedExpr, function: &str) {
    let inner = std::mem::take(node);
    *node = IdedExpr {
        id: inner.id,
        expr: Expr::Call(CallExpr {
            func_name: function.to_owned(),
            target: None,
            args: vec![inner],
        }),
    };
}
